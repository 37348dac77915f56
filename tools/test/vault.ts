// HashiCorp Vault's own program, for suites that compare with it or drive its command line: from PATH, or
// `.cache/peers/vault` as the bench builds it. Building one takes many minutes, so it is never made for a test run.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import type { Resource } from './resources.ts'

const ofTheBench = join(dirname(dirname(import.meta.dirname)), '.cache', 'peers', 'vault')

function findVault(): string | undefined {
  return [process.env['COFFER_TEST_VAULT'], ofTheBench, 'vault'].find((path) => path !== undefined && path !== '' && String(spawnSync(path, ['version'], { encoding: 'utf8' }).stdout).startsWith('Vault v'))
}

export const vault: Resource = {
  name: 'vault',
  isOptional: true,
  available: () => findVault() !== undefined,
  async start() {
    return { env: { COFFER_TEST_VAULT: findVault() ?? 'vault' }, stop: async () => {} }
  },
}
