// identity over the wire: statuses, bodies and texts as Vault 1.21 gives them to the same requests, and what entities and
// groups do for whoever is one.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startIssuer } from '../fakes/issuer.ts'
import { startDevServer } from '../support/server.ts'
import type { Client, Json } from '../support/http.ts'

const { root } = await startDevServer({ after })
const issuer = await startIssuer({ after })
const nobody = root.as(undefined)
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const NO_ONE = '00000000-0000-4000-8000-000000000000'

let numbered = 0
const fresh = (what: string): string => `${what}${(numbered += 1)}`

const identity = async (method: string, path: string, body?: object, status = 200): Promise<Json> => (await root.expect(method, `/v1/identity/${path}`, body, { status })).json
const refused = async (path: string, body: object, words: string): Promise<void> => assert.deepEqual(await identity('POST', path, body, 400), { errors: [words] })
const made = async (path: string, body: object): Promise<string> => (await identity('POST', path, body)).data.id
const policy = (name: string, text: string): Promise<unknown> => root.expect('POST', `/v1/sys/policies/acl/${name}`, { policy: text }, { status: 204 })

interface Method {
  readonly path: string
  readonly accessor: string
}
const enabled = async (type: string): Promise<Method> => {
  const path = fresh(type)
  await root.expect('POST', `/v1/sys/auth/${path}`, { type }, { status: 204 })
  return { path, accessor: (await root.expect('GET', '/v1/sys/auth')).json.data[`${path}/`].accessor }
}
const users = await enabled('userpass')

interface Person {
  readonly name: string
  readonly auth: Json
  readonly client: Client
  readonly entity: string
}
const logIn = async (name: string): Promise<Omit<Person, 'name'>> => {
  const { auth } = (await nobody.expect('POST', `/v1/auth/${users.path}/login/${name}`, { password: 'a-long-password' })).json
  return { auth, client: root.as(auth.client_token), entity: auth.entity_id }
}
const person = async (): Promise<Person> => {
  const name = fresh('person')
  await root.expect('POST', `/v1/auth/${users.path}/users/${name}`, { password: 'a-long-password' }, { status: 204 })
  return { name, ...(await logIn(name)) }
}
await root.expect('POST', '/v1/secret/data/guarded', { data: { a: '1' } })
await policy('guarded', 'path "secret/data/guarded" { capabilities = ["read"] }')
await policy('maker', 'path "auth/token/create" { capabilities = ["update"] }')
const mayRead = async (client: Client, path = 'secret/data/guarded'): Promise<boolean> => (await client.call('GET', `/v1/${path}`)).status === 200

describe('entities', () => {
  test('are made, changed and deleted by id and by name', async () => {
    const name = fresh('entity')
    const created = await identity('POST', 'entity', { name, policies: ['b', 'a', 'b'], metadata: { team: 'pay' } })
    assert.equal(created.data.name, name)
    assert.equal(created.data.aliases, null)
    assert.match(created.data.id, UUID)
    const { id } = created.data
    await identity('POST', 'entity', { name, policies: 'x,y' }, 204)
    const { data } = await identity('GET', `entity/id/${id}`)
    assert.deepEqual([data.name, data.policies, data.metadata, data.disabled, data.aliases, data.group_ids, data.merged_entity_ids, data.namespace_id], [name, ['x', 'y'], { team: 'pay' }, false, [], [], null, 'root'])
    assert.equal((await identity('GET', `entity/name/${name.toUpperCase()}`)).data.id, id, 'in any case of its letters')
    await identity('POST', `entity/id/${id}`, { name: `${name}-new`, disabled: true }, 204)
    assert.equal((await identity('GET', `entity/name/${name}-new`)).data.disabled, true)
    assert.equal((await identity('LIST', 'entity/id')).data.key_info[id].name, `${name}-new`)
    assert.ok((await identity('LIST', 'entity/name')).data.keys.includes(`${name}-new`))
    await identity('DELETE', `entity/name/${name}-new`, undefined, 204)
    assert.deepEqual(await identity('GET', `entity/id/${id}`, undefined, 404), { errors: [] })
    await identity('DELETE', `entity/id/${id}`, undefined, 204)
  })
  test('get a name and take metadata in all of Vault\'s forms', async () => {
    const { data } = await identity('POST', 'entity', { metadata: ['a=b', 'c=d=e'] })
    assert.match(data.name, /^entity_[0-9a-f]{8}$/)
    assert.deepEqual((await identity('GET', `entity/id/${data.id}`)).data.metadata, { a: 'b', c: 'd=e' })
    await identity('POST', `entity/name/${data.name}`, { metadata: 'k=v' }, 204)
    assert.deepEqual((await identity('GET', `entity/id/${data.id}`)).data.metadata, { k: 'v' })
  })
  test('are refused in Vault\'s words', async () => {
    const [one, other] = [fresh('entity'), fresh('entity')]
    await made('entity', { name: one })
    const id = await made('entity', { name: other })
    await refused('entity', { id: NO_ONE }, 'entity not found from id')
    await refused('entity', { id: "x' or 1=1" }, 'entity not found from id')
    await refused(`entity/id/${id}`, { name: one }, 'entity name is already in use')
    await refused('entity', { name: fresh('entity'), policies: ['Root'] }, 'policies cannot contain root')
    await refused('entity', { name: fresh('entity'), metadata: { 'a b': 'x' } }, 'invalid entity metadata: key contains invalid characters')
    await refused('entity', { name: fresh('entity'), metadata: { 'vault-x': 'x' } }, 'invalid entity metadata: key prefix "vault-" is reserved for internal use')
    await refused('entity/batch-delete', {}, 'missing entity ids to delete')
    for (const bad of ['a\u202eb', 'a\nb']) assert.equal((await root.call('POST', '/v1/identity/entity', { name: bad })).status, 400)
  })
  test('are deleted in a batch, those that are not there too', async () => {
    const ids = [await made('entity', {}), await made('entity', {})]
    await identity('POST', 'entity/batch-delete', { entity_ids: [...ids, NO_ONE, 'nonsense'] }, 204)
    for (const id of ids) await identity('GET', `entity/id/${id}`, undefined, 404)
  })
})

describe('what an entity is', () => {
  test('counts for its tokens at once, and is said at log-in, look-up and renewal', async () => {
    const { name, client, entity, auth } = await person()
    assert.deepEqual(auth.policies, ['default'])
    assert.equal(auth.identity_policies, undefined)
    assert.equal(await mayRead(client), false)
    await identity('POST', `entity/id/${entity}`, { policies: ['guarded', 'Maker'] }, 204)
    assert.equal(await mayRead(client), true)
    const facts = (await client.expect('GET', '/v1/auth/token/lookup-self')).json.data
    assert.deepEqual([facts.policies, facts.identity_policies, facts.external_namespace_policies, facts.entity_id], [['default'], ['guarded', 'maker'], {}, entity])
    for (const answer of [(await logIn(name)).auth, (await client.expect('POST', '/v1/auth/token/renew-self', {})).json.auth, (await client.expect('POST', '/v1/auth/token/create', {})).json.auth]) {
      assert.deepEqual([answer.token_policies, answer.identity_policies, answer.policies, answer.entity_id], [['default'], ['guarded', 'maker'], ['default', 'guarded', 'maker'], entity])
    }
    await identity('POST', `entity/id/${entity}`, { policies: [] }, 204)
    assert.equal(await mayRead(client), false)
  })
  test('opens nothing while it is disabled, and all of it again afterwards', async () => {
    const { name, client, entity } = await person()
    await identity('POST', `entity/id/${entity}`, { disabled: true }, 204)
    await client.expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
    const refusal = await nobody.call('POST', `/v1/auth/${users.path}/login/${name}`, { password: 'a-long-password' })
    assert.deepEqual([refusal.status, refusal.json], [403, { errors: ['permission denied'] }])
    await identity('POST', `entity/id/${entity}`, { disabled: false }, 204)
    await client.expect('GET', '/v1/auth/token/lookup-self')
  })
  test('ends with all its tokens and what they made', async () => {
    const { name, client, entity } = await person()
    await identity('POST', `entity/id/${entity}`, { policies: ['maker'] }, 204)
    const child = root.as((await client.expect('POST', '/v1/auth/token/create', {})).json.auth.client_token)
    await identity('DELETE', `entity/id/${entity}`, undefined, 204)
    for (const gone of [client, child]) await gone.expect('GET', '/v1/auth/token/lookup-self', undefined, { status: 403 })
    assert.notEqual((await logIn(name)).entity, entity, 'somebody else from now on')
  })
})

describe('aliases', () => {
  test('say who logs in', async () => {
    const name = fresh('person')
    await root.expect('POST', `/v1/auth/${users.path}/users/${name}`, { password: 'a-long-password' }, { status: 204 })
    const entity = await made('entity', { policies: ['guarded'] })
    const alias = (await identity('POST', 'entity-alias', { name, mount_accessor: users.accessor, canonical_id: entity, custom_metadata: { cost: '42' } })).data
    assert.equal(alias.canonical_id, entity)
    await identity('POST', 'entity-alias', { name, mount_accessor: users.accessor, canonical_id: entity, custom_metadata: { cost: '42' } }, 204)
    const { client, entity: loggedIn } = await logIn(name)
    assert.equal(loggedIn, entity)
    assert.equal(await mayRead(client), true)
    const { data } = await identity('GET', `entity-alias/id/${alias.id}`)
    assert.deepEqual([data.name, data.canonical_id, data.mount_accessor, data.mount_type, data.mount_path, data.custom_metadata, data.local], [name, entity, users.accessor, 'userpass', `auth/${users.path}/`, { cost: '42' }, false])
    for (const noun of ['alias', 'persona']) assert.equal((await identity('GET', `${noun}/id/${alias.id}`)).data.id, alias.id)
    for (const noun of ['entity-alias', 'alias', 'persona']) assert.equal((await identity('LIST', `${noun}/id`)).data.key_info[alias.id].name, name)
    await identity('DELETE', `entity-alias/id/${alias.id}`, undefined, 204)
    await identity('GET', `entity-alias/id/${alias.id}`, undefined, 404)
    assert.notEqual((await logIn(name)).entity, entity)
  })
  test('are refused in Vault\'s words', async () => {
    const [one, other] = [await made('entity', {}), await made('entity', {})]
    const [name, second] = [fresh('alias'), fresh('alias')]
    await refused('entity-alias', { name }, "'id' or 'mount_accessor' and 'name' must be provided")
    await refused('entity-alias', { name, mount_accessor: 'nope' }, 'invalid mount accessor "nope"')
    await refused('entity-alias', { name, mount_accessor: users.accessor, canonical_id: NO_ONE }, 'invalid canonical ID')
    await made('entity-alias', { name, mount_accessor: users.accessor, canonical_id: one })
    await refused('entity-alias', { name: second, mount_accessor: users.accessor, canonical_id: one }, 'Alias already exists for requested entity and mount accessor')
    const id = await made('alias', { name: second, mount_accessor: users.accessor, entity_id: other })
    await refused(`entity-alias/id/${id}`, { name }, 'alias with combination of mount accessor and name already exists')
    await refused(`entity-alias/id/${id}`, { canonical_id: one }, 'Alias cannot be updated as the given entity already has an alias for this mount ')
    await refused(`entity-alias/id/${id}`, { canonical_id: NO_ONE }, "given 'canonical_id' is not associated with an entity")
    await refused(`entity-alias/id/${NO_ONE}`, { name }, 'invalid alias ID provided')
    assert.equal((await root.call('POST', '/v1/identity/entity-alias', { name: fresh('alias'), mount_accessor: users.accessor, custom_metadata: { k: 'a\u0007' } })).status, 400)
  })
})

describe('groups', () => {
  test('give their policies to members, through groups within groups too', async () => {
    const { client, entity } = await person()
    const inner = await made('group', { name: fresh('inner'), member_entity_ids: [entity] })
    const middle = await made('group', { name: fresh('middle'), member_group_ids: [inner] })
    const outerName = fresh('outer')
    const outer = await made('group', { name: outerName, member_group_ids: [middle], policies: ['guarded'] })
    assert.equal(await mayRead(client), true)
    assert.deepEqual((await client.expect('GET', '/v1/auth/token/lookup-self')).json.data.identity_policies, ['guarded'])
    const { data } = await identity('GET', `entity/id/${entity}`)
    assert.deepEqual([data.direct_group_ids, new Set(data.inherited_group_ids)], [[inner], new Set([middle, outer])])
    assert.deepEqual((await identity('GET', `group/id/${middle}`)).data.parent_group_ids, [outer])
    assert.deepEqual((await identity('GET', `group/name/${outerName}`)).data.member_group_ids, [middle])
    await refused(`group/id/${inner}`, { member_group_ids: [outer] }, `cyclic relationship detected for member group ID "${outer}"`)
    await identity('POST', `group/id/${middle}`, { member_group_ids: [] }, 204)
    assert.equal(await mayRead(client), false)
    await identity('POST', `group/id/${middle}`, { member_group_ids: [inner] }, 204)
    assert.equal(await mayRead(client), true)
    await identity('DELETE', `group/id/${middle}`, undefined, 204)
    assert.equal(await mayRead(client), false)
  })
  test('are named to JSON policies', async () => {
    const { client, entity } = await person()
    const name = fresh('oncall')
    await root.expect('PUT', `/api/v1/policies/${fresh('json')}`, { body: JSON.stringify({ effect: 'allow', principal: `group:${name}`, actions: ['secrets:read'], resources: ['*'] }) })
    assert.equal(await mayRead(client), false)
    await made('group', { name, member_entity_ids: [entity] })
    assert.equal(await mayRead(client), true)
  })
  test('are refused in Vault\'s words', async () => {
    const [name, other] = [fresh('group'), fresh('group')]
    const id = await made('group', { name })
    await made('group', { name: other })
    await refused('group', { id: '' }, 'empty group ID')
    await refused('group', { id: NO_ONE }, 'invalid group ID')
    await refused('group', { name: '' }, 'empty group name')
    await refused('group', { name: fresh('group'), type: 'weird' }, 'invalid group type "weird"')
    await refused('group', { name: fresh('group'), policies: ['root'] }, 'policies cannot contain root')
    await refused(`group/id/${id}`, { type: 'external' }, 'group type cannot be changed')
    await refused(`group/id/${id}`, { name: other }, 'group name is already in use')
    await refused(`group/id/${id}`, { member_group_ids: [id] }, `member group ID "${id}" is same as the ID of the group`)
    await refused(`group/id/${id}`, { member_group_ids: ['nope'] }, 'invalid member group ID "nope"')
    await refused(`group/id/${id}`, { member_entity_ids: [NO_ONE] }, `invalid entity ID "${NO_ONE}"`)
    await refused('group', { name: fresh('group'), type: 'external', member_entity_ids: [] }, "member entities can't be set manually for external groups")
    await refused('group', { name: fresh('group'), type: 'external', member_group_ids: [] }, "member groups can't be set for external groups")
    assert.deepEqual(await identity('GET', 'group/id/nope', undefined, 404), { errors: [] })
  })
})

describe('external groups', () => {
  test('follow what the issuer says at each log-in and renewal', async () => {
    const jwt = await enabled('jwt')
    await root.expect('POST', `/v1/auth/${jwt.path}/config`, { jwt_validation_pubkeys: [await issuer.publicPem()] }, { status: 204 })
    await root.expect('POST', `/v1/auth/${jwt.path}/role/r`, { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['coffer'], groups_claim: 'groups', token_policies: ['ci'] }, { status: 204 })
    const enter = async (groups: readonly string[]): Promise<{ readonly auth: Json; readonly client: Client }> => {
      const { auth } = (await nobody.expect('POST', `/v1/auth/${jwt.path}/login`, { role: 'r', jwt: await issuer.sign({ sub: 'me', groups }) })).json
      return { auth, client: root.as(auth.client_token) }
    }
    const group = await made('group', { name: fresh('engineers'), type: 'external', policies: ['guarded'] })
    const alias = (await identity('POST', 'group-alias', { name: 'eng', mount_accessor: jwt.accessor, canonical_id: group })).data
    assert.equal(alias.canonical_id, group)
    const first = await enter(['eng', 'unknown'])
    assert.deepEqual(first.auth.identity_policies, ['guarded'])
    assert.equal(await mayRead(first.client), true)
    assert.deepEqual((await identity('GET', `group/id/${group}`)).data.member_entity_ids, [first.auth.entity_id])
    const second = await enter([])
    assert.equal(second.auth.identity_policies, undefined)
    assert.equal(await mayRead(first.client), false, 'the token from before has lost it, too')
    await first.client.expect('POST', '/v1/auth/token/renew-self', {})
    assert.equal(await mayRead(second.client), true, 'the renewal says again what the first log-in said')
    await second.client.expect('POST', '/v1/auth/token/renew-self', {})
    assert.equal(await mayRead(first.client), false)
  })
  test('have one alias each, in Vault\'s words', async () => {
    const internal = await made('group', { name: fresh('group') })
    const external = await made('group', { name: fresh('group'), type: 'external' })
    await refused('group-alias', {}, 'missing alias name')
    await refused('group-alias', { name: 'x' }, 'missing mount_accessor')
    await refused('group-alias', { name: 'x', mount_accessor: 'nope' }, 'invalid mount accessor "nope"')
    await refused('group-alias', { name: 'x', mount_accessor: users.accessor, canonical_id: NO_ONE }, "invalid group ID given in 'canonical_id'")
    await refused('group-alias', { name: 'x', mount_accessor: users.accessor, canonical_id: internal }, "alias can't be set on an internal group")
    const name = fresh('alias')
    const first = await made('group-alias', { name, mount_accessor: users.accessor, canonical_id: external })
    await refused('group-alias', { name, mount_accessor: users.accessor }, 'combination of mount and group alias name is already in use')
    const own = (await identity('POST', 'group-alias', { name: fresh('alias'), mount_accessor: users.accessor })).data
    assert.match((await identity('GET', `group/id/${own.canonical_id}`)).data.name, /^group_[0-9a-f]{8}$/)
    await identity('POST', `group-alias/id/${own.id}`, { name: fresh('alias'), mount_accessor: users.accessor })
    assert.equal((await identity('GET', `group/id/${external}`)).data.alias.id, first)
    assert.equal((await identity('LIST', 'group-alias/id')).data.key_info[first].canonical_id, external)
    await identity('DELETE', `group-alias/id/${first}`, undefined, 204)
    assert.deepEqual((await identity('GET', `group/id/${external}`)).data.alias, {})
  })
})

describe('look-ups', () => {
  test('find by id, name and alias, and nothing is 204', async () => {
    const { name, entity } = await person()
    const { data: { aliases: [alias] } } = await identity('GET', `entity/id/${entity}`)
    const found = async (body: object): Promise<string> => (await identity('POST', 'lookup/entity', body)).data.id
    for (const body of [{ id: entity }, { alias_id: alias.id }, { alias_name: name, alias_mount_accessor: users.accessor }]) assert.equal(await found(body), entity)
    const group = await made('group', { name: fresh('group'), type: 'external' })
    const groupAlias = await made('group-alias', { name: fresh('alias'), mount_accessor: users.accessor, canonical_id: group })
    assert.equal((await identity('POST', 'lookup/group', { alias_id: groupAlias })).data.id, group)
    for (const noun of ['entity', 'group']) {
      for (const body of [{ id: NO_ONE }, { id: 'nonsense' }, { name: 'nobody-of-this-name' }, { name: '' }, { alias_name: 'x', alias_mount_accessor: 'y' }]) await identity('POST', `lookup/${noun}`, body, 204)
      await refused(`lookup/${noun}`, {}, 'query parameter not supplied')
      await refused(`lookup/${noun}`, { name: 'a', id: 'b' }, 'query parameter conflict; please supply distinct set of query parameters')
      await refused(`lookup/${noun}`, { alias_name: 'a' }, "both 'alias_name' and 'alias_mount_accessor' needs to be set")
    }
  })
})

describe('merging', () => {
  test('takes over policies, groups, aliases and live tokens', async () => {
    const { client, entity: from, name } = await person()
    await identity('POST', `entity/id/${from}`, { policies: ['guarded'] }, 204)
    const group = await made('group', { name: fresh('group'), member_entity_ids: [from] })
    const to = await made('entity', { policies: ['mine'] })
    await identity('POST', 'entity/merge', { to_entity_id: to, from_entity_ids: [from] }, 204)
    await identity('GET', `entity/id/${from}`, undefined, 404)
    const { data } = await identity('GET', `entity/id/${to}`)
    assert.deepEqual([data.policies, data.merged_entity_ids, data.direct_group_ids, data.aliases.map((each: Json) => [each.name, each.merged_from_canonical_ids])], [['guarded', 'mine'], [from], [group], [[name, [from]]]])
    const facts = (await client.expect('GET', '/v1/auth/token/lookup-self')).json.data
    assert.deepEqual([facts.entity_id, facts.identity_policies], [to, ['guarded', 'mine']])
    assert.equal((await logIn(name)).entity, to)
  })
  test('asks which of two aliases at one mount stays', async () => {
    const [one, other] = [await person(), await person()]
    const ids = { to_entity_id: one.entity, from_entity_ids: [other.entity] }
    const clash = await identity('POST', 'entity/merge', ids, 400)
    assert.match(clash.errors[0], /^2 errors occurred:\n\t\* toEntity and at least one fromEntity have aliases with the same mount accessor/)
    assert.deepEqual(clash.data.map((each: Json) => [each.alias, each.entity_id, each.mount, each.mount_path]), [[one.name, one.entity, 'userpass', `auth/${users.path}/`], [other.name, other.entity, 'userpass', `auth/${users.path}/`]])
    const aliasOf = async (entity: string): Promise<string> => (await identity('GET', `entity/id/${entity}`)).data.aliases[0].id
    const kept = await aliasOf(other.entity)
    assert.match((await identity('POST', 'entity/merge', { ...ids, conflicting_alias_ids_to_keep: [NO_ONE] }, 400)).errors[0], /^conflicting mount accessors in following alias IDs and neither were present in conflicting_alias_ids_to_keep: /)
    await identity('POST', 'entity/merge', { ...ids, conflicting_alias_ids_to_keep: [kept] }, 204)
    assert.equal(await aliasOf(one.entity), kept)
    assert.equal((await logIn(other.name)).entity, one.entity)
  })
  test('is refused in Vault\'s words', async () => {
    const id = await made('entity', {})
    await refused('entity/merge', {}, 'missing entity id to merge to')
    await refused('entity/merge', { to_entity_id: id }, 'missing entity ids to merge from')
    await refused('entity/merge', { to_entity_id: NO_ONE, from_entity_ids: [id] }, 'entity id to merge to is invalid')
    await refused('entity/merge', { to_entity_id: id, from_entity_ids: [NO_ONE] }, 'entity id to merge from is invalid')
    await refused('entity/merge', { to_entity_id: id, from_entity_ids: [id] }, 'to_entity_id should not be present in from_entity_ids')
  })
})

describe('templated policies', () => {
  test('are about who asks', async () => {
    const { client, entity, name } = await person()
    const group = fresh('group')
    const groupId = await made('group', { name: group, member_entity_ids: [entity], metadata: { tier: 'one' } })
    await policy('templated', ['id', 'metadata.team', `aliases.${users.accessor}.name`, `aliases.${users.accessor}.custom_metadata.cost`].map((path) => `path "secret/data/{{identity.entity.${path}}}/x" { capabilities = ["read"] }`).join('\n')
      + `\npath "secret/data/{{identity.groups.names.${group}.metadata.tier}}-{{identity.groups.ids.${groupId}.name}}/x" { capabilities = ["read"] }`)
    await identity('POST', `entity/id/${entity}`, { policies: ['templated'], metadata: { team: 'pay' } }, 204)
    const alias = (await identity('GET', `entity/id/${entity}`)).data.aliases[0].id
    await identity('POST', `entity-alias/id/${alias}`, { custom_metadata: { cost: '42' } })
    for (const first of [entity, 'pay', name, '42', `one-${group}`]) {
      await root.expect('POST', `/v1/secret/data/${first}/x`, { data: { a: '1' } })
      assert.equal(await mayRead(client, `secret/data/${first}/x`), true, first)
    }
    await identity('POST', `entity/id/${entity}`, { metadata: { team: 'other' } }, 204)
    assert.equal(await mayRead(client, 'secret/data/pay/x'), false)
    for (const team of ['*', '+', '../pay', 'pay/x', 'p*', '{{identity.entity.id}}', '..']) {
      await identity('POST', `entity/id/${entity}`, { metadata: { team } }, 204)
      assert.equal(await mayRead(client, 'secret/data/pay/x'), false, team)
    }
  })
})

describe('tokens for an entity', () => {
  test('are made by a role that allows the alias', async () => {
    const role = fresh('role')
    await root.expect('POST', `/v1/auth/token/roles/${role}`, { allowed_entity_aliases: ['svc-*', 'Exact'], allowed_policies: ['default'] }, { status: 204 })
    const create = (path: string, alias: string, status: number) => root.expect('POST', `/v1/auth/token/${path}`, { entity_alias: alias }, { status })
    assert.deepEqual((await create('create', 'svc-1', 400)).json.errors, ["'entity_alias' is only allowed in combination with token role"])
    assert.deepEqual((await create(`create/${role}`, 'other', 400)).json.errors, ["invalid 'entity_alias' value"])
    const { auth } = (await create(`create/${role}`, 'svc-1', 200)).json
    const accessor = (await root.expect('GET', '/v1/sys/auth')).json.data['token/'].accessor
    const found = (await identity('POST', 'lookup/entity', { alias_name: 'svc-1', alias_mount_accessor: accessor })).data
    assert.deepEqual([found.id, found.aliases[0].mount_type, found.aliases[0].mount_path], [auth.entity_id, 'token', 'auth/token/'])
    assert.equal((await create(`create/${role}`, 'svc-1', 200)).json.auth.entity_id, auth.entity_id)
    await create(`create/${role}`, 'Exact', 200)
    for (const other of ['EXACT', 'SVC-1']) assert.deepEqual((await create(`create/${role}`, other, 400)).json.errors, ["invalid 'entity_alias' value"], 'aliases that differ in case are others')
    await identity('POST', `entity/id/${auth.entity_id}`, { policies: ['guarded'] }, 204)
    assert.equal(await mayRead(root.as(auth.client_token)), true)
    await identity('POST', `entity/id/${auth.entity_id}`, { disabled: true }, 204)
    assert.deepEqual((await create(`create/${role}`, 'svc-1', 403)).json.errors, ['entity from given entity alias is disabled'])
  })
})

describe('rights', () => {
  test('are needed for every path, and are asked by it', async () => {
    const { client, entity } = await person()
    assert.equal((await client.expect('GET', `/v1/identity/entity/id/${entity}`)).json.data.id, entity, 'the policy default lets everybody read their own')
    for (const [method, path, body] of [
      ['POST', 'entity', {}], ['GET', `entity/id/${NO_ONE}`, undefined], ['GET', 'entity/name/x', undefined], ['POST', `entity/id/${entity}`, { policies: ['guarded'] }], ['DELETE', `entity/id/${entity}`, undefined], ['LIST', 'entity/id', undefined], ['POST', 'entity/merge', {}],
      ['POST', 'entity/batch-delete', {}], ['POST', 'entity-alias', {}], ['LIST', 'entity-alias/id', undefined], ['POST', 'group', {}], ['GET', `group/id/${NO_ONE}`, undefined], ['LIST', 'group/name', undefined], ['POST', 'group-alias', {}], ['POST', 'lookup/entity', {}],
    ] as const) {
      assert.deepEqual((await client.expect(method, `/v1/identity/${path}`, body, { status: 403 })).json, { errors: ['1 error occurred:\n\t* permission denied\n\n'] }, `${method} ${path}`)
    }
    await policy('directory', 'path "identity/lookup/entity" { capabilities = ["update"] }\npath "identity/entity/id/+" { capabilities = ["read"] }')
    await identity('POST', `entity/id/${entity}`, { policies: ['directory'] }, 204)
    assert.equal((await client.expect('GET', `/v1/identity/entity/id/${entity}`)).json.data.id, entity)
    assert.equal((await client.expect('POST', '/v1/identity/lookup/entity', { id: entity })).json.data.id, entity)
    await client.expect('POST', `/v1/identity/entity/id/${entity}`, { policies: ['guarded'] }, { status: 403 })
  })
  test('of groups alone do not lead to roles, nor to names that policies grant to', async () => {
    const { client, entity } = await person()
    await policy('groups-only', 'path "identity/group" { capabilities = ["update"] }\npath "identity/group/*" { capabilities = ["update"] }\npath "identity/entity-alias" { capabilities = ["update"] }')
    await identity('POST', `entity/id/${entity}`, { policies: ['groups-only'] }, 204)
    const name = fresh('payers')
    await root.expect('PUT', `/api/v1/policies/${fresh('json')}`, { body: JSON.stringify({ effect: 'allow', principal: `group:${name}`, actions: ['secrets:read'], resources: ['*'] }) })
    await client.expect('POST', '/v1/identity/group', { name, member_entity_ids: [entity] }, { status: 403 })
    await client.expect('POST', '/v1/identity/group', { name: fresh('free'), member_entity_ids: [entity] })
    const owner = (await root.expect('POST', '/api/v1/principals', { kind: 'user', name: fresh('boss') })).data.id
    await root.expect('POST', '/api/v1/role-bindings', { principal: owner, role: 'owner' })
    const boss = (await identity('LIST', 'entity/id')).data
    const bossId = Object.entries<Json>(boss.key_info).find(([, each]) => each.name.startsWith('boss'))?.[0] ?? ''
    await client.expect('POST', '/v1/identity/entity-alias', { name: fresh('me'), mount_accessor: users.accessor, canonical_id: bossId }, { status: 403 })
  })
})

test('another organization has its own, and finds nothing of others', async () => {
  const [here, there] = [fresh('org'), fresh('org')]
  const owners = await Promise.all([here, there].map(async (slug) => root.as((await root.expect('POST', '/api/v1/organizations', { slug })).data.token)))
  const [mine, theirs] = owners
  assert.ok(mine !== undefined && theirs !== undefined)
  const entity = (await mine.expect('POST', '/v1/identity/entity', { name: 'shared-name' })).json.data.id
  const group = (await mine.expect('POST', '/v1/identity/group', { name: 'shared-name', member_entity_ids: [entity] })).json.data.id
  assert.notEqual((await mine.expect('GET', `/v1/identity/entity/id/${entity}`)).json.data.namespace_id, 'root')
  for (const stranger of [theirs, root]) {
    await stranger.expect('GET', `/v1/identity/entity/id/${entity}`, undefined, { status: 404 })
    await stranger.expect('GET', `/v1/identity/group/id/${group}`, undefined, { status: 404 })
    await stranger.expect('POST', '/v1/identity/lookup/entity', { id: entity }, { status: 204 })
    assert.deepEqual((await stranger.expect('POST', '/v1/identity/entity', { id: entity, disabled: true }, { status: 400 })).json.errors, ['entity not found from id'])
    await stranger.expect('POST', '/v1/identity/group', { name: fresh('group'), member_entity_ids: [entity] }, { status: 400 })
    await stranger.expect('DELETE', `/v1/identity/entity/id/${entity}`, undefined, { status: 204 })
    await stranger.expect('POST', '/v1/identity/entity-alias', { name: fresh('alias'), mount_accessor: 'auth_token_00000000', canonical_id: entity }, { status: 400 })
  }
  assert.equal((await mine.expect('GET', `/v1/identity/entity/id/${entity}`)).json.data.disabled, false)
  assert.equal((await root.expect('GET', `/v1/${here}/identity/entity/id/${entity}`)).json.data.name, 'shared-name')
})
