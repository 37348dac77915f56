// A PostgreSQL as an operator would bring it: the distribution's own binaries, reached over TCP.
import { globSync, existsSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { installPackages } from './debian.ts'
import { startCluster } from './postgres-cluster.ts'
import type { Resource } from './resources.ts'

const oldestSupported = 15
const places = ['/usr/lib/postgresql/*/bin', '/usr/local/pgsql/bin']

function findBinaries(): string | undefined {
  const version = (path: string): number => Number(/postgresql\/(\d+)/.exec(path)?.[1] ?? oldestSupported)
  return places
    .flatMap((pattern) => globSync(pattern))
    .filter((path) => existsSync(`${path}/postgres`) && existsSync(`${path}/initdb`) && version(path) >= oldestSupported)
    .sort((a, b) => version(a) - version(b))[0]
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has no port')
  return address.port
}

export const externalPostgres: Resource = {
  name: 'external-postgres',
  available: () => findBinaries() !== undefined,
  install() {
    installPackages('postgresql-common')
    // Debian would start a server of its own on the standard port.
    writeFileSync('/etc/postgresql-common/createcluster.conf', 'create_main_cluster = false\n')
    installPackages('postgresql')
  },
  async start() {
    const binaries = findBinaries()
    if (binaries === undefined) throw new Error('PostgreSQL 15 or newer is not installed')
    const port = await freePort()
    const cluster = await startCluster({ binaries, settings: { listen_addresses: '127.0.0.1', port: String(port) } })
    const url = `postgresql://postgres:${cluster.password}@127.0.0.1:${port}/postgres`
    return { env: { COFFER_TEST_EXTERNAL_POSTGRES_URL: url }, stop: cluster.stop }
  },
}
