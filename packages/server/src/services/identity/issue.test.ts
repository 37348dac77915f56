// Nobody gives more than they could bind themselves: every way to a stronger token that a weaker holder might try.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { projects, secrets, tokens } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { GroupRow } from '../../kernel/identity.ts'
import { macBinding, macGroup, macMember } from './rows.ts'

const { root, as, withToken, rootOrgId, database, keyring } = await testPlatform({ after })
const denied = { kind: 'permission_denied' }
await root(projects.create, { name: 'other' })

const policy = (name: string, kind: 'acl' | 'json', body: string | object) => root(tokens.putPolicy, { name, kind, body: typeof body === 'string' ? body : JSON.stringify(body) })
await policy('token-maker', 'acl', 'path "auth/token/create" { capabilities = ["create", "update"] }')
await policy('strong', 'acl', 'path "secret/*" { capabilities = ["create", "read", "update", "delete", "list"] }')
const maker = await as({ name: 'maker', policies: ['token-maker'] })
const admin = await as({ name: 'admin', kind: 'user', role: 'admin' })
const projectAdmin = await as({ name: 'project-admin', kind: 'user' })
await root(tokens.bindRole, { principal: (await root(tokens.listPrincipals)).items.find(({ name }) => name === 'project-admin')?.id, role: 'admin', project: 'secret' })

test('an admin gives every role but owner', async () => {
  for (const role of ['auditor', 'reader', 'developer', 'admin', 'billing']) await admin.call(tokens.createToken, { name: `made-${role}`, role })
  await assert.rejects(admin.call(tokens.createToken, { name: 'made-owner', role: 'owner' }), denied)
  await assert.rejects(admin.call(tokens.createToken, { name: 'made-owner', role: 'owner', project: 'secret', environment: 'dev' }), denied)
})

test('a refused token leaves no principal and no role behind', async () => {
  const { items } = await root(tokens.listPrincipals)
  assert.equal(items.some(({ name }) => name === 'made-owner'), false)
})

test('whoever holds only the path to make tokens gives no role, and no policy that is not its own', async () => {
  const made = await maker.call(tokens.createToken, { name: 'weak' })
  await assert.rejects(withToken(made.token)(secrets.put, { key: 'x', environment: 'dev', value: 'y' }), denied)
  for (const role of ['auditor', 'owner']) await assert.rejects(maker.call(tokens.createToken, { name: 'strong-role', role }), denied)
  await assert.rejects(maker.call(tokens.createToken, { name: 'strong-policy', policies: ['strong'] }), denied)
  assert.deepEqual((await maker.call(tokens.createToken, { name: 'same', policies: ['token-maker'] })).policies, ['token-maker'])
})

test('nobody gives the policy root', async () => {
  await assert.rejects(root(tokens.createToken, { name: 'rooted', policies: ['root'] }), { code: 'token.root_policy' })
  await assert.rejects(admin.call(tokens.createToken, { name: 'rooted', policies: ['root'] }), { code: 'token.root_policy' })
})

test('no token is made for somebody who already has more', async () => {
  await as({ name: 'boss', kind: 'user', role: 'owner' })
  for (const by of [maker, admin, projectAdmin]) await assert.rejects(by.call(tokens.createToken, { name: 'boss', kind: 'user' }), denied)
  // A lock does not help: what it would confine is still not the maker's to give.
  await assert.rejects(maker.call(tokens.createToken, { name: 'boss', kind: 'user', project: 'secret', environment: 'dev' }), denied)
})

test('nor for a member of a stronger group', async () => {
  await as({ name: 'member', kind: 'user' })
  const principalId = (await database.superuser.query<{ id: string }>("select principal_id as id from coffer.principals where name = 'member'")).rows[0]?.id ?? ''
  const key = (await keyring.organization(rootOrgId)).purpose('rows')
  const group: GroupRow = { groupId: makeUuidV7(), kind: 'internal', name: 'owners', policies: [], metadata: {}, createdAt: 0, updatedAt: 0, rowVersion: 1 }
  const binding = { bindingId: makeUuidV7(), principalId: undefined, groupId: group.groupId, role: 'owner', mountId: undefined, environment: undefined, rowVersion: 1 }
  await database.superuser.query('insert into coffer.groups (org_id, group_id, name, policies, row_version, mac) values ($1, $2, $3, $4, 1, $5)', [rootOrgId, group.groupId, group.name, group.policies, macGroup(key, group)])
  await database.superuser.query('insert into coffer.group_members (org_id, group_id, principal_id, row_version, mac) values ($1, $2, $3, 1, $4)', [rootOrgId, group.groupId, principalId, macMember(key, group.groupId, principalId, 1)])
  await database.superuser.query('insert into coffer.role_bindings (org_id, binding_id, group_id, role, row_version, mac) values ($1, $2, $3, $4, 1, $5)', [rootOrgId, binding.bindingId, group.groupId, binding.role, macBinding(key, binding)])
  for (const by of [maker, admin]) await assert.rejects(by.call(tokens.createToken, { name: 'member', kind: 'user' }), denied)
  const made = await root(tokens.createToken, { name: 'member', kind: 'user' })
  assert.equal((await withToken(made.token)(secrets.put, { key: 'by-group', environment: 'dev', value: 'v' })).version, 1)
})

test('a name that a JSON policy grants to is not for the taking', async () => {
  await policy('named', 'json', { effect: 'allow', principal: 'service:prod:billing', actions: ['secrets:read'], resources: ['prod/*'] })
  await policy('by-display', 'json', { effect: 'allow', principal: 'token:deploy', actions: ['secrets:read'], resources: ['dev/*'] })
  for (const name of ['billing', 'deploy']) {
    await assert.rejects(maker.call(tokens.createToken, { name, ...(name === 'billing' ? { project: 'secret', environment: 'prod' } : {}) }), denied)
  }
  await admin.call(tokens.createToken, { name: 'billing', project: 'secret', environment: 'prod' })
  await projectAdmin.call(tokens.createToken, { name: 'billing-2', project: 'secret', environment: 'prod', role: 'reader' })
})

test('a policy for everybody makes nobody privileged', async () => {
  await policy('everybody', 'json', { effect: 'allow', principal: '*', actions: ['secrets:metadata'], resources: ['dev/public/*'] })
  await maker.call(tokens.createToken, { name: 'anybody' })
})

test('an admin of one project gives roles there and nowhere else', async () => {
  await projectAdmin.call(tokens.createToken, { name: 'here', role: 'developer', project: 'secret' })
  await assert.rejects(projectAdmin.call(tokens.createToken, { name: 'there', role: 'reader', project: 'other' }), denied)
  await assert.rejects(projectAdmin.call(tokens.createToken, { name: 'everywhere', role: 'reader' }), denied)
  await assert.rejects(projectAdmin.call(tokens.createToken, { name: 'owner-here', role: 'owner', project: 'secret' }), denied)
})

test('tokens for one new name at the same time are for one principal', async () => {
  const made = await Promise.all(Array.from({ length: 6 }, () => root(tokens.createToken, { name: 'at-once', role: 'reader' })))
  assert.equal(new Set(made.map(({ token }) => token)).size, 6)
  const { rows } = await database.superuser.query<{ bindings: number }>("select count(*) as bindings from coffer.role_bindings join coffer.principals using (org_id, principal_id) where name = 'at-once'")
  assert.equal((await root(tokens.listPrincipals, { limit: 500 })).items.filter(({ name }) => name === 'at-once').length, 1)
  assert.ok((rows[0]?.bindings ?? 0) >= 1)
})

test('roles are bound to principals that are there, and unbound by who could bind them', async () => {
  const principal = (await root(tokens.createPrincipal, { name: 'bound', kind: 'user' })).id
  await assert.rejects(root(tokens.createPrincipal, { name: 'bound', kind: 'user' }), { kind: 'conflict', code: 'principal.exists' })
  const owner = await root(tokens.bindRole, { principal, role: 'owner' })
  assert.deepEqual(await root(tokens.bindRole, { principal, role: 'owner' }), owner, 'the same binding twice is one')
  await assert.rejects(admin.call(tokens.unbindRole, { binding: owner.id }), denied)
  await assert.rejects(admin.call(tokens.bindRole, { principal, role: 'owner' }), denied)
  await root(tokens.unbindRole, { binding: owner.id })
  await assert.rejects(root(tokens.unbindRole, { binding: owner.id }), { kind: 'not_found', code: 'binding.not_found' })
  const nobody = `usr_${'0'.repeat(22)}`
  await assert.rejects(root(tokens.bindRole, { principal: nobody, role: 'reader' }), { kind: 'not_found', code: 'principal.not_found' })
  await assert.rejects(root(tokens.bindRole, { principal: 'usr_x', role: 'reader' }), { kind: 'not_found' })
})

test('an environment of a scope needs its project, and both have to be there', async () => {
  await assert.rejects(root(tokens.createToken, { name: 'x', environment: 'dev' }), { code: 'request.missing_field', field: 'project' })
  await assert.rejects(root(tokens.createToken, { name: 'x', project: 'nowhere' }), { code: 'project.not_found' })
  await assert.rejects(root(tokens.createToken, { name: 'x', project: 'secret', environment: 'nowhere' }), { code: 'environment.not_found' })
})
