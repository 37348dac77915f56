import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { organizations, secrets } from './testing/contracts.ts'
import { testPlatform } from './testing/platform.ts'

const { root, as, withToken, anotherWorker, written } = await testPlatform({ after })
const dev = { environment: 'dev' }
const secretOf = { key: 's', ...dev, reveal: true }

test('a suspended organization answers nobody, on every worker, and is as it was once it is resumed', async () => {
  const { token } = await root(organizations.create, { slug: 'acme' })
  const owner = withToken(token)
  await owner(secrets.put, { key: 's', ...dev, value: 'x' })
  const other = (await anotherWorker()).withToken(token)
  assert.equal((await other(secrets.get, secretOf)).value, 'x')

  assert.equal((await root(organizations.suspend, { slug: 'acme' })).state, 'suspended')
  for (const call of [owner, other]) await assert.rejects(call(secrets.get, secretOf), { kind: 'unauthenticated' })
  await assert.rejects(root(secrets.get, secretOf, { namespace: 'acme' }), { code: 'organization.not_found' })
  assert.deepEqual((await root(organizations.list)).items.map(({ slug, state }) => [slug, state]), [['acme', 'suspended']])

  assert.equal((await root(organizations.suspend, { slug: 'acme' })).state, 'suspended')
  assert.equal((await root(organizations.resume, { slug: 'acme' })).state, 'active')
  for (const call of [owner, other]) assert.equal((await call(secrets.get, secretOf)).value, 'x')
  assert.deepEqual((await written()).filter(({ action }) => String(action).startsWith('organization.')).map(({ action }) => action), ['organization.create', 'organization.suspend', 'organization.resume'])
})

test('what is below it is suspended with it', async () => {
  await root(organizations.create, { slug: 'parent' })
  const { token } = await root(organizations.create, { slug: 'child' }, { namespace: 'parent' })
  const child = withToken(token)
  await child(secrets.put, { key: 's', ...dev, value: 'y' })
  await root(organizations.suspend, { slug: 'parent' })
  await assert.rejects(child(secrets.get, secretOf), { kind: 'unauthenticated' })
  await root(organizations.resume, { slug: 'parent' })
  assert.equal((await child(secrets.get, secretOf)).value, 'y')
})

test('nobody but root suspends, and only what is there', async () => {
  const { token } = await root(organizations.create, { slug: 'other' })
  await assert.rejects((await as({ role: 'owner' })).call(organizations.suspend, { slug: 'other' }), { kind: 'permission_denied' })
  await assert.rejects(withToken(token)(organizations.suspend, { slug: 'other' }), (error: { kind: string }) => ['permission_denied', 'not_found'].includes(error.kind))
  await assert.rejects(root(organizations.suspend, { slug: 'nothing' }), { kind: 'not_found' })
})
