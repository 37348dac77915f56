// Groups on the native door, and what they do to tokens on every worker.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { groups, organizations, secrets, tokens } from '../../../compose/testing/contracts.ts'
import { testPlatform } from '../../../compose/testing/platform.ts'

const { root, as, withToken, anotherWorker, written } = await testPlatform({ after })
const other = await anotherWorker()

await root(secrets.put, { key: 'app/token', environment: 'prod', value: 'x' })
await root(tokens.putPolicy, { name: 'oncall', body: JSON.stringify({ effect: 'allow', principal: 'group:payments-oncall', actions: ['secrets:read'], resources: ['prod/*'] }) })
const reveal = (token: string, worker = withToken) => worker(token)(secrets.get, { key: 'app/token', environment: 'prod', reveal: true })
const denied = { kind: 'permission_denied' }
const missing = { kind: 'not_found', code: 'group.not_found' }

test('a policy for a group holds for its members, from the first to the last moment, on every worker', async () => {
  const ann = await as({ name: 'ann', kind: 'user' })
  for (const worker of [withToken, other.withToken]) await assert.rejects(reveal(ann.token, worker), denied)
  const group = await root(groups.createGroup, { name: 'payments-oncall' })
  assert.match(group.id, /^grp_/)
  assert.deepEqual(await root(groups.addMember, { group: 'payments-oncall', member: 'user:ann' }), { changed: true })
  assert.deepEqual(await root(groups.addMember, { group: group.id, member: 'user:ann' }), { changed: false })
  for (const worker of [withToken, other.withToken]) await reveal(ann.token, worker)
  const found = await root(groups.getGroup, { group: 'payments-oncall' })
  assert.deepEqual([found.id, found.kind, found.members.length, found.memberGroups], [group.id, 'internal', 1, []])
  assert.deepEqual(await root(groups.removeMember, { group: 'payments-oncall', member: found.members[0] ?? '' }), { changed: true })
  for (const worker of [withToken, other.withToken]) await assert.rejects(reveal(ann.token, worker), denied)
  await root(groups.addMember, { group: 'payments-oncall', member: 'user:ann' })
  for (const worker of [withToken, other.withToken]) await reveal(ann.token, worker)
  await root(groups.deleteGroup, { group: 'payments-oncall' })
  for (const worker of [withToken, other.withToken]) await assert.rejects(reveal(ann.token, worker), denied)
  const actions = (await written()).map(({ action }) => action)
  for (const action of ['identity.group-write', 'identity.group-delete']) assert.ok(actions.includes(action), action)
})

test('groups are made once, and listed in pages', async () => {
  for (const name of ['one', 'two', 'three']) await root(groups.createGroup, { name, policies: ['default'] })
  await assert.rejects(root(groups.createGroup, { name: 'ONE' }), { kind: 'conflict', code: 'group.exists' })
  const names: string[] = []
  for (let after: string | undefined, more = true; more;) {
    const page = await root(groups.listGroups, { limit: 2, ...(after === undefined ? {} : { after }) })
    names.push(...page.items.map(({ name }) => name))
    after = page.next
    more = after !== undefined
  }
  assert.deepEqual(names.filter((name) => ['one', 'two', 'three'].includes(name)), ['one', 'two', 'three'])
})

test('what is not there is said, and names of one kind are not those of another', async () => {
  await as({ name: 'robot' })
  await root(groups.createGroup, { name: 'robots' })
  await assert.rejects(root(groups.addMember, { group: 'robots', member: 'user:robot' }), { kind: 'not_found', code: 'principal.not_found' })
  await assert.rejects(root(groups.addMember, { group: 'robots', member: 'robot' }), { kind: 'invalid_request', code: 'group.bad_member' })
  assert.deepEqual(await root(groups.addMember, { group: 'robots', member: 'service:robot' }), { changed: true })
  await assert.rejects(root(groups.getGroup, { group: 'nobody' }), missing)
  await assert.rejects(root(groups.deleteGroup, { group: 'nobody' }), missing)
  await assert.rejects(root(groups.createGroup, { name: 'strong', policies: ['root'] }), { kind: 'invalid_request' })
})

test('it takes a right that developers do not have, and one more for a group that has roles or is granted to by name', async () => {
  const developer = await as({ role: 'developer' })
  await assert.rejects(developer.call(groups.createGroup, { name: 'mine' }), denied)
  await assert.rejects(developer.call(groups.listGroups), denied)
  await assert.rejects(developer.call(groups.getGroup, { group: 'robots' }), denied)
  await assert.rejects(developer.call(groups.addMember, { group: 'robots', member: 'service:robot' }), denied)
  await root(tokens.putPolicy, { name: 'group-admin', kind: 'acl', body: 'path "identity/group/*" { capabilities = ["create", "read", "update", "delete", "list"] }' })
  const keeper = await as({ policies: ['group-admin'] })
  await keeper.call(groups.createGroup, { name: 'harmless' })
  await assert.rejects(keeper.call(groups.createGroup, { name: 'payments-oncall' }), denied)
})

test('another organization neither sees nor changes them', async () => {
  const acme = withToken((await root(organizations.create, { slug: 'acme' })).token)
  const group = await root(groups.createGroup, { name: 'ours' })
  for (const by of ['ours', group.id]) {
    await assert.rejects(acme(groups.getGroup, { group: by }), missing)
    await assert.rejects(acme(groups.deleteGroup, { group: by }), missing)
  }
  await acme(groups.createGroup, { name: 'ours' })
  const principal = (await root(tokens.createPrincipal, { kind: 'user', name: 'of-root' })).id
  await assert.rejects(acme(groups.addMember, { group: 'ours', member: principal }), { kind: 'not_found', code: 'principal.not_found' })
  assert.deepEqual((await acme(groups.listGroups, {})).items.map(({ name }) => name), ['ours'])
})
