// Ordinary programs that suites call, and that a small image may lack.
import { spawnSync } from 'node:child_process'
import { installPackages } from './debian.ts'
import type { Resource } from './resources.ts'

const program = (name: string, versionFlag: string, ...packages: readonly string[]): Resource => ({
  name,
  available: () => spawnSync(name, [versionFlag]).status === 0,
  install: () => installPackages(name, ...packages),
  async start() {
    return { env: {}, stop: async () => {} }
  },
})

export const curl = program('curl', '--version')
// Making and using secret keys is its agent's part.
export const gpg = program('gpg', '--version', 'gpg-agent', 'gpgconf')
export const openssl = program('openssl', 'version')
