// What changes of entities and groups have in common: one at a time in an organization (Vault's checks of names and of rings of groups
// are about more rows than one), audited, and effective on every worker when they are answered.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { isUniqueViolation, type Transaction } from '../../kernel/storage.ts'
import { accessorOf, tokenAccessorOf, type OrgRegistry } from '../../kernel/tenancy.ts'
import { randomBytes } from '../../crypto/random.ts'
import type { Note } from './holders.ts'
import type { IssuePorts } from './issue.ts'
import type { TokenKeys } from './tokens.ts'

export interface DirectoryPorts extends IssuePorts {
  registry(orgId: string): Promise<OrgRegistry>
}

export const bad = (code: string, message: string, field?: string): Error => fail('invalid_request', `identity.${code}`, message, field === undefined ? {} : { field })

/** A change under way. */
export interface Change {
  readonly ports: DirectoryPorts
  readonly call: Call
  readonly tx: Transaction
  readonly keys: TokenKeys
  readonly note: Note
  readonly at: number
}

/** Runs a change. Whoever logs in for the first time does not wait for it: when both make the same row, it runs again. */
export const changing = async <T>(ports: DirectoryPorts, grant: Grant, call: Call, work: (change: Change) => Promise<T>): Promise<T> => {
  const keys = await ports.keys(call.orgId)
  const run = (): Promise<T> =>
    auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
      call.says(false)
      await tx.query("select pg_advisory_xact_lock(hashtextextended('coffer/identity/' || $1::text, 0))", [call.orgId])
      const result = await work({ ports, call, tx, keys, note, at: Math.trunc(call.now()) })
      // What else was asked of the policy on the way is not what the record is about.
      call.audit.rule = grant.rule
      call.audit.resourceType = grant.resource.kind
      return result
    })
  try {
    return await run()
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    return run()
  }
}

// What nobody sees in a record or a list, or what could end a line there.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/
const MAX_NAME = 512

/** @throws invalid_request */
export const checkName = (name: string, field: string): string => {
  if (name.length > MAX_NAME || UNSEEN.test(name) || !name.isWellFormed()) throw bad('bad_name', `${JSON.stringify(field)} cannot be used: it is too long, or has characters that cannot be seen.`, field)
  return name
}

const KEY = /^[a-zA-Z0-9=/+_-]+$/
const MOST_PAIRS = 64

/** Vault's limits of metadata of entities and groups. @throws invalid_request */
export const checkMetadata = (what: string, metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const wrong = (why: string): Error => bad('bad_metadata', `invalid ${what} metadata: ${why}`, 'metadata')
  if (Object.keys(metadata).length > MOST_PAIRS) throw wrong(`metadata cannot contain more than ${MOST_PAIRS} key/value pairs`)
  for (const [name, value] of Object.entries(metadata)) {
    if (!KEY.test(name)) throw wrong('key contains invalid characters')
    if (name.length > 128) throw wrong('key is too long (limit: 128 characters)')
    if (name.startsWith('vault-')) throw wrong('key prefix "vault-" is reserved for internal use')
    if (value.length > 512) throw wrong('value is too long (limit: 512 characters)')
  }
  return metadata
}

const PRINTABLE = /^[^\p{C}\p{Zl}\p{Zp}]*$/u

/** The same of what administrators say of aliases. @throws invalid_request */
export const checkCustomMetadata = (metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
  const wrong = (why: string): Error => bad('bad_metadata', `custom_metadata validation failed: ${why}`, 'custom_metadata')
  const count = Object.keys(metadata).length
  if (count > MOST_PAIRS) throw wrong(`payload must contain at most ${MOST_PAIRS} keys, provided ${count}`)
  for (const [name, value] of Object.entries(metadata)) {
    if (name.length === 0 || name.length > 128) throw wrong(`length of key is ${name.length} but must be 0 < len(key) <= 128`)
    if (value.length === 0 || value.length > 512) throw wrong(`length of value is ${value.length} but must be 0 < len(value) <= 512`)
    if (!PRINTABLE.test(name)) throw wrong('key contains unprintable characters')
    if (!PRINTABLE.test(value)) throw wrong('value contains unprintable characters')
  }
  return metadata
}

/** Each once, in order. @throws invalid_request for root, which nobody has by being somebody */
export const cleanIdentityPolicies = (policies: readonly string[]): readonly string[] => {
  const names = [...new Set(policies.map((name) => name.trim()).filter((name) => name !== ''))].sort()
  if (names.some((name) => name.toLowerCase() === 'root')) throw bad('root_policy', 'policies cannot contain root', 'policies')
  return names
}

/** What Vault calls things that nobody named. */
export const makeName = (of: 'entity' | 'group'): string => `${of}_${randomBytes(4).toString('hex')}`

/** The id of the mount that an accessor names; the organization's own for auth/token. */
export const mountIdOf = async ({ ports, call }: Pick<Change, 'ports' | 'call'>, accessor: string): Promise<string | undefined> => {
  if (accessor === tokenAccessorOf(call.orgId)) return call.orgId
  return (await ports.registry(call.orgId)).mounts.find((mount) => accessorOf(mount) === accessor)?.mountId
}

/** @throws invalid_request */
export const requireMount = async (change: Pick<Change, 'ports' | 'call'>, accessor: string): Promise<string> => {
  const mountId = await mountIdOf(change, accessor)
  if (mountId === undefined) throw bad('bad_accessor', `invalid mount accessor ${JSON.stringify(accessor.slice(0, 128))}`, 'mount_accessor')
  return mountId
}

const NO_ID = '00000000-0000-0000-0000-000000000000'
const PAGE = 1000
const MOST = 1_000_000

/** All of a list, page by page: rows come in the order of their ids. */
export const everyPage = async <T>(page: (at: { readonly after: string; readonly limit: number }) => Promise<readonly T[]>, idOf: (row: T) => string): Promise<readonly T[]> => {
  const all: T[] = []
  for (let after = NO_ID; all.length < MOST;) {
    const rows = await page({ after, limit: PAGE })
    all.push(...rows)
    const last = rows[rows.length - 1]
    if (last === undefined || rows.length < PAGE) break
    after = idOf(last)
  }
  return all
}
