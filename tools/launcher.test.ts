// bin/coffer in copies of the repository's layout: which Node, which code, which arguments. The programs it starts here
// report what they were given; that the real ones start is shown by the suites under tests/.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'

type Report = { code: string; argv: string[]; version: string; conditions: boolean; compileCache: string | null; core: string }

const repository = dirname(import.meta.dirname)
const platformPackage = readdirSync(join(repository, 'node_modules')).find((name) => name.startsWith('node-linux-')) ?? ''
const hour = 3_600_000

const report = (code: string): string => `import { execFileSync } from 'node:child_process'
import { getCompileCacheDir } from 'node:module'
process.stdout.write(JSON.stringify({ code: '${code}', argv: process.argv.slice(2), version: process.version,
  conditions: process.execArgv.includes('--conditions=coffer-source'), compileCache: getCompileCacheDir() ?? null,
  core: execFileSync('/bin/sh', ['-c', 'ulimit -c'], { encoding: 'utf8' }).trim(), leaked: process.env.NODE_COMPILE_CACHE }))
process.exitCode = 7
`

function setAge(path: string, hours: number): void {
  const time = new Date(Date.now() - hours * hour)
  utimesSync(path, time, time)
}

/** A clone with sources an hour old and compiled code younger than that. */
function makeClone(context: TestContext): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'coffer launcher ')))
  context.after(() => rmSync(root, { recursive: true }))
  cpSync(join(repository, 'bin'), join(root, 'bin'), { recursive: true })
  mkdirSync(join(root, 'node_modules'))
  if (platformPackage !== '') symlinkSync(join(repository, 'node_modules', platformPackage), join(root, 'node_modules', platformPackage))
  for (const name of ['server', 'cli', 'client']) {
    const folder = join(root, 'packages', name)
    mkdirSync(join(folder, 'src'), { recursive: true })
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'src', 'main.ts'), report(`${name} source`))
    writeFileSync(join(folder, 'dist', 'main.js'), report(`${name} compiled`))
    writeFileSync(join(folder, 'dist', '.built'), '')
    setAge(join(folder, 'src', 'main.ts'), 2)
    setAge(join(folder, 'src'), 2)
    setAge(join(folder, 'dist', '.built'), 1)
  }
  return root
}

function start(program: string, args: string[] = [], env: Record<string, string> = {}): Report {
  const result = spawnSync(program, args, { encoding: 'utf8', env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...env }, cwd: '/' })
  assert.equal(result.status, 7, `the exit code is the program's own\n${result.stderr}`)
  const parsed = JSON.parse(result.stdout)
  assert.equal(parsed.leaked, undefined, 'no cache setting for the programs that Coffer starts')
  return parsed
}

test('commands go to the CLI, server and start to the server, arguments as they were', (context) => {
  const coffer = join(makeClone(context), 'bin', 'coffer')
  const odd = ['run', '--', 'a b', '', '*', '$HOME', '-n']
  assert.deepEqual(start(coffer, odd).argv, odd)
  assert.equal(start(coffer, odd).code, 'cli compiled')
  assert.equal(start(coffer).code, 'cli compiled')
  assert.equal(start(coffer, ['server', '--dev']).code, 'server compiled')
  assert.equal(start(coffer, ['start']).code, 'server compiled')
})

test('it runs on Node 24 with a compile cache inside the installation and without core dumps', (context) => {
  const root = makeClone(context)
  const { version, compileCache, core, conditions } = start(join(root, 'bin', 'coffer'))
  assert.ok(Number(version.slice(1).split('.')[0]) >= 24)
  assert.ok(compileCache?.startsWith(join(root, 'node_modules', '.cache')))
  assert.equal(core, '0')
  assert.equal(conditions, false)
})

test('it finds its own folder through links and through PATH', (context) => {
  const root = makeClone(context)
  const elsewhere = realpathSync(mkdtempSync(join(tmpdir(), 'coffer-links-')))
  context.after(() => rmSync(elsewhere, { recursive: true }))
  symlinkSync(join(root, 'bin', 'coffer'), join(elsewhere, 'absolute'))
  symlinkSync('absolute', join(elsewhere, 'coffer'))
  assert.equal(start(join(elsewhere, 'coffer')).code, 'cli compiled')
  assert.equal(start('/bin/sh', ['-c', 'exec coffer'], { PATH: `${elsewhere}:/usr/bin:/bin` }).code, 'cli compiled')
})

test('a source newer than the build runs from source, for its own program only', (context) => {
  const root = makeClone(context)
  const coffer = join(root, 'bin', 'coffer')
  setAge(join(root, 'packages', 'client', 'src', 'main.ts'), 0)
  const fromSource = start(coffer, ['whoami'])
  assert.deepEqual([fromSource.code, fromSource.conditions], ['cli source', true])
  assert.equal(start(coffer, ['server']).code, 'server compiled')
  setAge(join(root, 'packages', 'server', 'src'), 0)
  assert.equal(start(coffer, ['server']).code, 'server source')
})

test('without a build it runs from source, and without sources from the build', (context) => {
  const root = makeClone(context)
  const coffer = join(root, 'bin', 'coffer')
  rmSync(join(root, 'packages', 'server', 'dist'), { recursive: true })
  assert.equal(start(coffer, ['server']).code, 'server source')
  for (const name of ['cli', 'client']) rmSync(join(root, 'packages', name, 'src'), { recursive: true })
  assert.equal(start(coffer).code, 'cli compiled')
})

test('without a pinned Node it takes a running one of version 24 or newer, and refuses an older one', (context) => {
  const root = makeClone(context)
  rmSync(join(root, 'node_modules', platformPackage), { force: true })
  const bin = join(root, 'path')
  mkdirSync(bin)
  symlinkSync(process.execPath, join(bin, 'node'))
  assert.equal(start(join(root, 'bin', 'coffer'), [], { PATH: `${bin}:/usr/bin:/bin` }).code, 'cli compiled')
  rmSync(join(bin, 'node'))
  writeFileSync(join(bin, 'node'), '#!/bin/sh\necho false\n')
  chmodSync(join(bin, 'node'), 0o755)
  const old = spawnSync(join(root, 'bin', 'coffer'), [], { encoding: 'utf8', env: { PATH: `${bin}:/usr/bin:/bin` } })
  assert.equal(old.status, 1)
  assert.match(old.stderr, /install Node 24\.7 or newer/)
})

test('without dependencies it says what to do', (context) => {
  const root = makeClone(context)
  rmSync(join(root, 'node_modules'), { recursive: true })
  const result = spawnSync(join(root, 'bin', 'coffer'), [], { encoding: 'utf8' })
  assert.equal(result.status, 1)
  assert.match(result.stderr, /dependencies are not installed; run 'npm ci'/)
})

test('the real command line answers --help', { skip: !existsSync(join(repository, 'packages/cli/src/main.ts')) }, () => {
  const result = spawnSync(join(repository, 'bin', 'coffer'), ['--help'], { encoding: 'utf8', cwd: '/' })
  assert.equal(result.status, 0, result.stderr)
  assert.match(result.stdout, /coffer/)
})
