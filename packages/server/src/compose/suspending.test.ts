import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, test } from 'node:test'
import { organizations, secrets } from './testing/contracts.ts'
import { testPlatform } from './testing/platform.ts'

const { root, as, withToken, anotherWorker, written, database } = await testPlatform({ after })
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

/** Somebody else has the organization's row, so that whoever wants more of it than `mode` allows waits. Resolves when that many do. */
const held = async (slug: string, mode: 'key share' | 'update', work: (waiting: (many: number) => Promise<void>) => Promise<void>): Promise<void> => {
  const waiting = async (many: number): Promise<void> => {
    for (let tries = 0; tries < 500; tries += 1) {
      const { rows } = await database.superuser.query<{ count: number }>("select count(*)::int as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
      if (rows[0]?.count === many) return
      await sleep(10)
    }
    assert.fail(`${many} should wait`)
  }
  await database.superuser.transaction(null, async (tx) => {
    await tx.query(`select from coffer.organizations where slug = $1 for ${mode}`, [slug])
    await work(waiting)
  })
}

test('what is made below an organization that is being suspended is suspended with it, on every worker', async () => {
  await root(organizations.create, { slug: 'above' })
  await root(organizations.create, { slug: 'between' }, { namespace: 'above' })
  let suspended: Promise<unknown> = Promise.resolve()
  const tokens: string[] = []
  await held('above', 'key share', async (waiting) => {
    suspended = root(organizations.suspend, { slug: 'above' })
    await waiting(1)
    for (const namespace of ['above', 'above/between']) {
      const { token } = await root(organizations.create, { slug: 'late' }, { namespace })
      await withToken(token)(secrets.put, { key: 's', ...dev, value: 'x' })
      assert.equal((await withToken(token)(secrets.get, secretOf)).value, 'x')
      tokens.push(token)
    }
  })
  await suspended
  for (const token of tokens) await assert.rejects(withToken(token)(secrets.get, secretOf), { kind: 'unauthenticated' })
})

test('below one that is suspended meanwhile nothing is made any more, and one in which something is made meanwhile is not shredded', async () => {
  await root(organizations.create, { slug: 'gone' })
  const ends: Promise<unknown>[] = []
  await held('gone', 'update', async (waiting) => {
    ends.push(root(organizations.suspend, { slug: 'gone' }))
    await waiting(1)
    ends.push(assert.rejects(root(organizations.create, { slug: 'late' }, { namespace: 'gone' }), { code: 'organization.not_found' }))
    await waiting(2)
  })
  await Promise.all(ends)

  await root(organizations.create, { slug: 'kept' })
  let shredded: Promise<unknown> = Promise.resolve()
  let token = ''
  await held('kept', 'key share', async (waiting) => {
    shredded = assert.rejects(root(organizations.shred, { slug: 'kept', confirm: 'kept' }), { code: 'organization.has_children' })
    await waiting(1)
    token = (await root(organizations.create, { slug: 'late' }, { namespace: 'kept' })).token
  })
  await shredded
  await withToken(token)(secrets.put, { key: 's', ...dev, value: 'x' })
})
