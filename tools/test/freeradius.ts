// FreeRADIUS, for suites that log in by it: each starts its own, on loopback and in a directory of its own (tests/support/freeradius.ts).
import { existsSync } from 'node:fs'
import { installPackages } from './debian.ts'
import type { Resource } from './resources.ts'

const places = ['/usr/sbin/freeradius', '/usr/sbin/radiusd', '/usr/local/sbin/radiusd']

function findServer(): string | undefined {
  return places.find((path) => existsSync(path))
}

export const freeradius: Resource = {
  name: 'freeradius',
  available: () => findServer() !== undefined,
  install: () => installPackages('freeradius'),
  async start() {
    return { env: { COFFER_TEST_FREERADIUS: findServer() ?? 'freeradius' }, stop: async () => {} }
  },
}
