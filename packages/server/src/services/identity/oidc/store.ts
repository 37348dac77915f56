// How the state is read and changed: reads one entry at a time, changes one at a time in an organization, each with its audit record.

import { auditedWrite } from '../../../kernel/audited-write.ts'
import type { Call, Grant } from '../../../kernel/call.ts'
import { fail, type CofferError } from '../../../kernel/errors.ts'
import type { SealedView } from '../../../kernel/ports/sealed-store.ts'
import type { Database, Transaction } from '../../../kernel/storage.ts'
import type { DirectoryPorts } from '../change.ts'

export interface OidcPorts {
  readonly database: Database
  view(orgId: string): SealedView
  within(tx: Transaction, orgId: string): SealedView
  readonly directory: DirectoryPorts
  /** Scheme, host and port under which this server is reached, where no issuer is configured. */
  readonly address: string
  /** How clients name the organization: slugs with a slash behind each; empty for root. */
  namespaceOf(orgId: string): Promise<string>
  readonly rootOrgId: string
  now(): number
}

export const bad = (code: string, message: string, field?: string): CofferError => fail('invalid_request', `oidc.${code}`, message, field === undefined ? {} : { field })

export interface Changing {
  readonly view: SealedView
  readonly tx: Transaction
  readonly at: number
}

const lock = async (tx: Transaction, orgId: string): Promise<void> => {
  await tx.query("select pg_advisory_xact_lock(hashtextextended('coffer/oidc/' || $1::text, 0))", [orgId])
}

/** A change that somebody asked for. What refers to what is checked and written under one lock. */
export const change = <T>(ports: OidcPorts, _grant: Grant, call: Call, work: (changing: Changing) => Promise<T>): Promise<T> =>
  auditedWrite(ports.database, call, {}, async (tx) => {
    await lock(tx, call.orgId)
    return work({ view: ports.within(tx, call.orgId), tx, at: Math.trunc(call.now()) })
  })

/** A change that time asked for. */
export const upkeep = <T>(ports: OidcPorts, orgId: string, work: (changing: Changing) => Promise<T>): Promise<T> =>
  ports.database.transaction(orgId, async (tx) => {
    await lock(tx, orgId)
    return work({ view: ports.within(tx, orgId), tx, at: Math.trunc(ports.now()) })
  })

/** Upkeep is due at that time, if not before. Not while upkeep is done, which would not see what is due and forget the time. */
export const schedule = async (tx: Transaction, orgId: string, at: number): Promise<void> => {
  await tx.query("select pg_advisory_xact_lock_shared(hashtextextended('coffer/oidc/' || $1::text, 0))", [orgId])
  await tx.query('insert into coffer.oidc_upkeep (org_id, due_at) values ($1, $2) on conflict (org_id) do update set due_at = excluded.due_at where coffer.oidc_upkeep.due_at > excluded.due_at', [orgId, new Date(at)])
}

/** Upkeep was done; undefined: nothing is left that time changes. */
export const reschedule = async (tx: Transaction, orgId: string, at: number | undefined): Promise<void> => {
  if (at === undefined) await tx.query('delete from coffer.oidc_upkeep where org_id = $1', [orgId])
  else await tx.query('update coffer.oidc_upkeep set due_at = $2 where org_id = $1', [orgId, new Date(at)])
}

/** Names of the records of a kind for which something holds. */
export const namesWhere = async <T extends object>(records: { names(view: SealedView): Promise<readonly string[]>; get(view: SealedView, name: string): Promise<{ readonly value: T } | undefined> }, view: SealedView, holds: (value: T) => boolean): Promise<readonly string[]> => {
  const found: string[] = []
  for (const name of await records.names(view)) {
    const record = await records.get(view, name)
    if (record !== undefined && holds(record.value)) found.push(name)
  }
  return found
}

/** In Vault's words, where something is still needed. @throws invalid_request */
export const requireUnused = (what: string, by: string, names: readonly string[]): void => {
  if (names.length > 0) throw bad('in_use', `unable to delete ${what} because it is currently referenced by these ${by}: ${names.join(', ')}`)
}
