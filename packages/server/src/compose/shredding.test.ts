import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { organizations, secrets } from './testing/contracts.ts'
import { testPlatform } from './testing/platform.ts'

const { root, as, withToken, database, anotherWorker } = await testPlatform({ after })
const dev = { environment: 'dev' }

test('a shredded organization has no keys, no tokens and no way back, on every worker', async () => {
  const { token } = await root(organizations.create, { slug: 'gone' })
  const owner = withToken(token)
  await owner(secrets.put, { key: 's', ...dev, value: 'x' })
  const other = (await anotherWorker()).withToken(token)
  assert.equal((await other(secrets.get, { key: 's', ...dev, reveal: true })).value, 'x')

  await assert.rejects(root(organizations.shred, { slug: 'gone', confirm: 'another' }), { code: 'organization.unconfirmed' })
  const done = await root(organizations.shred, { slug: 'gone', confirm: 'gone' })
  assert.equal(done.shredded, true)

  for (const call of [owner, other]) await assert.rejects(call(secrets.get, { key: 's', ...dev, reveal: true }), { kind: 'unauthenticated' })
  await assert.rejects(root(secrets.get, { key: 's', ...dev, reveal: true }, { namespace: 'gone' }), { kind: 'not_found' })
  const { rows } = await database.superuser.query<{ wrapped: number; tokens: number; state: string }>(
    "select (select count(*)::int from coffer.keks k where k.org_id = o.org_id and k.wrapped is not null) + (select count(*)::int from coffer.purpose_keys p where p.org_id = o.org_id and p.wrapped is not null) as wrapped, (select count(*)::int from coffer.tokens t where t.org_id = o.org_id) as tokens, o.state from coffer.organizations o where o.slug = 'gone'",
  )
  assert.deepEqual(rows, [{ wrapped: 0, tokens: 0, state: 'shredded' }])
  assert.deepEqual((await root(organizations.list)).items.map(({ slug }) => slug), [])
})

test('its name is never given again, and shredding twice finds nothing', async () => {
  await assert.rejects(root(organizations.create, { slug: 'gone' }), { kind: 'conflict' })
  await assert.rejects(root(organizations.shred, { slug: 'gone', confirm: 'gone' }), { kind: 'not_found' })
})

test('nobody but root shreds', async () => {
  await root(organizations.create, { slug: 'kept' })
  await assert.rejects((await as({ role: 'owner' })).call(organizations.shred, { slug: 'kept', confirm: 'kept' }), { kind: 'permission_denied' })
})
