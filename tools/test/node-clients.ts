// Clients of other products for Node, in a directory of this run: exactly the versions of
// tests/compatibility/node/package-lock.json.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Resource } from './resources.ts'

const source = join(dirname(dirname(import.meta.dirname)), 'tests', 'compatibility', 'node')
const attempts = 3

export const nodeClients: Resource = {
  name: 'node-clients',
  available: () => spawnSync('npm', ['--version']).status === 0,
  async start() {
    const folder = mkdtempSync(join(tmpdir(), 'coffer-node-clients-'))
    for (const name of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(source, name), join(folder, name))
    const stop = async (): Promise<void> => rmSync(folder, { recursive: true, force: true })
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      if (spawnSync('npm', ['ci', '--loglevel=error'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 }).status === 0) return { env: { COFFER_TEST_NODE_CLIENTS: folder }, stop }
    }
    await stop()
    throw new Error('the clients for Node could not be installed')
  },
}
