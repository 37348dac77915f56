// A worker in the test's own process: everything real (database, keys, spool, listener), composed as worker.ts does it, with
// its counters at hand.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../config/config.ts'
import { makeKeyBytes } from '../../crypto/keys.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { SealControl } from '../../kernel/ports/seal-control.ts'
import type { QueryCounters } from '../../kernel/storage.ts'
import { testDatabase, type TestDatabase, type TestScope } from '../../kernel/testing/database.ts'
import { importRootKey } from '../../keyring/root-key.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { Metrics } from '../../telemetry/metrics.ts'
import { compose } from '../../compose.ts'
import { initialisePlatform } from '../initialise.ts'
import { openPools } from '../pools.ts'
import { noCeremonies } from './no-supervisor.ts'

export interface TestWorker {
  readonly origin: string
  readonly rootToken: string
  readonly database: TestDatabase
  /** Of the connections that requests use; those of freshness, jobs and shipping count elsewhere. */
  readonly statements: QueryCounters
  /** The sum of a counter's series, or of those with these labels. */
  metric(name: string, labels?: string): number
}

const neverSealed = (): SealControl => {
  const refuse = (): never => {
    throw new Error('this worker has no supervisor')
  }
  const status = { type: 'keyfile', initialized: true, sealed: false, threshold: 1, shares: 1, progress: 0, nonce: '', version: 'test' } as unknown as Awaited<ReturnType<SealControl['status']>>
  return new Proxy({ status: async () => status } as unknown as SealControl, { get: (target, name) => (name === 'status' ? target.status : refuse) })
}

const freePort = async (): Promise<number> => {
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export const startTestWorker = async (scope: TestScope, flags: readonly string[] = []): Promise<TestWorker> => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-worker-'))
  const database = await testDatabase(scope)
  const port = await freePort()
  const config = loadConfig({ command: 'server', argv: ['--dev', '--listen', `127.0.0.1:${port}`, ...flags], environment: {}, makeDevDirectory: () => folder })
  const settings = { coffer_app: database.settingsFor('coffer_app'), coffer_jobs: database.settingsFor('coffer_jobs'), coffer_audit: database.settingsFor('coffer_audit'), coffer_migrator: database.settingsFor('coffer_migrator') }
  const rootKey = makeKeyBytes()
  const rootOrgId = makeUuidV7()
  const rootToken = 'root'
  await database.superuser.query('insert into coffer.cluster (cluster_id, cluster_name, root_org_id) values ($1, $2, $3)', [makeUuidV7(), 'test', rootOrgId])
  await database.app.transaction(rootOrgId, (tx) => initialisePlatform(tx, { root: importRootKey(Buffer.from(rootKey), 1), clusterId: makeUuidV7(), rootOrgId }, { rootToken }))
  const metrics = new Metrics()
  const assignment = { config, slot: 0, workers: 1, nodeId: makeUuidV7(), bootId: makeUuidV7(), version: 'test', database: { pooled: settings, direct: settings } }
  const context = { ...assignment, sealControl: neverSealed(), ceremonies: noCeremonies, logger: createLogger({ level: 'error', format: 'json' }), metrics, collectMetrics: async () => [{ labels: {}, families: metrics.snapshot() }], announceStream: async () => undefined }
  const pools = openPools(context)
  const app = await compose(context, pools)
  scope.after(async () => {
    await app.drain()
    rmSync(folder, { recursive: true, force: true })
  })
  await app.unseal(rootKey, 1)
  await app.listen()
  return {
    origin: `http://127.0.0.1:${port}`,
    rootToken,
    database,
    statements: pools.app.counters,
    metric: (name, labels = '') => metrics.snapshot().filter((family) => family.name === name).flatMap(({ samples }) => samples).filter(([, of]) => of.includes(labels)).reduce((sum, [, , value]) => sum + value, 0),
  }
}
