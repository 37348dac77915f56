// Leases of an engine that makes roles of a real PostgreSQL: whatever happens, no role outlives its lease unnoticed.

import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { fail } from '../kernel/errors.ts'
import { engines } from '../catalog.ts'
import { disableMount, enableMount } from '../system/mounts.ts'
import { create as createTokenOfVault } from '../auth/token/operations.ts'
import * as native from '../platform/leases/operations.ts'
import * as sys from '../system/leases/operations.ts'
import { accountsEngine, createAccount, makeAccounts, type Accounts } from './testing/accounts-engine.ts'
import { tokens } from './testing/contracts.ts'
import { testPlatform, type Client } from './testing/platform.ts'

let accounts: Accounts | undefined
const engine = accountsEngine(() => {
  if (accounts === undefined) throw new Error('no accounts yet')
  return accounts
})
const { root, as, withToken, database, anotherWorker, rootToken, rootOrgId, written } = await testPlatform({ after }, { engines: [...engines, engine] })

// What a test that failed left behind is not the next one's.
beforeEach(async () => {
  accounts = makeAccounts(database.superuser)
  await database.superuser.query('delete from coffer.leases')
  await database.superuser.query("delete from coffer.entries where mount_id = '00000000-0000-0000-0001-000000000010'")
})
const mounted = async (path: string, config: Readonly<Record<string, unknown>> = {}): Promise<string> => {
  await root(enableMount, { path, type: 'accounts', config })
  return path
}
await mounted('db')

const make = (options: Readonly<Record<string, unknown>> = {}, by: Client = root, mount = 'db') => by(createAccount, { role: 'app', ...options }, { mount })
const exists = async (username: string): Promise<boolean> => (await database.superuser.query('select 1 from pg_roles where rolname = $1', [username])).count === 1
const validUntil = async (username: string): Promise<number> => (await database.superuser.query<{ until: Date }>('select rolvaliduntil as until from pg_roles where rolname = $1', [username])).rows[0]?.until.getTime() ?? 0
const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 300; tries++) {
    if (await holds()) return
    await new Promise((resolve) => { setTimeout(resolve, 50) })
  }
  assert.fail(`did not happen: ${what}`)
}
const gone = (username: string): Promise<void> => until(`${username} is dropped`, async () => !(await exists(username)))
const rowsOf = async (): Promise<readonly { readonly name: string; readonly state: string; readonly attempts: number }[]> => (await database.superuser.query<{ name: string; state: string; attempts: number }>('select name, state, attempts from coffer.leases order by name')).rows
const notes = async (): Promise<number> => (await database.superuser.query<{ n: number }>("select count(*)::int as n from coffer.entries where mount_id = '00000000-0000-0000-0001-000000000010'")).rows[0]?.n ?? -1
const dueNow = (): Promise<unknown> => database.superuser.query("update coffer.leases set due_at = now()")

test('a credential comes with a lease that can be looked up and listed', async () => {
  const made = await make({ ttl: 600 })
  assert.match(made.lease.leaseId, /^db\/creds\/app\/[0-9A-Za-z]{24,}$/)
  assert.deepEqual([made.lease.renewable, made.lease.leaseDuration], [true, 600])
  assert.equal(await exists(made.username), true)
  const seen = await root(sys.lookupLease, { lease_id: made.lease.leaseId })
  assert.deepEqual([seen.id, seen.renewable, seen.lastRenewal, Date.parse(seen.expireTime ?? '') - Date.parse(seen.issueTime)], [made.lease.leaseId, true, null, 600_000])
  assert.equal(await validUntil(made.username), Date.parse(seen.expireTime ?? ''))
  assert.deepEqual((await root(sys.listLeasesBelow, { prefix: 'db/creds/app' })).keys, [made.lease.leaseId.slice('db/creds/app/'.length)])
  assert.deepEqual((await root(sys.listLeasesBelow, { prefix: 'db' })).keys, ['creds/'])
  const record = (await written()).find(({ action }) => action === 'accounts.create')
  assert.equal(record?.['status'], 200)
  await root(sys.revokeLease, { lease_id: made.lease.leaseId })
})

test('what the engine wrote down is sealed', async () => {
  const made = await make()
  const { rows } = await database.superuser.query<{ text: string }>("select row_to_json(l)::text || coalesce((select string_agg(encode(sealed, 'escape'), '') from coffer.entries), '') as text from coffer.leases l")
  assert.ok(rows.length > 0)
  for (const { text } of rows) assert.ok(!text.includes(made.username) && !text.includes(made.password))
  await root(sys.revokeLease, { lease_id: made.lease.leaseId })
})

test('ended at once when asked for, and twice is harmless', async () => {
  const made = await make()
  await root(sys.revokeLease, { lease_id: made.lease.leaseId })
  assert.equal(await exists(made.username), false)
  assert.deepEqual(await rowsOf(), [])
  assert.equal(await notes(), 0)
  await root(sys.revokeLease, { lease_id: made.lease.leaseId })
  await assert.rejects(root(sys.lookupLease, { lease_id: made.lease.leaseId }), { kind: 'invalid_request', message: 'invalid lease' })
  assert.equal(accounts?.revoked.get(made.username), 1)
})

test('ended by the queue when nobody waits', async () => {
  const made = await make()
  await root(sys.revokeLease, { lease_id: made.lease.leaseId, sync: false })
  await gone(made.username)
  await until('its row goes', async () => (await rowsOf()).length === 0)
})

test('renewed: the credential lives until the new end, and no longer than the maximum', async () => {
  const made = await make({ ttl: 60, maxttl: 300 })
  const renewed = await root(sys.renewLease, { lease_id: made.lease.leaseId, increment: 120 })
  assert.deepEqual([renewed.lease.leaseId, renewed.lease.leaseDuration, renewed.warnings], [made.lease.leaseId, 120, undefined])
  const seen = await root(sys.lookupLease, { lease_id: made.lease.leaseId })
  assert.equal(await validUntil(made.username), Date.parse(seen.expireTime ?? ''))
  assert.ok(seen.lastRenewal)
  const capped = await root(sys.renewLease, { lease_id: made.lease.leaseId, increment: 10_000 })
  assert.ok(capped.lease.leaseDuration <= 300)
  assert.match(capped.warnings?.[0] ?? '', /^TTL of "2h46m40s" exceeded the effective max_ttl of "(5m|4m\d\ds)"; TTL value is capped accordingly$/)
  await root(sys.revokeLease, { lease_id: made.lease.leaseId })
})

test('one that is not renewable is not renewed', async () => {
  const made = await make({ renewable: false })
  assert.equal(made.lease.renewable, false)
  await assert.rejects(root(sys.renewLease, { lease_id: made.lease.leaseId }), { kind: 'invalid_request', message: 'lease is not renewable' })
  await root(sys.revokeLease, { lease_id: made.lease.leaseId })
})

test('the mount bounds how long a lease lives', async () => {
  await mounted('short', { maxLeaseTtl: 120, defaultLeaseTtl: 30 })
  assert.equal((await make({}, root, 'short')).lease.leaseDuration, 30)
  assert.equal((await make({ ttl: 4000 }, root, 'short')).lease.leaseDuration, 120)
  await root(sys.revokePrefix, { prefix: 'short' })
  assert.deepEqual(await rowsOf(), [])
})

test('an expired lease ends its credential', async () => {
  const made = await make({ ttl: 1 })
  await gone(made.username)
  await until('its row goes', async () => (await rowsOf()).length === 0)
})

test('whatever ends a token ends what it made', async () => {
  const holder = async (more: Readonly<Record<string, unknown>> = {}) => as({ role: 'owner', ...more })
  const revoked = await holder()
  const expiring = await holder({ ttl: 2 })
  const both = [await make({}, revoked.call), await make({}, expiring.call)] as const
  const kept = await make()
  await root(tokens.revokeToken, { accessor: revoked.accessor })
  await gone(both[0].username)
  await until('the token expires', async () => withToken(expiring.token)(tokens.whoami).then(() => false, () => true))
  await gone(both[1].username)
  assert.equal(await exists(kept.username), true)
  await root(sys.revokeLease, { lease_id: kept.lease.leaseId })
})

test('a mount that is disabled ends all its leases', async () => {
  await mounted('passing')
  const made = await Promise.all(Array.from({ length: 5 }, () => make({}, root, 'passing')))
  await root(disableMount, { path: 'passing' })
  for (const { username } of made) await gone(username)
  await until('their rows go', async () => (await rowsOf()).length === 0)
})

test('a credential whose making failed half-way is dropped', async () => {
  assert.ok(accounts)
  let name = ''
  accounts.afterCreate = async (username) => {
    name = username
    throw fail('upstream_failed', 'accounts.down', 'The database went away.')
  }
  await assert.rejects(make(), { code: 'accounts.down' })
  assert.equal(await exists(name), false)
  assert.deepEqual(await rowsOf(), [])
  assert.equal(await notes(), 0)
})

test('one whose maker was killed is found by the queue', async () => {
  assert.ok(accounts)
  const never = Promise.withResolvers<void>()
  let name = ''
  accounts.afterCreate = (username) => {
    name = username
    return never.promise
  }
  const killed = make().then(() => 'answered', () => 'failed')
  await until('the role is made', async () => name !== '' && exists(name))
  // Not seen by anybody while it is being made, and left alone.
  await assert.rejects(root(sys.listLeasesBelow, { prefix: 'db' }), { kind: 'not_found' })
  assert.deepEqual((await rowsOf()).map(({ state }) => state), ['pending'])
  await dueNow()
  await gone(name)
  // Its maker comes back after all: what it holds has ended, and it says so.
  never.resolve()
  assert.equal(await killed, 'failed')
  assert.deepEqual(await rowsOf(), [])
})

test('a token that ends while a credential is made gets none', async () => {
  assert.ok(accounts)
  const holder = await as({ role: 'owner' })
  let name = ''
  accounts.afterCreate = async (username) => {
    name = username
    await root(tokens.revokeToken, { accessor: holder.accessor })
  }
  await assert.rejects(make({}, holder.call), { kind: 'permission_denied', code: 'lease.ended' })
  assert.equal(await exists(name), false)
  assert.deepEqual(await rowsOf(), [])
})

test('a failing engine is asked again with pauses, then the lease is irrevocable, and force forgets it', async () => {
  assert.ok(accounts)
  const made = await make()
  accounts.beforeRevoke = () => Promise.reject(new Error(`password ${made.password} refused`))
  await assert.rejects(root(sys.revokeLease, { lease_id: made.lease.leaseId }), (error: Error) => error.message.startsWith(`failed to revoke "${made.lease.leaseId}"`) && !error.message.includes(made.password))
  assert.deepEqual((await rowsOf()).map(({ state, attempts }) => [state, attempts]), [['revoking', 1]])
  const [row] = (await database.superuser.query<{ pause: number; last_error: string }>('select extract(epoch from due_at - now())::float as pause, last_error from coffer.leases')).rows
  assert.ok(row !== undefined && row.pause > 5 && row.pause < 15)
  assert.ok(!row.last_error.includes(made.password))
  assert.equal((await root(sys.countLeases, { type: 'irrevocable' })).leaseCount, 0)
  for (let attempt = 2; attempt <= 6; attempt++) {
    await dueNow()
    await until(`attempt ${attempt}`, async () => (await rowsOf())[0]?.attempts === attempt && (await database.superuser.query('select 1 from coffer.leases where claim is null')).count === 1)
  }
  const listed = await root(sys.irrevocableLeases, { type: 'irrevocable' })
  assert.deepEqual(listed.leases.map(({ leaseId, mountId }) => [leaseId, /^accounts_[0-9a-f]{8}$/.test(mountId)]), [[made.lease.leaseId, true]])
  assert.equal((await root(sys.countLeases, { type: 'irrevocable' })).leaseCount, 1)
  await assert.rejects(root(sys.renewLease, { lease_id: made.lease.leaseId }), { message: 'lease is expired and has failed previous revocation attempts' })
  await root(sys.revokeForce, { prefix: 'db/creds' })
  assert.deepEqual(await rowsOf(), [])
  assert.equal(await exists(made.username), true)
  await database.superuser.query(`drop role "${made.username}"`)
})

test('several workers revoke each lease once', async () => {
  const other = await anotherWorker()
  const made = []
  for (let n = 0; n < 40; n++) made.push(await make())
  const root2 = other.withToken(rootToken)
  await Promise.all([root(sys.revokePrefix, { prefix: 'db' }), root2(sys.revokePrefix, { prefix: 'db' }), root(sys.revokePrefix, { prefix: 'db', sync: false })])
  for (const { username } of made) assert.equal(await exists(username), false)
  assert.deepEqual(await rowsOf(), [])
  assert.deepEqual(new Set(accounts?.revoked.values()), new Set([1]))
})

test('a claim whose holder was killed runs out, and the next one finishes', async () => {
  const made = await make()
  await database.superuser.query("update coffer.leases set state = 'revoking', claim = gen_random_uuid(), due_at = now() + interval '2 seconds', attempts = 1")
  await new Promise((resolve) => { setTimeout(resolve, 1200) })
  assert.equal(await exists(made.username), true)
  await gone(made.username)
  await until('its row goes', async () => (await rowsOf()).length === 0)
})

test('a row that was altered is not believed', async () => {
  const made = await make({ ttl: 60 })
  await database.superuser.query("update coffer.leases set renewable = not renewable")
  await assert.rejects(root(sys.lookupLease, { lease_id: made.lease.leaseId }), { kind: 'internal', code: 'row.integrity' })
  await assert.rejects(root(sys.renewLease, { lease_id: made.lease.leaseId }), { kind: 'internal', code: 'row.integrity' })
  await database.superuser.query("update coffer.leases set renewable = not renewable")
  await root(sys.revokeLease, { lease_id: made.lease.leaseId })
})

test('row security keeps the leases of an organization from the others', async () => {
  const made = await make()
  const seen = (orgId: string): Promise<number> => database.app.transaction(orgId, async (tx) => (await tx.query('select 1 from coffer.leases')).count)
  assert.equal(await seen(rootOrgId), 1)
  assert.equal(await seen('01900000-0000-7000-8000-000000000001'), 0)
  assert.deepEqual((await database.app.query('select * from coffer.lease_children($1, $2, $3, $4)', ['01900000-0000-7000-8000-000000000001', '', '', 10])).rows, [])
  await root(sys.revokeLease, { lease_id: made.lease.leaseId })
})

test('the leases of a batch token end with it, however they are renewed, and with the token that it was made from', async () => {
  const parent = await as({ role: 'owner', ttl: 3600 })
  const made = await withToken(parent.token)(createTokenOfVault, { type: 'batch', ttl: 120, policies: ['default'] })
  const batch = withToken(made.auth.clientToken)
  const credential = await make({ ttl: 600, maxttl: 1000 }, batch)
  assert.ok(credential.lease.leaseDuration <= 120)
  assert.ok((await root(sys.renewLease, { lease_id: credential.lease.leaseId, increment: 900 })).lease.leaseDuration <= 120)
  await root(tokens.revokeToken, { accessor: parent.accessor })
  await gone(credential.username)
  await until('its row goes', async () => (await rowsOf()).length === 0)
})

test('the native door shows, renews and ends the same leases, to whoever may', async () => {
  const made = await make({ ttl: 60 })
  const auditor = await as({ role: 'auditor', ttl: 600 })
  const seen = await auditor.call(native.get, { id: made.lease.leaseId })
  assert.deepEqual([seen.id, seen.type, seen.renewable, seen.lastRenewedAt], [made.lease.leaseId, 'secret', true, null])
  // Whoever has the policy `default` may look at and renew a lease that he can name, as in Vault; ending it is more.
  await assert.rejects(auditor.call(native.revoke, { id: made.lease.leaseId }), { kind: 'permission_denied' })
  await assert.rejects(auditor.call(native.list, {}), { kind: 'permission_denied' })
  assert.ok(Date.parse((await root(native.renew, { id: made.lease.leaseId, increment: 3000 })).expiresAt) > Date.now() + 2_900_000)
  const all = []
  for (let after: string | undefined; ;) {
    const page = await root(native.list, { limit: 1, ...(after === undefined ? {} : { after }) })
    all.push(...page.items)
    if ((after = page.next) === undefined) break
  }
  assert.deepEqual(new Set(all.map(({ type }) => type)), new Set(['token', 'secret']))
  assert.deepEqual(all.map(({ id }) => id), all.map(({ id }) => id).toSorted())
  assert.deepEqual((await root(native.list, { prefix: 'db/creds' })).items.map(({ id }) => id), [made.lease.leaseId])
  await root(native.revoke, { id: made.lease.leaseId })
  assert.equal(await exists(made.username), false)
  for (const contract of [native.get, native.revoke, native.renew] as const) await assert.rejects(root(contract as typeof native.revoke, { id: made.lease.leaseId }), { kind: 'not_found', code: 'lease.not_found' })
  const token = all.find(({ type }) => type === 'token')
  assert.ok(token)
  await root(native.revoke, { id: token.id })
  await assert.rejects(root(native.get, { id: token.id }), { code: 'lease.not_found' })
})
