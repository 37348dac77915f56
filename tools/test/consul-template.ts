// consul-template, unmodified from the Go module proxy, for the suite that has it render a file. Built anew for a run: half
// a minute with a warm module cache.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { go } from './go.ts'
import type { Resource } from './resources.ts'

const MODULE = 'github.com/hashicorp/consul-template@v0.41.1'

export const consulTemplate: Resource = {
  name: 'consul-template',
  available: () => go.available(),
  async start() {
    const folder = mkdtempSync(join(tmpdir(), 'coffer-consul-template-'))
    const { env } = await go.start()
    const built = spawnSync(env['COFFER_TEST_GO'] ?? 'go', ['install', MODULE], { encoding: 'utf8', cwd: folder, env: { ...process.env, HOME: process.env['HOME'] ?? folder, GOBIN: folder, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' } })
    if (built.status !== 0) throw new Error(`consul-template could not be built: ${built.stderr}`)
    return { env: { ...env, COFFER_TEST_CONSUL_TEMPLATE: join(folder, 'consul-template') }, stop: async () => rmSync(folder, { recursive: true, force: true }) }
  },
}
