// Workers for tests: a register per key in a real database, written with a change row and read through a cache.

import { Freshness, type WakeListener } from '../freshness.ts'
import { systemClock, type Clock } from '../../../lib/clock.ts'
import type { CacheRegion } from '../cache.ts'
import type { Database, Queryable } from '../../../kernel/storage.ts'

export const orgId = '018f0000-0000-7000-8000-000000000001'

/** The registers' table, made by a superuser for the app role. */
export const createRegisters = async (superuser: Queryable, keys: readonly string[]): Promise<void> => {
  await superuser.query('create table coffer.registers (key text primary key, value bigint not null)')
  await superuser.query('grant select, update on coffer.registers to coffer_app')
  await superuser.query('insert into coffer.registers select key, 0 from unnest($1::text[]) as key', [keys])
}

export interface Written {
  readonly xid: string
  readonly value: number
}

/** Counts the register up and says so in the feed, in one transaction. */
export const writeRegister = (database: Database, key: string): Promise<Written> =>
  database.transaction(orgId, async (transaction) => {
    const { rows } = await transaction.query<Written>('update registers set value = value + 1 where key = $1 returning value, pg_current_xact_id()::text as xid', [key])
    await transaction.query('insert into changes (org_id, kind, key) values ($1, $2, $3)', [orgId, 'register', key])
    const written = rows[0]
    if (written === undefined) throw new Error('no such register')
    return written
  })

export interface TestWorkerOptions {
  readonly database: Database
  readonly listen?: ((onWake: () => void) => Promise<WakeListener>) | undefined
  readonly clock?: Clock
  /** Runs between a load's query and its end. */
  readonly slowLoad?: (() => Promise<void>) | undefined
}

export interface TestWorker {
  readonly freshness: Freshness
  readonly registers: CacheRegion<number>
  readonly failures: string[]
  /** As a request reads: from the cache when it may, else from the database. */
  read(key: string): Promise<number>
  /** As a request revokes: resolves when nobody serves the old value any more. */
  revoke(key: string, timeoutMs?: number): Promise<number>
}

/** No NOTIFY ever arrives. */
export const deaf = async (): Promise<WakeListener> => ({ close: async () => undefined })

export const makeWorker = ({ database, listen = deaf, clock = systemClock, slowLoad }: TestWorkerOptions): TestWorker => {
  const failures: string[] = []
  const freshness = new Freshness({ database, clock, listen, nodeId: orgId, hooks: { onFailure: (error) => failures.push(error.code) } })
  const registers = freshness.region<number>({
    name: 'registers',
    maxBytes: 1_000_000,
    maxAgeMs: 60_000,
    affects: { register: ({ key }) => ({ key }), policy: () => 'organization', principal: ({ key }) => ({ tag: key }) },
  })
  const load = async (key: string) => {
    const { rows } = await database.query<{ value: number }>('select value from registers where key = $1', [key])
    await slowLoad?.()
    return { value: rows[0]?.value ?? -1, bytes: 8 }
  }
  return {
    freshness,
    registers,
    failures,
    async read(key) {
      return registers.peek(key) ?? registers.getOrLoad(orgId, key, () => load(key))
    },
    async revoke(key, timeoutMs) {
      const { xid, value } = await writeRegister(database, key)
      freshness.applyLocal([{ orgId, kind: 'register', key }])
      await freshness.confirm(xid, { timeoutMs })
      return value
    },
  }
}
