// Ways around a right that was not given, each tried once: what a role may not do directly it may not do by another operation.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import * as audit from '../platform/audit/operations.ts'
import { organizations, projects, secrets, tokens } from './testing/contracts.ts'
import { testPlatform } from './testing/platform.ts'

const { root, as, withToken } = await testPlatform({ after })
const dev = { environment: 'dev' }
const prod = { environment: 'prod' }
const denied = { kind: 'permission_denied' }

await root(projects.updateEnvironment, { project: 'secret', environment: 'prod', protected: true })
const developer = (await as({ name: 'dev1', role: 'developer' })).call
const admin = (await as({ name: 'adm1', role: 'admin' })).call

test('a developer writes values and descriptions, but not the owner, nor how long versions live', async () => {
  await developer(secrets.put, { key: 'a', ...dev, value: '1', ownerTeam: 'mine', maxVersions: 5 })
  await developer(secrets.put, { key: 'a', ...dev, value: '2', ownerTeam: 'mine', maxVersions: 5, description: 'said again' })
  for (const more of [{ ownerTeam: 'evil' }, { maxVersions: 1 }, { casRequired: true }, { deleteVersionAfter: 60 }]) {
    await assert.rejects(developer(secrets.put, { key: 'a', ...dev, value: '3', ...more }), denied)
    await assert.rejects(developer(secrets.patch, { key: 'a', ...dev, ...more }), denied)
  }
  assert.equal((await root(secrets.get, { key: 'a', ...dev })).currentVersion, 2)
})

test('in a protected environment an admin cannot let old versions be destroyed, nor take the protection away', async () => {
  await root(secrets.put, { key: 'p', ...prod, value: '1' })
  await assert.rejects(admin(secrets.patch, { key: 'p', ...prod, maxVersions: 1 }), denied)
  await assert.rejects(admin(secrets.put, { key: 'p', ...prod, value: '2', maxVersions: 1 }), denied)
  await admin(secrets.patch, { key: 'p', ...prod, ownerTeam: 'ops' })
  await assert.rejects(admin(projects.updateEnvironment, { project: 'secret', environment: 'prod', protected: false }), denied)
  await admin(projects.updateEnvironment, { project: 'secret', environment: 'staging', protected: true })
  await root(projects.updateEnvironment, { project: 'secret', environment: 'staging', protected: false })
})

test('a write that destroys old versions says which in its record', async () => {
  await root(secrets.put, { key: 'm', ...dev, value: '1', maxVersions: 1 })
  await root(secrets.put, { key: 'm', ...dev, value: '2' })
  const found = await root(audit.search, { path: 'm', action: 'secret.update' })
  assert.equal((found.items[0]?.metadata as { destroyedVersions?: string } | undefined)?.destroyedVersions, '1')
})

test('who may not reveal learns nothing of a value by its fingerprint or by a comparison', async () => {
  await root(secrets.put, { key: 'pin', ...prod, value: '4711' })
  await root(tokens.putPolicy, { name: 'rotators', body: JSON.stringify({ effect: 'allow', principal: 'service:rotator', actions: ['secrets:rotate', 'secrets:metadata', 'secrets:write'], resources: ['prod/*'] }) })
  const rotator = (await as({ name: 'rotator' })).call
  assert.equal((await rotator(secrets.get, { key: 'pin', ...prod })).sha256Fingerprint, undefined)
  assert.ok((await rotator(secrets.history, { key: 'pin', ...prod })).items.every(({ sha256Fingerprint }) => sha256Fingerprint === undefined))
  assert.ok((await root(secrets.get, { key: 'pin', ...prod })).sha256Fingerprint !== undefined)
  const changeOf = async (content: string) => (await rotator(secrets.diff, { ...prod, format: 'json', content })).changes.find(({ path }) => path === 'pin')?.change
  assert.equal(await changeOf('{"pin":"4711"}'), 'update')
  assert.equal(await changeOf('{"pin":"0000"}'), 'update')
  assert.equal((await root(secrets.diff, { ...prod, format: 'json', content: '{"pin":"4711"}' })).changes.find(({ path }) => path === 'pin')?.change, 'unchanged')
})

test('a deny of exports takes values at once from those who may reveal each', async () => {
  const reader = (await as({ name: 'noexport', role: 'reader', project: 'secret', environment: 'dev' })).call
  const pulled = async (): Promise<readonly [number, number]> => {
    const { secrets: there, withheld } = await reader(secrets.pull, { ...dev, format: 'json' })
    return [there, withheld]
  }
  const [all] = await pulled()
  assert.ok(all > 0)
  await root(tokens.putPolicy, { name: 'no-export', body: JSON.stringify({ effect: 'deny', principal: '*', actions: ['secrets:export'], resources: ['dev/*'] }) })
  assert.deepEqual(await pulled(), [0, all])
  assert.equal((await reader(secrets.inject, dev)).withheld, all)
  assert.equal((await reader(secrets.get, { key: 'a', ...dev, reveal: true })).value !== undefined, true)
  await root(tokens.deletePolicy, { name: 'no-export' })
  assert.deepEqual(await pulled(), [all, 0])
})

test('an admin of a project takes away the roles that it can give there, and no others', async () => {
  const { id: principal } = await root(tokens.createPrincipal, { name: 'somebody', kind: 'user' })
  const projectAdmin = (await as({ name: 'padm', role: 'admin', project: 'secret' })).call
  const given = await projectAdmin(tokens.bindRole, { principal, role: 'reader', project: 'secret' })
  const above = await root(tokens.bindRole, { principal, role: 'auditor' })
  await projectAdmin(tokens.unbindRole, { binding: given.id })
  await assert.rejects(projectAdmin(tokens.unbindRole, { binding: above.id }), denied)
})

test('what was granted in an environment goes with it', async () => {
  await root(projects.createEnvironment, { project: 'secret', slug: 'qa' })
  const held = await as({ name: 'tester', role: 'reader', project: 'secret', environment: 'qa' })
  await root(projects.removeEnvironment, { project: 'secret', environment: 'qa' })
  await root(projects.createEnvironment, { project: 'secret', slug: 'qa' })
  await assert.rejects(held.call(tokens.whoami), { kind: 'unauthenticated' })
  assert.ok((await root(tokens.listBindings)).items.every(({ environment }) => environment !== 'qa'))
})

test('an organization verifies its own record; how much the platform records is not for it', async () => {
  const { token } = await root(organizations.create, { slug: 'small' })
  const report = await withToken(token)(audit.verify)
  assert.deepEqual([report.intact, report.streams, report.frames], [true, 0, 0])
  assert.ok((await root(audit.verify)).frames > 0)
})
