// Policies and roles through real requests: written, effective at once on every worker, joined, and explained.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { projects, secrets, tokens } from './testing/contracts.ts'
import { testPlatform, type Client } from './testing/platform.ts'
import { macPolicy } from '../services/identity/rows.ts'

const { root, as, withToken, anotherWorker, rootOrgId, database, keyring } = await testPlatform({ after })
const dev = { environment: 'dev' }
await root(projects.updateEnvironment, { project: 'secret', environment: 'prod', protected: true })
for (const environment of ['dev', 'prod']) {
  await root(secrets.put, { key: 'payments/token', environment, value: 'swordfish' })
  await root(secrets.put, { key: 'other', environment, value: 'other' })
}
const write = (name: string, body: object | string, kind: 'json' | 'acl' = 'json') => root(tokens.putPolicy, { name, kind, body: typeof body === 'string' ? body : JSON.stringify(body) })
const remove = (name: string, kind: 'json' | 'acl' = 'json') => root(tokens.deletePolicy, { name, kind })
const may = (promise: Promise<unknown>): Promise<boolean> => promise.then(() => true, (error: { kind: string }) => {
  if (error.kind !== 'permission_denied') throw error
  return false
})
const reveals = (call: Client, key = 'payments/token', environment = 'dev') => may(call(secrets.get, { key, environment, reveal: true }))

test('a policy is effective on every worker when its writing was answered, and gone when its deletion was', async () => {
  const { call, token } = await as({ name: 'at-once' })
  const other = (await anotherWorker()).withToken(token)
  for (let i = 0; i < 3; i++) {
    assert.deepEqual([await reveals(call), await reveals(other)], [false, false])
    await write('at-once', { effect: 'allow', principal: 'service:at-once', actions: ['secrets:read'], resources: ['dev/*'] })
    assert.deepEqual([await reveals(call), await reveals(other)], [true, true])
    await remove('at-once')
  }
  assert.deepEqual([await reveals(call), await reveals(other)], [false, false])
})

test('policies are written, read, listed and deleted by kind and name', async () => {
  const body = 'path "secret/*" { capabilities = ["read"] }'
  await write('same', body, 'acl')
  await write('same', { effect: 'deny', principal: 'user:x', actions: ['secrets:read'], resources: ['dev/x'] })
  assert.equal((await root(tokens.getPolicy, { name: 'same', kind: 'acl' })).body, body)
  assert.deepEqual((await root(tokens.listPolicies)).items.filter(({ name }) => name === 'same').map(({ kind }) => kind), ['acl', 'json'])
  await remove('same', 'acl')
  await assert.rejects(root(tokens.getPolicy, { name: 'same', kind: 'acl' }), { kind: 'not_found', code: 'policy.not_found' })
  await assert.rejects(remove('same', 'acl'), { kind: 'not_found' })
  await remove('same')
})

test('a policy written by two at the same time is one', async () => {
  const deny = { effect: 'deny', principal: 'user:x', actions: ['secrets:read'], resources: ['dev/x'] }
  await Promise.all(Array.from({ length: 6 }, () => write('twice', deny)))
  assert.equal((await root(tokens.listPolicies)).items.filter(({ name }) => name === 'twice').length, 1)
  await remove('twice')
})

test('what is no policy is refused and changes nothing', async () => {
  for (const body of ['', 'nonsense', '[]', '{"effect":"allow"}', '{"effect":"allow","principal":"user:x","actions":["secrets:everything"],"resources":["*"]}', '{"effect":"allow","principal":"user:x","actions":["secrets:read"],"resources":["*"],"condition":{"phase":"moon"}}']) {
    await assert.rejects(write('broken', body), { kind: 'invalid_request' }, body)
  }
  for (const body of ['path "x" {', 'path "x" { capabilities = ["fly"] }']) await assert.rejects(write('broken', body, 'acl'), { kind: 'invalid_request' }, body)
  await assert.rejects(root(tokens.getPolicy, { name: 'broken' }), { kind: 'not_found' })
})

test('a wildcard that reaches every project or environment is accepted with a warning that names it', async () => {
  const { warnings } = await write('wide', { effect: 'allow', principal: 'user:nobody', actions: ['secrets:read'], resources: ['*'] })
  assert.ok((warnings ?? []).some((warning) => warning.includes('*')))
  assert.deepEqual((await write('narrow', { effect: 'allow', principal: 'user:nobody', actions: ['secrets:read'], resources: ['dev/payments/*'] })).warnings, [])
  await remove('wide')
  await remove('narrow')
})

test('an ACL policy grants by path as in Vault, and a deny of either kind holds', async () => {
  await write('payments', 'path "secret/data/dev/payments/*" { capabilities = ["read", "create", "update"] }', 'acl')
  const { call } = await as({ name: 'joined', policies: ['payments'] })
  assert.deepEqual([await reveals(call), await reveals(call, 'other'), await reveals(call, 'payments/token', 'prod')], [true, false, false])
  assert.equal(await may(call(secrets.put, { key: 'payments/new', ...dev, value: 'v' })), true)
  assert.equal(await may(call(secrets.remove, { key: 'payments/token', ...dev })), false)
  await write('no-reveal', { effect: 'deny', principal: 'service:joined', actions: ['secrets:read'], resources: ['dev/payments/*'] })
  assert.equal(await reveals(call), false)
  await remove('no-reveal')
  await write('widen', { effect: 'allow', principal: 'service:joined', actions: ['secrets:read'], resources: ['dev/other'] })
  assert.deepEqual([await reveals(call), await reveals(call, 'other')], [true, true])
  await write('payments', 'path "secret/data/dev/payments/*" { capabilities = ["read"] }\npath "secret/data/dev/other" { capabilities = ["deny"] }', 'acl')
  assert.deepEqual([await reveals(call), await reveals(call, 'other')], [true, false])
})

test('an explanation names the rule that decided, for oneself and, with the right, for another', async () => {
  await write('explained', { effect: 'deny', principal: 'service:explained', actions: ['secrets:read'], resources: ['dev/payments/*'] })
  const holder = await as({ name: 'explained', role: 'reader' })
  const own = await holder.call(tokens.explain, { action: 'reveal', path: 'payments/token', ...dev })
  assert.deepEqual([own.allow, own.rule.startsWith('json:explained')], [false, true])
  const allowed = await holder.call(tokens.explain, { action: 'reveal', path: 'other', ...dev })
  assert.deepEqual([allowed.allow, allowed.rule], [true, 'role:reader@organization'])
  assert.ok(allowed.considered.length > 0)
  const seen = await root(tokens.explain, { action: 'reveal', path: 'payments/token', ...dev, accessor: holder.accessor })
  assert.deepEqual([seen.allow, seen.rule, seen.reason], [own.allow, own.rule, own.reason])
  // Rules that are about others are named only to those who may read the policies.
  assert.ok(own.considered.every(({ matched, rule }) => matched || !rule.startsWith('json:')))
  assert.ok(own.considered.every((rule) => seen.considered.some((other) => other.rule === rule.rule)))
  await assert.rejects(holder.call(tokens.explain, { action: 'reveal', path: 'other', ...dev, accessor: (await as({ role: 'owner' })).accessor }), { kind: 'permission_denied' })
  await assert.rejects(root(tokens.explain, { action: 'reveal', accessor: 'no-such-accessor' }), { kind: 'not_found' })
  await remove('explained')
})

test('where an allow applies but for its conditions, the explanation says which', async () => {
  await write('conditional', { effect: 'allow', principal: 'service:conditional', actions: ['secrets:read'], resources: ['dev/payments/*'], conditions: { mfa: true, notBefore: '2999-01-01T00:00:00Z' } })
  const holder = await as({ name: 'conditional' })
  const { allow, missing, reason } = await holder.call(tokens.explain, { action: 'reveal', path: 'payments/token', ...dev })
  assert.deepEqual([allow, missing], [false, ['mfa', 'notBefore']])
  assert.match(reason, /its conditions are not met: mfa, notBefore\.$/)
  assert.equal((await holder.call(tokens.explain, { action: 'reveal', path: 'elsewhere', ...dev })).missing, undefined)
  await remove('conditional')
})

/** Role → what it may do to a secret of the unprotected and of the protected environment. */
const expected: Readonly<Record<string, readonly [open: string, inProtected: string]>> = {
  auditor: ['read', 'read'],
  reader: ['read reveal', 'read'],
  developer: ['read reveal write delete', 'read'],
  admin: ['read reveal write delete purge', 'read reveal write delete'],
  owner: ['read reveal write delete purge', 'read reveal write delete purge'],
  billing: ['', ''],
}
const deeds = async (call: Client, environment: string, name: string): Promise<string> => {
  const key = `roles/${name}`
  await root(secrets.put, { key, environment, value: 'v' })
  const at = { key, environment }
  const done: string[] = []
  if (await may(call(secrets.get, at))) done.push('read')
  if (await may(call(secrets.get, { ...at, reveal: true }))) done.push('reveal')
  if (await may(call(secrets.put, { ...at, value: 'w' }))) done.push('write')
  if (await may(call(secrets.remove, at))) done.push('delete')
  if (await may(call(secrets.purge, at))) done.push('purge')
  return done.join(' ')
}
for (const [role, [open, inProtected]] of Object.entries(expected)) {
  test(`the role ${role} may ${open === '' ? 'nothing' : open}; in a protected environment ${inProtected === '' ? 'nothing' : inProtected}`, async () => {
    const { call } = await as({ role })
    assert.equal(await deeds(call, 'dev', role), open)
    assert.equal(await deeds(call, 'prod', role), inProtected)
  })
}

test('a role in a project or an environment ends at its border', async () => {
  await root(projects.create, { name: 'elsewhere' })
  await root(secrets.put, { key: 'x', project: 'elsewhere', environment: 'dev', value: 'v' })
  const principal = (await root(tokens.createPrincipal, { name: 'scoped', kind: 'service_account' })).id
  const { call } = await as({ name: 'scoped' })
  const binding = await root(tokens.bindRole, { principal, role: 'developer', project: 'secret', environment: 'dev' })
  const seen = async () => [await reveals(call), await reveals(call, 'other', 'prod'), await may(call(secrets.get, { key: 'x', project: 'elsewhere', environment: 'dev', reveal: true }))]
  assert.deepEqual(await seen(), [true, false, false])
  await root(tokens.bindRole, { principal, role: 'reader', project: 'elsewhere' })
  assert.deepEqual(await seen(), [true, false, true])
  await root(tokens.unbindRole, { binding: binding.id })
  assert.deepEqual(await seen(), [false, false, true])
})

test('protecting an environment takes effect at once', async () => {
  const { call } = await as({ role: 'developer' })
  await root(projects.createEnvironment, { project: 'secret', slug: 'turning' })
  await root(secrets.put, { key: 'x', environment: 'turning', value: 'v' })
  const protect = (value: boolean) => root(projects.updateEnvironment, { project: 'secret', environment: 'turning', protected: value })
  assert.equal(await reveals(call, 'x', 'turning'), true)
  await protect(true)
  assert.equal(await reveals(call, 'x', 'turning'), false)
  await protect(false)
  assert.equal(await reveals(call, 'x', 'turning'), true)
  await assert.rejects(call(projects.updateEnvironment, { project: 'secret', environment: 'turning', protected: true }), { kind: 'permission_denied' })
})

/** A stored policy that this release does not read, with a MAC that holds. */
const storeUnreadable = async (name: string, kind: 'json' | 'acl', body: string): Promise<void> => {
  await write(name, kind === 'json' ? { effect: 'deny', principal: 'user:x', actions: ['secrets:read'], resources: ['dev/x'] } : 'path "x" { capabilities = ["read"] }', kind)
  const { rows } = await database.superuser.query<{ id: string }>('select policy_id as id from coffer.policies where name = $1 and kind = $2', [name, kind])
  const mac = macPolicy((await keyring.organization(rootOrgId)).purpose('rows'), { policyId: rows[0]?.id ?? '', kind, name, body, createdAt: 0, updatedAt: 0, rowVersion: 2 })
  await database.superuser.query('update coffer.policies set body = $1, row_version = 2, mac = $2 where name = $3 and kind = $4', [body, mac, name, kind])
  await write('forget', { effect: 'deny', principal: 'user:nobody', actions: ['secrets:read'], resources: ['none/*'] })
}

test('a stored ACL policy that cannot be read stops its holders, and nobody else', async () => {
  const holder = await as({ policies: ['old-acl'], role: 'owner' })
  const other = await as({ role: 'reader' })
  await storeUnreadable('old-acl', 'acl', 'path "x" { capabilities = ["levitate"] }')
  await assert.rejects(holder.call(tokens.whoami), { kind: 'internal', code: 'policy.unreadable', message: /"old-acl"/ })
  assert.equal(await reveals(other.call), true)
  await remove('old-acl', 'acl')
  assert.equal(await reveals(holder.call), true)
})

test('a stored JSON policy that cannot be read stops everybody but root, who can delete it', async () => {
  const owner = await as({ role: 'owner' })
  await storeUnreadable('old-json', 'json', '{"effect":"deny","principal":"*","actions":["secrets:teleport"],"resources":["*"]}')
  await assert.rejects(owner.call(secrets.list, dev), { kind: 'internal', code: 'policy.unreadable' })
  await assert.rejects(withToken((await as({ role: 'owner' })).token)(tokens.whoami), { code: 'policy.unreadable' })
  assert.equal(await reveals(root), true)
  await remove('old-json')
  assert.equal(await reveals(owner.call), true)
})
