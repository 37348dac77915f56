// Builds the peer that the bench compares with, and the load generator for new TLS connections, from the Go module proxy, into the bench cache (never committed).
// Vault 1.21.0 compiles as a module when the `replace` lines of its go.mod for api, api/auth/* and sdk are dropped: the
// proxy's archive does not have those folders. About twelve minutes on two cores.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peersDirectory } from './lib/places.ts'

const MODULE = 'github.com/hashicorp/vault'
const VERSION = 'v1.21.0'
const GENERATOR = 'github.com/tsenart/vegeta/v12@v12.13.0'

const run = (command: string, args: readonly string[], cwd?: string): string => {
  const result = spawnSync('nice', ['-n', '19', command, ...args], { cwd, encoding: 'utf8', env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod -buildvcs=false', GOBIN: peersDirectory }, stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 64 * 1024 * 1024 })
  if (result.status !== 0) throw new Error(`${command} ${args[0] ?? ''} failed`)
  return result.stdout
}

mkdirSync(peersDirectory, { recursive: true })
if (!existsSync(join(peersDirectory, 'vegeta'))) run('go', ['install', GENERATOR])

const binary = join(peersDirectory, 'vault')
if (existsSync(binary)) {
  console.log(`${binary} is there already; delete it to build it anew`)
} else {
  const source = join(peersDirectory, `vault-${VERSION}`)
  const downloaded: unknown = JSON.parse(run('go', ['mod', 'download', '-json', `${MODULE}@${VERSION}`]))
  const from = typeof downloaded === 'object' && downloaded !== null && 'Dir' in downloaded && typeof downloaded.Dir === 'string' ? downloaded.Dir : undefined
  if (from === undefined) throw new Error('go did not say where the module is')
  rmSync(source, { recursive: true, force: true })
  cpSync(from, source, { recursive: true })
  run('chmod', ['-R', 'u+w', source])
  const goMod = join(source, 'go.mod')
  const kept = readFileSync(goMod, 'utf8').split('\n').filter((line) => !/^(replace )?\s*github\.com\/hashicorp\/vault\/(api|api\/auth\/[a-z]+|sdk) => /.test(line))
  writeFileSync(goMod, kept.join('\n'))
  console.log('building; this takes about twelve minutes')
  run('go', ['build', '-trimpath', '-ldflags', `-s -w -X ${MODULE}/version.fullVersion=${VERSION.slice(1)}`, '-o', binary, '.'], source)
  rmSync(source, { recursive: true, force: true })
  console.log(`built ${binary}`)
}
