// What `coffer doctor` asks: whether the installation is as safe as its operators think.

import { checkServer } from '../storage/server-check.ts'
import type { Check } from '../system/index.ts'
import { asCofferError } from '../kernel/errors.ts'
import type { DomainParts } from './domain.ts'

const ok = (name: string, message: string): Check => ({ name, state: 'ok', message })

const databaseCheck = async ({ pools }: DomainParts): Promise<readonly Check[]> => {
  try {
    await checkServer(pools.app)
    const replication = await pools.app.query<{ names: string }>("select current_setting('synchronous_standby_names') as names")
    const synchronous = (replication.rows[0]?.names ?? '') !== ''
    return [
      ok('database', 'The database keeps what it acknowledges on stable storage.'),
      synchronous ? ok('replication', 'Writes wait for a synchronous standby: they survive a failover.') : { name: 'replication', state: 'warning', message: 'There is no synchronous standby: writes that were acknowledged last may be lost in a failover. Set synchronous_standby_names if you have standbys.' },
    ]
  } catch (error) {
    return [{ name: 'database', state: 'problem', message: asCofferError(error).message }]
  }
}

export const runChecks = async (parts: DomainParts): Promise<readonly Check[]> => {
  const { context, freshness, journal } = parts
  const { config } = context
  const state = freshness.state()
  return [
    ...(await databaseCheck(parts)),
    journal.available ? ok('audit', `Records go to ${config.audit.directory}.`) : { name: 'audit', state: 'problem', message: 'The audit spool takes no records: requests are refused. Look at its disk.' },
    state.leaseUsable ? ok('freshness', 'Caches are under a lease.') : { name: 'freshness', state: 'warning', message: 'The cache lease is not usable; every read goes to the database.' },
    state.timeSuspect ? { name: 'clocks', state: 'problem', message: 'Wall clock, monotonic clock and database clock disagree by more than five seconds.' } : ok('clocks', 'Clocks agree.'),
    keyFileCheck(config),
    config.tls.cert === undefined ? { name: 'tls', state: 'warning', message: 'The listener has no TLS. Keep it on loopback, or behind a proxy that you trust.' } : ok('tls', 'The listener speaks TLS.'),
  ]
}

const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')))

const keyFileCheck = (config: DomainParts['context']['config']): Check => {
  const { keyFile } = config.seal
  if (config.seal.kind !== 'keyfile') return ok('seal', 'The root key opens with shares.')
  if (keyFile !== undefined && parentOf(keyFile) === parentOf(config.dataDir)) return { name: 'seal', state: 'warning', message: 'The key file and the data directory share a parent: one backup may hold both, and then opens by itself.' }
  return ok('seal', 'The key file lies apart from the data.')
}
