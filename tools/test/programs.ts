// Ordinary programs that suites call, and that a small image may lack.
import { spawnSync } from 'node:child_process'
import { installPackages } from './debian.ts'
import type { Resource } from './resources.ts'

const program = (name: string, versionFlag: string): Resource => ({
  name,
  available: () => spawnSync(name, [versionFlag]).status === 0,
  install: () => installPackages(name),
  async start() {
    return { env: {}, stop: async () => {} }
  },
})

export const curl = program('curl', '--version')
export const openssl = program('openssl', 'version')
