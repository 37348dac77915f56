// Tokens in use: stored as hashes, counted, bound to addresses, locked, renewed and revoked.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { keys, projects, secrets, tokens } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'
import { insert } from './tokens.ts'
import { macPrincipal, readPrincipal } from './rows.ts'
import { reveal } from '../../crypto/secret.ts'

const platform = await testPlatform({ after })
const { root, as, withToken, anotherWorker, rootToken, rootOrgId, database, keyring } = platform
const dev = { environment: 'dev' }
await root(secrets.put, { key: 'app/password', ...dev, value: 'swordfish' })
await root(projects.create, { name: 'other' })
const read = { key: 'app/password', reveal: true, ...dev }
const denied = { kind: 'permission_denied' }
const invalid = { kind: 'unauthenticated', code: 'token.invalid' }

test('the text of a token is shown once and stored nowhere', async () => {
  const { token } = await as({ role: 'reader' })
  assert.match(token, /^hvs\.[0-9A-Za-z]{49}$/)
  const { rows } = await database.superuser.query<{ body: string }>('select to_jsonb(t)::text as body from coffer.tokens t union all select record from coffer.audit_events union all select to_jsonb(i)::text from coffer.idempotency i')
  assert.ok(rows.length > 3)
  for (const { body } of rows) {
    for (const text of [token, rootToken]) assert.ok(!body.includes(text) && !body.includes(Buffer.from(text).toString('hex')))
  }
})

test('nothing like a token gets in: unknown, empty, long, altered, of another organization', async () => {
  const { token } = await as({ role: 'reader' })
  const altered = token.slice(0, -1) + (token.endsWith('a') ? 'b' : 'a')
  for (const text of ['', 'x', 'hvs.', altered, `${token}.nowhere`, `${token} `, 'x'.repeat(20_000), token.toUpperCase()]) await assert.rejects(withToken(text)(tokens.whoami), invalid)
})

test('who holds a token can see what it is', async () => {
  const { call, accessor } = await as({ name: 'payments', role: 'reader', project: 'secret', environment: 'dev', ttl: 3600 })
  const me = await call(tokens.whoami)
  assert.deepEqual([me.accessor, me.principal, me.project, me.environment, me.actorType, me.root], [accessor, 'service:dev:payments', 'secret', 'dev', 'service_account', false])
  assert.equal(Date.parse(me.expiresAt ?? '') - Date.parse(me.createdAt), 3_600_000)
})

test('a token ends by itself, by the clock of the database', async () => {
  const { call } = await as({ role: 'reader', ttl: 1 })
  assert.equal((await call(secrets.get, read)).value, 'swordfish')
  await database.superuser.query('select pg_sleep(1.05)')
  await assert.rejects(call(secrets.get, read), invalid)
})

test('a lifetime that is longer than renewals may carry is refused', async () => {
  for (const [ttl, maxTtl] of [[0, 60], [61, 60]]) await assert.rejects(as({ role: 'reader', ttl, maxTtl }), { code: 'token.ttl_beyond_max', field: 'ttl' })
})

test('renewing moves the end, never past the maximum; without a number it is the token\'s own time', async () => {
  const { call } = await as({ role: 'reader', ttl: 60, maxTtl: 100 })
  const issued = Date.parse((await call(tokens.whoami)).createdAt)
  assert.equal(Date.parse((await call(tokens.renew, { increment: 86_400 })).expiresAt ?? ''), issued + 100_000)
  for (const increment of [{}, { increment: 0 }]) {
    const end = Date.parse((await call(tokens.renew, increment)).expiresAt ?? '')
    assert.ok(end >= issued + 60_000 && end < issued + 90_000)
  }
  assert.ok(Date.parse((await call(tokens.whoami)).expiresAt ?? '') >= issued + 60_000)
  assert.equal((await call(secrets.get, read)).value, 'swordfish')
})

test('a token without an end has nothing to renew', async () => {
  const { call } = await as({ role: 'reader' })
  await assert.rejects(call(tokens.renew), { code: 'token.not_renewable' })
})

test('a counted token opens exactly as often as it was made for, however many try at once', async () => {
  const { token } = await as({ role: 'reader', numUses: 5 })
  const other = await anotherWorker()
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? platform : other).withToken(token)(secrets.get, read)))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 5)
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal((outcome.reason as { kind: string }).kind, 'unauthenticated')
  await assert.rejects(withToken(token)(tokens.whoami), { kind: 'unauthenticated' })
})

test('a token bound to addresses works from there only, mapped or not', async () => {
  const { call } = await as({ role: 'reader', boundCidrs: ['10.1.0.0/16', '2001:db8::/32'] })
  for (const sourceIp of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::1']) assert.equal((await call(secrets.get, read, { sourceIp })).value, 'swordfish')
  for (const sourceIp of ['10.2.0.1', '::ffff:10.2.0.1', '2001:db9::1', 'nonsense', '']) await assert.rejects(call(secrets.get, read, { sourceIp }), invalid)
})

test('what is no address range cannot bind a token', async () => {
  for (const cidr of ['10.0.0.0/33', 'localhost', '', '10.1', '::1/129']) await assert.rejects(as({ role: 'reader', boundCidrs: [cidr] }), { kind: 'invalid_request', field: 'boundCidrs' })
})

test('after a revocation is answered no worker takes the token', async () => {
  const { token, accessor } = await as({ role: 'reader' })
  const other = await anotherWorker()
  const both = [withToken(token), other.withToken(token)]
  for (const call of both) assert.equal((await call(secrets.get, read)).value, 'swordfish')
  assert.deepEqual(await root(tokens.revokeToken, { accessor }), { revoked: 1 })
  for (const call of both) await assert.rejects(call(secrets.get, read), invalid)
  await assert.rejects(root(tokens.revokeToken, { accessor }), { kind: 'not_found', code: 'token.not_found' })
})

test('a holder can end its own token', async () => {
  const { call } = await as({ role: 'reader' })
  assert.deepEqual(await call(tokens.logout), { revoked: 1 })
  await assert.rejects(call(tokens.whoami), invalid)
})

test('with a token go all that were made from it, however deep, and no others', async () => {
  const orgKeys = await keyring.organization(rootOrgId)
  const make = (parentId: string | undefined) =>
    database.app.transaction(rootOrgId, (tx) => insert(orgKeys, tx, { orgId: rootOrgId, shortId: undefined }, { principalId: undefined, parentId, displayName: 'child', policies: [], root: false, lockMountId: undefined, lockEnvironment: undefined, boundCidrs: [], metadata: {}, numUses: 0, ttlSeconds: 0, explicitMaxTtlSeconds: 0, renewable: false, issuePath: 'auth/token/create' }, { at: Date.now() }))
  const parent = await make(undefined)
  const child = await make(parent.row.tokenId)
  const grandchild = await make(child.row.tokenId)
  const stranger = await make(undefined)
  const callOf = (made: typeof parent) => withToken(reveal(made.token, 'for the test'))
  for (const made of [parent, child, grandchild, stranger]) await callOf(made)(tokens.whoami)
  assert.deepEqual(await root(tokens.revokeToken, { accessor: parent.row.accessor }), { revoked: 3 })
  for (const made of [parent, child, grandchild]) await assert.rejects(callOf(made)(tokens.whoami), invalid)
  await callOf(stranger)(tokens.whoami)
})

test('tokens are listed in pages, by accessor', async () => {
  for (let i = 0; i < 3; i++) await as({ role: 'auditor' })
  const seen: string[] = []
  for (let next: string | undefined; ; ) {
    const page = await root(tokens.listTokens, { limit: 2, ...(next === undefined ? {} : { after: next }) })
    seen.push(...page.items.map(({ accessor }) => accessor))
    if ((next = page.next) === undefined) break
  }
  const { rows } = await database.superuser.query<{ accessor: string }>('select accessor from coffer.tokens where expires_at is null or expires_at > now()')
  assert.deepEqual(seen.toSorted(), rows.map(({ accessor }) => accessor).toSorted())
})

test('a cursor that somebody made up is refused as such', async () => {
  const forge = (at: string, kind = 'tokens') => Buffer.concat([Buffer.from([1]), Buffer.from(JSON.stringify([kind, at]))]).toString('base64url')
  for (const after of [forge('x'), forge("' or 1=1"), forge('\u0000'), forge('', 'secrets'), 'AA', '']) await assert.rejects(root(tokens.listTokens, { after }), { kind: 'invalid_request', code: 'request.bad_cursor' })
  for (const at of ['abc', '-1', '1e9', '\u0000', '99999999999999999999']) await assert.rejects(root(secrets.history, { key: 'app/password', ...dev, after: forge(at, 'history') }), { code: 'request.bad_cursor' })
  await assert.rejects(root(secrets.list, { ...dev, after: forge('\u0000', 'secrets') }), { code: 'request.bad_cursor' })
})

test('a locked token reaches nothing outside of its lock, whatever its role', async () => {
  const { call } = await as({ role: 'owner', project: 'secret', environment: 'dev' })
  assert.equal((await call(secrets.get, { key: 'app/password', reveal: true })).value, 'swordfish')
  for (const elsewhere of [{ environment: 'prod' }, { project: 'other', environment: 'dev' }]) await assert.rejects(call(secrets.put, { key: 'x', value: 'y', ...elsewhere }), denied)
  await assert.rejects(call(keys.rotate, {}), denied)
  await assert.rejects(call(tokens.listTokens), denied)
})

test('a locked token makes tokens that are locked as narrowly, and cannot widen', async () => {
  const holder = await as({ role: 'owner', project: 'secret' })
  const inherited = await holder.call(tokens.createToken, { name: 'inherits', role: 'reader' })
  assert.equal(inherited.project, 'secret')
  const narrower = await holder.call(tokens.createToken, { name: 'narrower', role: 'reader', project: 'secret', environment: 'dev' })
  assert.deepEqual([narrower.project, narrower.environment], ['secret', 'dev'])
  await assert.rejects(holder.call(tokens.createToken, { name: 'wider', role: 'reader', project: 'other' }), denied)
  const narrow = await as({ role: 'owner', project: 'secret', environment: 'dev' })
  await assert.rejects(narrow.call(tokens.createToken, { name: 'wider', role: 'reader', project: 'secret', environment: 'prod' }), denied)
})

test('a disabled principal opens nothing, and gets no more tokens', async () => {
  const { token } = await as({ name: 'leaver', kind: 'user', role: 'reader' })
  const row = (await database.superuser.query<{ row: Record<string, unknown> }>("select to_jsonb(p) as row from coffer.principals p where name = 'leaver'")).rows[0]?.row
  assert.ok(row)
  const disabled = { ...readPrincipal(row), disabled: true, rowVersion: 2 }
  const mac = macPrincipal((await keyring.organization(rootOrgId)).purpose('rows'), disabled)
  await database.superuser.query("update coffer.principals set disabled = true, row_version = 2, mac = $1 where name = 'leaver'", [mac])
  await assert.rejects(withToken(token)(secrets.get, read), invalid)
  await assert.rejects(as({ name: 'leaver', kind: 'user', role: 'reader' }), { kind: 'conflict', code: 'principal.disabled' })
})
