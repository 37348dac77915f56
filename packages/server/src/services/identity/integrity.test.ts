// Rows that grant are believed only under their MAC: each column that takes part in a decision, edited in SQL, is found.

import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { organizations, projects, secrets, tokens } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'
import { tamper } from '../../compose/testing/tamper.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import { reveal } from '../../crypto/secret.ts'
import type { AliasRow, GroupRow } from '../../kernel/identity.ts'
import { macAlias, macBinding, macGroup, macMember, macParent } from './rows.ts'
import { insert } from './tokens.ts'

const { root, as, withToken, rootOrgId, database, keyring } = await testPlatform({ after })
const integrity = { kind: 'internal', code: 'row.integrity' }
await root(projects.create, { name: 'other' })
const child = await root(organizations.create, { slug: 'acme' })
await root(organizations.create, { slug: 'beta' })
const otherMount = (await database.superuser.query<{ id: string }>("select mount_id as id from coffer.mounts where path = 'other'")).rows[0]?.id ?? ''
const somebody = (await database.superuser.query<{ id: string }>('select principal_id as id from coffer.principals limit 1')).rows[0]?.id ?? ''

/** A holder with a principal, a group and a role; its token was never used, so nothing of it is cached. */
let numbered = 0
const fresh = async (): Promise<{ readonly token: string; readonly accessor: string; readonly principal: string }> => {
  numbered += 1
  const name = `t${numbered}`
  const made = await root(tokens.createToken, { name, role: 'reader', project: 'secret', environment: 'dev', ttl: 3600, maxTtl: 7200, numUses: 100, boundCidrs: ['127.0.0.0/8'], policies: ['default'] })
  return { token: made.token, accessor: made.accessor, principal: `(select principal_id from coffer.principals where name = '${name}')` }
}

const rejected = async (t: TestContext, where: { readonly table: string; readonly where: string; readonly column: string; readonly value: string | null }, token: string): Promise<void> => {
  await tamper(t, database, where)
  await assert.rejects(withToken(token)(tokens.whoami), integrity)
}

const ofToken: Readonly<Record<string, string | null>> = {
  accessor: 'another-accessor', principal_id: somebody, parent_id: somebody, display_name: 'root', policies: '{root}', is_root: 'true', lock_mount_id: otherMount, lock_environment: 'prod',
  bound_cidrs: '{}', num_uses: '0', ttl_seconds: '0', period_seconds: '1', explicit_max_ttl_seconds: '0', renewable: 'false', mfa: 'true', issued_at: '2020-01-01', expires_at: '2199-01-01', row_version: '9', mac: '\\x00',
}
for (const [column, value] of Object.entries(ofToken)) {
  test(`a token's ${column} edited in SQL is found`, async (t) => {
    const { token, accessor } = await fresh()
    await rejected(t, { table: 'tokens', where: `accessor = '${accessor}'`, column, value }, token)
    await assert.rejects(root(tokens.listTokens, { limit: 500 }), integrity)
  })
}

test('locks taken off in SQL are found', async (t) => {
  for (const column of ['lock_mount_id', 'lock_environment', 'expires_at']) {
    await t.test(column, async (inner) => {
      const { token, accessor } = await fresh()
      await rejected(inner, { table: 'tokens', where: `accessor = '${accessor}'`, column, value: null }, token)
    })
  }
})

test('a second step that was given is found to be missing', async (t) => {
  const keys = await keyring.organization(rootOrgId)
  const command = { principalId: undefined, parentId: undefined, displayName: 'stepping', policies: ['default'], root: false, lockMountId: undefined, lockEnvironment: undefined, boundCidrs: [], metadata: {}, numUses: 0, ttlSeconds: 3600, explicitMaxTtlSeconds: 0, renewable: true, issuePath: 'auth/people/login', mfa: true }
  const made = await database.app.transaction(rootOrgId, (tx) => insert(keys, tx, { orgId: rootOrgId, shortId: undefined }, command, { at: Date.now() }))
  assert.equal((await root(tokens.listTokens, { limit: 500 })).items.find(({ accessor }) => accessor === made.row.accessor)?.mfa, true)
  await rejected(t, { table: 'tokens', where: `accessor = '${made.row.accessor}'`, column: 'mfa', value: 'false' }, reveal(made.token, 'for the test'))
})

test('the look-up key of one token put on another opens neither', async (t) => {
  const [weak, strong] = [await fresh(), await fresh()]
  const { rows } = await database.superuser.query<{ lookup: string }>('select lookup::text as lookup from coffer.tokens where accessor = $1', [weak.accessor])
  await database.superuser.query('delete from coffer.tokens where accessor = $1', [weak.accessor])
  await rejected(t, { table: 'tokens', where: `accessor = '${strong.accessor}'`, column: 'lookup', value: rows[0]?.lookup ?? '' }, weak.token)
})

for (const [column, value] of Object.entries({ kind: 'user', name: 'boss', policies: '{root}', disabled: 'true', metadata: '{"team":"x"}', row_version: '9', mac: '\\x00' })) {
  test(`a principal's ${column} edited in SQL is found`, async (t) => {
    const { token, principal } = await fresh()
    await rejected(t, { table: 'principals', where: `principal_id = ${principal}`, column, value }, token)
    await assert.rejects(root(tokens.listPrincipals, { limit: 500 }), integrity)
  })
}

for (const [column, value] of Object.entries({ role: 'owner', mount_id: otherMount, environment: 'prod', row_version: '9', mac: '\\x00' })) {
  test(`a role binding's ${column} edited in SQL is found`, async (t) => {
    const { token, principal } = await fresh()
    await rejected(t, { table: 'role_bindings', where: `principal_id = ${principal}`, column, value }, token)
    await assert.rejects(root(tokens.listBindings), integrity)
  })
}

test('a role binding turned to somebody else is found', async (t) => {
  const [weak, strong] = [await fresh(), await fresh()]
  const { rows } = await database.superuser.query<{ id: string }>(`select ${weak.principal} as id`)
  await rejected(t, { table: 'role_bindings', where: `principal_id = ${strong.principal}`, column: 'principal_id', value: rows[0]?.id ?? '' }, weak.token)
})

/** A group that grants the role owner, with the holder as its member. */
const grouped = async (principal: string): Promise<string> => {
  const key = (await keyring.organization(rootOrgId)).purpose('rows')
  const principalId = (await database.superuser.query<{ id: string }>(`select ${principal} as id`)).rows[0]?.id ?? ''
  const group: GroupRow = { groupId: makeUuidV7(), kind: 'internal', name: `g${numbered}`, policies: ['default'], metadata: {}, createdAt: 0, updatedAt: 0, rowVersion: 1 }
  const binding = { bindingId: makeUuidV7(), principalId: undefined, groupId: group.groupId, role: 'auditor', mountId: undefined, environment: undefined, rowVersion: 1 }
  await database.superuser.query('insert into coffer.groups (org_id, group_id, name, policies, row_version, mac) values ($1, $2, $3, $4, 1, $5)', [rootOrgId, group.groupId, group.name, group.policies, macGroup(key, group)])
  await database.superuser.query('insert into coffer.group_members (org_id, group_id, principal_id, row_version, mac) values ($1, $2, $3, 1, $4)', [rootOrgId, group.groupId, principalId, macMember(key, group.groupId, principalId, 1)])
  await database.superuser.query('insert into coffer.role_bindings (org_id, binding_id, group_id, role, row_version, mac) values ($1, $2, $3, $4, 1, $5)', [rootOrgId, binding.bindingId, group.groupId, binding.role, macBinding(key, binding)])
  return group.groupId
}

for (const [table, column, value] of [
  ['groups', 'name', 'owners'], ['groups', 'policies', '{root}'], ['groups', 'kind', 'external'], ['groups', 'metadata', '{"tier":"x"}'], ['groups', 'row_version', '9'], ['groups', 'mac', '\\x00'],
  ['group_members', 'row_version', '9'], ['group_members', 'mac', '\\x00'], ['role_bindings', 'role', 'owner'],
] as const) {
  test(`${table}.${column} edited in SQL is found`, async (t) => {
    const { token, principal } = await fresh()
    const groupId = await grouped(principal)
    await rejected(t, { table, where: `group_id = '${groupId}'`, column, value }, token)
  })
}

test('a member put into a group in SQL is found', async (t) => {
  const [inside, outside] = [await fresh(), await fresh()]
  const groupId = await grouped(inside.principal)
  const { rows } = await database.superuser.query<{ id: string }>(`select ${outside.principal} as id`)
  await rejected(t, { table: 'group_members', where: `group_id = '${groupId}'`, column: 'principal_id', value: rows[0]?.id ?? '' }, outside.token)
})

/** The holder's group in another one, and an alias of the holder. */
const nested = async (principal: string): Promise<{ readonly inner: string; readonly outer: string; readonly alias: string }> => {
  const key = (await keyring.organization(rootOrgId)).purpose('rows')
  const inner = await grouped(principal)
  const outer: GroupRow = { groupId: makeUuidV7(), kind: 'internal', name: `outer${numbered}`, policies: ['default'], metadata: {}, createdAt: 0, updatedAt: 0, rowVersion: 1 }
  await database.superuser.query('insert into coffer.groups (org_id, group_id, name, policies, row_version, mac) values ($1, $2, $3, $4, 1, $5)', [rootOrgId, outer.groupId, outer.name, outer.policies, macGroup(key, outer)])
  await database.superuser.query('insert into coffer.group_parents (org_id, group_id, parent_id, row_version, mac) values ($1, $2, $3, 1, $4)', [rootOrgId, inner, outer.groupId, macParent(key, inner, outer.groupId, 1)])
  const principalId = (await database.superuser.query<{ id: string }>(`select ${principal} as id`)).rows[0]?.id ?? ''
  const alias: AliasRow = { aliasId: makeUuidV7(), mountId: otherMount, name: `alias${numbered}`, principalId, metadata: { team: 'a' }, customMetadata: { cost: '1' }, mergedFrom: [], createdAt: 0, updatedAt: 0, rowVersion: 1 }
  await database.superuser.query('insert into coffer.principal_aliases (org_id, alias_id, mount_id, name, principal_id, metadata, custom_metadata, row_version, mac) values ($1, $2, $3, $4, $5, $6, $7, 1, $8)', [rootOrgId, alias.aliasId, alias.mountId, alias.name, principalId, alias.metadata, alias.customMetadata, macAlias(key, alias)])
  return { inner, outer: outer.groupId, alias: alias.aliasId }
}

test('a group within a group and an alias are believed as they were written', async () => {
  const { token, principal } = await fresh()
  await nested(principal)
  await withToken(token)(tokens.whoami)
})

for (const [table, column, value] of [
  ['groups', 'policies', '{root}'], ['group_parents', 'row_version', '9'], ['group_parents', 'mac', '\\x00'], ['principal_aliases', 'name', 'boss'], ['principal_aliases', 'mount_id', makeUuidV7()],
  ['principal_aliases', 'metadata', '{"team":"b"}'], ['principal_aliases', 'custom_metadata', '{}'], ['principal_aliases', 'row_version', '9'],
] as const) {
  test(`${table}.${column} of what a group is in, or of an alias, edited in SQL is found`, async (t) => {
    const { token, principal } = await fresh()
    const { inner, outer, alias } = await nested(principal)
    const where = table === 'groups' ? `group_id = '${outer}'` : table === 'group_parents' ? `group_id = '${inner}'` : `alias_id = '${alias}'`
    await rejected(t, { table, where, column, value }, token)
  })
}

test('a group put into a stronger one in SQL is found', async (t) => {
  const weak = await fresh()
  const group = await grouped(weak.principal)
  const { inner } = await nested((await fresh()).principal)
  await rejected(t, { table: 'group_parents', where: `group_id = '${inner}'`, column: 'group_id', value: group }, weak.token)
})

/** A change of another policy drops what every worker keeps of policies and tokens. */
const forget = () => root(tokens.putPolicy, { name: 'forget', body: JSON.stringify({ effect: 'deny', principal: 'user:nobody', actions: ['secrets:read'], resources: ['none/*'] }) })

for (const [column, value] of Object.entries({ kind: 'acl', name: 'renamed', body: '{"effect":"allow","principal":"*","actions":["secrets:read"],"resources":["*"]}', row_version: '9', mac: '\\x00' })) {
  test(`a policy's ${column} edited in SQL stops everybody but root`, async (t) => {
    const { token } = await fresh()
    await root(tokens.putPolicy, { name: 'edited', body: JSON.stringify({ effect: 'deny', principal: '*', actions: ['secrets:destroy'], resources: ['prod/*'] }) })
    await tamper(t, database, { table: 'policies', where: "name = 'edited'", column, value })
    await forget()
    await assert.rejects(withToken(token)(tokens.whoami), integrity)
    await root(tokens.whoami)
    await assert.rejects(root(tokens.listPolicies), integrity)
  })
}

/** The same for projects and environments. */
const forgetPlaces = (slug: string) => root(projects.updateEnvironment, { project: 'other', environment: slug, name: `touched ${(numbered += 1)}` })
for (const [table, where, columns] of [
  ['mounts', "path = 'other'", { class: 'auth', path: 'elsewhere', type: 'transit', options: '{"version":"1"}', config: '{"a":1}', row_version: '9', mac: '\\x00' }],
  ['environments', "slug = 'prod' and mount_id = (select mount_id from coffer.mounts where path = 'other')", { mount_id: makeUuidV7(), slug: 'sandbox', protected: 'true', row_version: '9', mac: '\\x00' }],
] as const) {
  for (const [column, value] of Object.entries(columns)) {
    test(`${table}.${column} edited in SQL is found by whatever names a place`, async (t) => {
      await root(secrets.list, { environment: 'dev' })
      await tamper(t, database, { table, where, column, value })
      await forgetPlaces('dev')
      await assert.rejects(root(secrets.list, { environment: 'dev' }), integrity)
    })
  }
}

for (const [column, value] of Object.entries({ parent_id: null, slug: 'other-name', short_id: 'zzzzzzz', state: 'suspended', home_region: 'elsewhere', epoch: '7', row_version: '9', mac: '\\x00' })) {
  test(`an organization's ${column} edited in SQL is found`, async (t) => {
    await tamper(t, database, { table: 'organizations', where: "slug = 'acme'", column, value })
    await root(organizations.create, { slug: `drop-${column.replace('_', '-')}` })
    // By a name that is no longer there nothing is found: deletion of rows shows in checkpoints, not here.
    const readers = [() => root(tokens.whoami, {}, { namespace: column === 'slug' ? 'other-name' : 'acme' }), () => withToken(child.token)(tokens.whoami)]
    for (const read of column === 'short_id' ? readers.slice(0, 1) : column === 'parent_id' ? readers.slice(1) : readers) await assert.rejects(read(), integrity)
  })
}

test('everything opens again once the rows are as they were', async () => {
  await root(organizations.create, { slug: 'last' })
  await forget()
  await forgetPlaces('dev')
  await as({ role: 'reader' })
  assert.equal((await withToken(child.token)(tokens.whoami)).root, false)
})
