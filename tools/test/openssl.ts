// The openssl program: a TLS client that shows what a server asks for in its handshake.
import { spawnSync } from 'node:child_process'
import { installPackages } from './debian.ts'
import type { Resource } from './resources.ts'

export const openssl: Resource = {
  name: 'openssl',
  available: () => spawnSync('openssl', ['version']).status === 0,
  install: () => installPackages('openssl'),
  async start() {
    return { env: {}, stop: async () => {} }
  },
}
