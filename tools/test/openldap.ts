// OpenLDAP's server, for suites that log in by a directory: each starts its own, on loopback and in a directory of its own
// (tests/support/openldap.ts).
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { installPackages } from './debian.ts'
import type { Resource } from './resources.ts'

const places = ['/usr/sbin/slapd', '/usr/libexec/slapd', '/usr/local/libexec/slapd']

function findSlapd(): string | undefined {
  return places.find((path) => existsSync(path))
}

export const openldap: Resource = {
  name: 'openldap',
  available: () => findSlapd() !== undefined,
  install() {
    // Debian would make a directory of its own and start a server for it on the standard port.
    spawnSync('debconf-set-selections', { input: 'slapd slapd/no_configuration boolean true\n' })
    installPackages('slapd')
  },
  async start() {
    return { env: { COFFER_TEST_SLAPD: findSlapd() ?? 'slapd' }, stop: async () => {} }
  },
}
