// Rights on parts of identity/ decide who is who. What JSON policies and roles give by that stays with those who may give it.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startDevServer } from '../support/server.ts'
import type { Client } from '../support/http.ts'

const { root } = await startDevServer({ after })
const nobody = root.as(undefined)

let numbered = 0
const fresh = (what: string): string => `${what}${(numbered += 1)}`
const DENIED = { status: 403 }

const acl = (name: string, text: string): Promise<unknown> => root.expect('POST', `/v1/sys/policies/acl/${name}`, { policy: text }, { status: 204 })
const json = (statement: object): Promise<unknown> => root.expect('PUT', `/api/v1/policies/${fresh('json')}`, { body: JSON.stringify({ actions: ['secrets:read'], resources: ['*'], ...statement }) })
const made = async (path: string, body: object): Promise<string> => (await root.expect('POST', `/v1/identity/${path}`, body)).json.data.id
const write = (client: Client, path: string, body: object, status: number) => client.expect('POST', `/v1/identity/${path}`, body, { status })

await root.expect('POST', '/v1/secret/data/guarded', { data: { a: '1' } })
await root.expect('POST', '/v1/sys/auth/userpass', { type: 'userpass' }, { status: 204 })
const accessor = (await root.expect('GET', '/v1/sys/auth')).json.data['userpass/'].accessor
await acl('groups', 'path "identity/group" { capabilities = ["update"] }\npath "identity/group/*" { capabilities = ["update", "read", "delete"] }')
await acl('aliases', 'path "identity/entity-alias" { capabilities = ["update"] }\npath "identity/entity-alias/*" { capabilities = ["update", "read", "delete"] }')
await acl('entities', 'path "identity/entity" { capabilities = ["update"] }\npath "identity/entity/*" { capabilities = ["update", "read", "delete"] }\npath "identity/entity/id/+" { capabilities = ["update", "read", "delete"] }')
await acl('identity', 'path "identity/*" { capabilities = ["create", "read", "update", "delete", "list"] }')
await acl('secrets', 'path "secret/data/*" { capabilities = ["read"] }')

interface Person {
  readonly name: string
  readonly client: Client
  readonly entity: string
  readonly alias: string
}
const logIn = async (name: string): Promise<Omit<Person, 'alias'>> => {
  const { auth } = (await nobody.expect('POST', `/v1/auth/userpass/login/${name}`, { password: 'a-long-password' })).json
  return { name, client: root.as(auth.client_token), entity: auth.entity_id }
}
const person = async (...policies: readonly string[]): Promise<Person> => {
  const name = fresh('person')
  await root.expect('POST', `/v1/auth/userpass/users/${name}`, { password: 'a-long-password', token_policies: policies }, { status: 204 })
  const found = await logIn(name)
  return { ...found, alias: (await root.expect('GET', `/v1/identity/entity/id/${found.entity}`)).json.data.aliases[0].id }
}
const reads = async (client: Client): Promise<boolean> => (await client.call('GET', '/v1/secret/data/guarded')).status === 200
const vipGroup = async (effect: 'allow' | 'deny', more: object = {}): Promise<{ readonly name: string; readonly id: string }> => {
  const name = fresh('vip')
  const id = await made('group', { name, ...more })
  await json({ effect, principal: `group:${name}` })
  return { name, id }
}
const vipEntity = async (effect: 'allow' | 'deny'): Promise<{ readonly name: string; readonly id: string }> => {
  const name = fresh('vip')
  const id = await made('entity', { name })
  await json({ effect, principal: `user:${name}` })
  return { name, id }
}

describe('rights on groups', () => {
  test('let nobody into one that a JSON policy grants to, by whatever way', async () => {
    const { client, entity, name } = await person('groups')
    const vip = await vipGroup('allow')
    for (const path of [`group/id/${vip.id}`, `group/name/${vip.name}`]) await write(client, path, { member_entity_ids: [entity] }, 403)
    const own = fresh('own')
    const below = (await write(client, 'group', { name: own, member_entity_ids: [entity] }, 200)).json.data.id
    await write(client, `group/id/${vip.id}`, { member_group_ids: [below] }, 403)
    await client.expect('POST', `/api/v1/groups/${vip.name}/members`, { member: `user:userpass/${name}` }, DENIED)
    assert.equal(await reads(client), false)
    // A group within a granted one is granted to as well.
    await write(root, `group/id/${vip.id}`, { member_group_ids: [below] }, 204)
    assert.equal(await reads(client), true)
    await write(client, `group/id/${below}`, { member_entity_ids: [entity, (await person()).entity] }, 403)
  })

  test('shed no deny by leaving, renaming or deleting the group', async () => {
    const { client, entity, name } = await person('groups', 'secrets')
    const vip = await vipGroup('deny', { member_entity_ids: [entity] })
    const outer = await vipGroup('deny')
    await write(root, `group/id/${outer.id}`, { member_group_ids: [vip.id] }, 204)
    assert.equal(await reads(client), false)
    await write(client, `group/id/${vip.id}`, { member_entity_ids: [] }, 403)
    await write(client, `group/id/${outer.id}`, { member_group_ids: [] }, 403)
    await write(client, `group/id/${vip.id}`, { name: vip.name.toUpperCase() }, 403)
    await write(client, `group/id/${vip.id}`, { name: fresh('other') }, 403)
    await write(client, `group/name/${vip.name.toUpperCase()}`, { metadata: { a: 'b' } }, 400)
    await client.expect('DELETE', `/v1/identity/group/id/${vip.id}`, undefined, DENIED)
    await client.expect('DELETE', `/api/v1/groups/${vip.name}/members?member=user:userpass/${name}`, undefined, DENIED)
    await client.expect('DELETE', `/api/v1/groups/${vip.name}/members?member=user:userpass/${(await person()).name}`)
    assert.equal(await reads(client), false)
    await write(client, `group/name/${vip.name}`, { metadata: { a: 'b' }, member_entity_ids: [entity] }, 204)
    await write(root, `group/id/${vip.id}`, { member_entity_ids: [] }, 204)
    assert.equal(await reads(client), true)
  })

  test('fill no granted group from an issuer', async () => {
    const { client } = await person('aliases', 'groups')
    await acl('group-aliases', 'path "identity/group-alias" { capabilities = ["update"] }\npath "identity/group-alias/*" { capabilities = ["update", "delete"] }')
    const keeper = await person('group-aliases')
    const vip = await vipGroup('allow', { type: 'external' })
    await write(client, 'group-alias', { name: 'x', mount_accessor: accessor, canonical_id: vip.id }, 403)
    await write(keeper.client, 'group-alias', { name: fresh('a'), mount_accessor: accessor, canonical_id: vip.id }, 403)
    const alias = await made('group-alias', { name: fresh('a'), mount_accessor: accessor, canonical_id: vip.id })
    await keeper.client.expect('DELETE', `/v1/identity/group-alias/id/${alias}`, undefined, DENIED)
    await write(keeper.client, 'group-alias', { name: fresh('a'), mount_accessor: accessor, canonical_id: '' }, 200)
  })

  test('adopt no group that is spelt otherwise', async () => {
    const { client, entity } = await person('groups')
    const name = fresh('Payz')
    const id = (await write(client, 'group', { name, member_entity_ids: [entity] }, 200)).json.data.id
    for (const path of ['group', `group/name/${name.toLowerCase()}`]) {
      assert.deepEqual((await write(root, path, { name: name.toLowerCase(), policies: ['secrets'] }, 400)).json.errors, [`group name is already in use, spelt "${name}"`])
    }
    const entityName = fresh('Ann')
    await made('entity', { name: entityName })
    await write(root, `entity/name/${entityName.toLowerCase()}`, { policies: ['secrets'] }, 400)
    assert.equal((await root.expect('GET', `/v1/identity/group/name/${name.toLowerCase()}`)).json.data.id, id, 'read in any case')
    await write(root, `group/id/${id}`, { name: name.toLowerCase() }, 204)
  })
})

describe('rights on aliases', () => {
  test('make nobody somebody that a JSON policy names, and take nobody out of a deny', async () => {
    const { client, alias, name } = await person('aliases', 'secrets')
    const [vip, nemo] = [await vipEntity('allow'), await made('entity', { name: fresh('nemo') })]
    await write(client, `entity-alias/id/${alias}`, { canonical_id: vip.id }, 403)
    await write(client, 'entity-alias', { name, mount_accessor: accessor, canonical_id: vip.id }, 403)
    await write(client, 'entity-alias', { name: fresh('someone'), mount_accessor: accessor, canonical_id: vip.id }, 403)
    await json({ effect: 'deny', principal: `user:userpass/${name}` })
    assert.equal(await reads((await logIn(name)).client), false)
    await write(client, `entity-alias/id/${alias}`, { canonical_id: nemo }, 403)
    await write(client, `entity-alias/id/${alias}`, { name: fresh('else') }, 403)
    // One that is denied before the first login already.
    const later = fresh('later')
    await json({ effect: 'deny', principal: `user:userpass/${later}` })
    await write(client, 'entity-alias', { name: later, mount_accessor: accessor }, 403)
    const denied = await person('aliases', 'secrets')
    const group = await vipGroup('deny', { member_entity_ids: [denied.entity] })
    await denied.client.expect('DELETE', `/v1/identity/entity-alias/id/${denied.alias}`, undefined, DENIED)
    await write(root, `group/id/${group.id}`, { member_entity_ids: [] }, 204)
    await denied.client.expect('DELETE', `/v1/identity/entity-alias/id/${denied.alias}`, undefined, { status: 204 })
  })
})

describe('rights on entities', () => {
  test('do not lead to what JSON policies give by merging, renaming, enabling or ending one', async () => {
    const me = await person('entities', 'secrets')
    const vip = await vipEntity('allow')
    await write(me.client, 'entity/merge', { to_entity_id: vip.id, from_entity_ids: [me.entity] }, 403)
    await write(me.client, 'entity/merge', { to_entity_id: me.entity, from_entity_ids: [vip.id] }, 403)
    await write(me.client, `entity/id/${vip.id}`, { name: fresh('former') }, 403)
    await write(root, `entity/id/${vip.id}`, { disabled: true }, 204)
    await write(me.client, `entity/id/${vip.id}`, { disabled: false }, 403)
    const group = await vipGroup('deny', { member_entity_ids: [me.entity] })
    assert.equal(await reads(me.client), false)
    await me.client.expect('DELETE', `/v1/identity/entity/id/${me.entity}`, undefined, DENIED)
    await write(me.client, 'entity/batch-delete', { entity_ids: [me.entity] }, 403)
    const plain = await made('entity', { name: fresh('plain') })
    await write(me.client, 'entity/merge', { to_entity_id: plain, from_entity_ids: [me.entity] }, 403)
    await write(root, `group/id/${group.id}`, { member_entity_ids: [] }, 204)
    await write(me.client, 'entity/merge', { to_entity_id: plain, from_entity_ids: [me.entity] }, 204)
  })

  test('give ACL policies to entities and groups alike, as in Vault', async () => {
    const [{ client, entity }, other] = [await person('entities', 'groups'), await person()]
    await write(client, `entity/id/${other.entity}`, { policies: ['secrets'] }, 204)
    assert.equal(await reads(other.client), true)
    await write(client, 'group', { name: fresh('readers'), policies: ['secrets'], member_entity_ids: [entity] }, 200)
    assert.equal(await reads(client), true)
  })
})

test('rights on all of identity/ make owners, and may give whatever an owner may', async () => {
  const { client, entity } = await person('identity')
  const vip = await vipGroup('allow')
  await write(client, `group/id/${vip.id}`, { member_entity_ids: [entity] }, 204)
  assert.equal(await reads(client), true)
})

describe('another case of the letters', () => {
  test('of a user, a role or a group leads around no rule', async () => {
    await acl('no-detour', `
path "auth/userpass/users/*" { capabilities = ["create", "update", "read"] }
path "auth/userpass/users/boss" { capabilities = ["read"] }
path "auth/userpass/users/boss/*" { capabilities = ["deny"] }
path "auth/approle/role/*" { capabilities = ["create", "update", "read"] }
path "auth/approle/role/strong/*" { capabilities = ["deny"] }
path "auth/approle/role/Mixed/role-id" { capabilities = ["read"] }
path "identity/group/name/*" { capabilities = ["read", "delete", "update"] }
path "identity/group/name/Closed" { capabilities = ["deny"] }
path "identity/entity/name/*" { capabilities = ["read", "delete", "update"] }
path "identity/entity/name/Shut" { capabilities = ["deny"] }`)
    await root.expect('POST', '/v1/sys/auth/approle', { type: 'approle' }, { status: 204 })
    await root.expect('POST', '/v1/auth/userpass/users/boss', { password: 'a-long-password' }, { status: 204 })
    for (const role of ['strong', 'Mixed']) await root.expect('POST', `/v1/auth/approle/role/${role}`, { token_policies: 'secrets' }, { status: 204 })
    await made('group', { name: 'Closed' })
    await made('entity', { name: 'Shut' })
    const { client } = await person('no-detour')
    for (const [method, path, body] of [
      ['POST', 'auth/userpass/users/BOSS/password', { password: 'another-password' }], ['POST', 'auth/userpass/users/Boss', { token_policies: ['secrets'] }], ['POST', 'auth/approle/role/STRONG/secret-id', {}], ['GET', 'auth/approle/role/Strong/role-id', undefined],
      ['GET', 'identity/group/name/closed', undefined], ['DELETE', 'identity/group/name/closed', undefined], ['GET', 'identity/entity/name/shut', undefined], ['DELETE', 'identity/entity/name/SHUT', undefined],
    ] as const) await client.expect(method, `/v1/${path}`, body, DENIED)
    for (const method of ['GET', 'DELETE']) await client.expect(method, '/api/v1/groups/closed', undefined, DENIED)
    await client.expect('POST', '/api/v1/groups/closed/members', { member: 'user:Shut' }, DENIED)
    await client.expect('GET', '/v1/auth/userpass/users/BOSS')
    await client.expect('POST', '/v1/auth/userpass/users/Anybody', { password: 'a-long-password' }, { status: 204 })
    await acl('named', 'path "auth/approle/role/Mixed/role-id" { capabilities = ["read"] }')
    const named = await person('named')
    await named.client.expect('GET', '/v1/auth/approle/role/Mixed/role-id')
    await named.client.expect('GET', '/v1/auth/approle/role/MIXED/role-id', undefined, DENIED)
  })
})
