// An engine with dynamic secrets, as the ones of the catalogue are written: it makes roles of a real PostgreSQL and drops them.

import { defineEngine, type Engine } from '../../kernel/engine.ts'
import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation } from '../../kernel/operation.ts'
import { leased, type HeldLease } from '../../kernel/ports/lease.ts'
import { makeBase62 } from '../../crypto/random.ts'
import { secret } from '../../crypto/secret.ts'
import type { Pool } from '../../storage/pool.ts'

export const createAccount = operation({
  id: 'accounts.create', method: 'POST', path: '/creds/:role', tag: 'accounts', access: 'policy', audit: 'accounts.create', work: 'write', summary: 'Make an account',
  errors: ['invalid_request', 'permission_denied', 'unavailable'],
  input: { role: f.name('Role'), ttl: f.int('Seconds', { min: 0, max: 1_000_000 }).default(0), maxttl: f.int('Seconds', { min: 0, max: 1_000_000 }).default(0), renewable: f.bool('Renewable').default(true) },
  output: { ...leased, username: f.text('Account', { max: 64 }), password: f.secret('Password', { max: 64 }) },
})

/** What a test makes of it: called at each step, and may throw. */
export interface Accounts {
  database: Pool
  /** Before the account is made. */
  beforeCreate: (username: string) => Promise<void>
  afterCreate: (username: string) => Promise<void>
  beforeRevoke: (username: string) => Promise<void>
  /** How often each was revoked. */
  readonly revoked: Map<string, number>
}

export const makeAccounts = (database: Pool): Accounts => ({ database, beforeCreate: async () => undefined, afterCreate: async () => undefined, beforeRevoke: async () => undefined, revoked: new Map() })

const usernameOf = ({ internal }: HeldLease): string => {
  const name = internal !== null && typeof internal === 'object' && 'username' in internal ? internal['username'] : undefined
  if (typeof name !== 'string' || !/^v_[0-9A-Za-z_]+$/.test(name)) throw fail('internal', 'accounts.bad_note', 'The note of the account cannot be read.')
  return name
}

const at = (ms: number): string => new Date(ms).toISOString()

export const accountsEngine = (accounts: () => Accounts): Engine =>
  defineEngine({
    type: 'accounts',
    summary: 'Accounts of a database',
    implement: ({ leases }) =>
      implement(
        { createAccount },
        {
          async createAccount(input, call) {
            const grant = call.authorise('update', { kind: 'engine', apiPath: `${call.mount?.path ?? ''}/creds/${input.role}` })
            const username = `v_${input.role}_${makeBase62(9)}`
            const password = makeBase62(24)
            const { lease } = await leases.issue(grant, call, { kind: 'creds', path: `creds/${input.role}`, ttlSeconds: input.ttl, maxTtlSeconds: input.maxttl, renewable: input.renewable, internal: { username } }, async (expiresAt) => {
              await accounts().beforeCreate(username)
              // Names and times of the test's own making.
              await accounts().database.query(`create role "${username}" login password '${password}' valid until '${at(expiresAt)}'`)
              await accounts().afterCreate(username)
            })
            return { lease, username, password: secret(password) }
          },
        },
      ),
    leases: {
      creds: {
        async renew(lease, expiresAt) {
          await accounts().database.query(`alter role "${usernameOf(lease)}" valid until '${at(expiresAt)}'`)
        },
        async revoke(lease) {
          const username = usernameOf(lease)
          accounts().revoked.set(username, (accounts().revoked.get(username) ?? 0) + 1)
          await accounts().beforeRevoke(username)
          await accounts().database.query(`drop role if exists "${username}"`)
        },
      },
    },
  })
