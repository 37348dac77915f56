// Organizations: each is its own world, and says nothing of the others.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { keys, organizations, projects, secrets, tokens } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'

const { root, as, withToken, anotherWorker, database, pools } = await testPlatform({ after })
const make = async (slug: string) => {
  const made = await root(organizations.create, { slug })
  return { id: made.id, token: made.token, call: withToken(made.token) }
}
const [acme, beta] = [await make('acme'), await make('beta')]
const dev = { environment: 'dev' }
const notFound = { kind: 'not_found' }

test('a new organization has a default project and an owner, whose token says where it belongs', async () => {
  assert.match(acme.token, /^hvs\.[0-9A-Za-z]{49}\.[0-9A-Za-z]{7}$/)
  const me = await acme.call(tokens.whoami)
  assert.deepEqual([me.organization, me.principal, me.root], [acme.id, 'user:owner', false])
  assert.deepEqual((await acme.call(projects.list)).items.map(({ name, environments }) => [name, environments.length]), [['secret', 3]])
})

test('the same names in two organizations are two things', async () => {
  await acme.call(secrets.put, { key: 'db', ...dev, value: 'of acme' })
  await beta.call(secrets.put, { key: 'db', ...dev, value: 'of beta' })
  await root(secrets.put, { key: 'db', ...dev, value: 'of root' })
  for (const [call, value] of [[acme.call, 'of acme'], [beta.call, 'of beta'], [root, 'of root']] as const) {
    for (let i = 0; i < 2; i++) assert.equal((await call(secrets.get, { key: 'db', ...dev, reveal: true })).value, value)
  }
  await acme.call(projects.create, { name: 'shared-name' })
  await beta.call(projects.create, { name: 'shared-name' })
  assert.equal((await acme.call(secrets.list, dev)).items.length, 1)
})

test('equal values have unrelated fingerprints', async () => {
  const [one, two] = await Promise.all([acme, beta].map(({ call }) => call(secrets.put, { key: 'equal', ...dev, value: 'same' })))
  assert.notEqual(one?.sha256Fingerprint, two?.sha256Fingerprint)
})

test('an id of another organization is as unknown as one that never was', async () => {
  const { id } = await acme.call(secrets.get, { key: 'db', ...dev })
  const answer = (key: string) => beta.call(secrets.get, { key, reveal: true }).then(() => 'answered', ({ code, message, httpStatus }: { code: string; message: string; httpStatus: number }) => [code, message, httpStatus])
  const cost = async (key: string) => {
    const before = { ...pools.app.counters }
    const answered = await answer(key)
    return { answered, statements: pools.app.counters.statements - before.statements, roundTrips: pools.app.counters.roundTrips - before.roundTrips }
  }
  await answer(id)
  assert.deepEqual(await cost(id), await cost(`sec_${'7'.repeat(22)}`))
  const others = [() => beta.call(secrets.history, { key: id }), () => beta.call(secrets.remove, { key: id }), () => beta.call(secrets.purge, { key: id }), () => beta.call(secrets.rollback, { key: id })]
  for (const other of others) await assert.rejects(other(), notFound)
})

test('a token goes nowhere but home: the organization is found by what it ends with, and its rows prove it', async () => {
  const shortOf = (token: string) => token.slice(token.lastIndexOf('.') + 1)
  const swapped = acme.token.slice(0, -7) + shortOf(beta.token)
  for (const token of [swapped, acme.token.slice(0, -8), `${acme.token.slice(0, -7)}zzzzzzz`]) await assert.rejects(withToken(token)(tokens.whoami), { code: 'token.invalid' })
})

test('only root reaches into an organization, by naming it; a lock keeps even root out', async () => {
  assert.equal((await root(secrets.get, { key: 'db', ...dev, reveal: true }, { namespace: 'acme' })).value, 'of acme')
  assert.equal((await acme.call(secrets.get, { key: 'db', ...dev, reveal: true }, { namespace: 'acme' })).value, 'of acme')
  const owner = (await as({ role: 'owner' })).call
  const locked = (await as({ role: 'owner', project: 'secret' })).call
  const answers = await Promise.all(
    [[acme.call, 'beta'], [acme.call, 'nowhere'], [acme.call, 'root'], [owner, 'acme'], [locked, 'acme'], [root, 'nowhere'], [root, 'acme/nowhere'], [root, '../acme'], [root, 'ACME']].map(async ([call, namespace]) =>
      (call as typeof root)(secrets.get, { key: 'db', ...dev }, { namespace: namespace as string }).then(() => 'answered', ({ code, message }: { code: string; message: string }) => `${code} ${message}`)),
  )
  assert.equal(new Set(answers).size, 1)
  assert.match(answers[0] ?? '', /^organization\.not_found/)
})

test('organizations are made and listed by root alone', async () => {
  for (const { call } of [acme, await as({ role: 'owner' })]) {
    await assert.rejects(call(organizations.create, { slug: 'mine' }), { kind: 'permission_denied' })
    await assert.rejects(call(organizations.list), { kind: 'permission_denied' })
  }
  const page = await root(organizations.list, { limit: 1 })
  assert.deepEqual(page.items.map(({ slug }) => slug), ['acme'])
  assert.deepEqual((await root(organizations.list, { limit: 1, after: page.next })).items.map(({ slug }) => slug), ['beta'])
})

test('an organization below another is reached by both slugs', async () => {
  const made = await root(organizations.create, { slug: 'team' }, { namespace: 'acme' })
  assert.equal((await root(tokens.createPrincipal, { name: 'p', kind: 'user' }, { namespace: 'acme/team' })).name, 'p')
  assert.equal((await withToken(made.token)(tokens.whoami)).organization, made.id)
  assert.deepEqual((await root(organizations.list, {}, { namespace: 'acme' })).items.map(({ slug }) => slug), ['team'])
})

test('slugs and projects of one organization never share a name, whichever came first', async () => {
  await root(projects.create, { name: 'taken' })
  await assert.rejects(root(organizations.create, { slug: 'taken' }), { kind: 'conflict', code: 'organization.mount_taken' })
  await assert.rejects(root(projects.create, { name: 'acme' }), { kind: 'conflict', code: 'project.organization_taken' })
  await assert.rejects(root(organizations.create, { slug: 'acme' }), { kind: 'conflict', code: 'organization.exists' })
  for (const slug of ['sys', 'auth', 'identity', 'cubbyhole', 'secrets', 'v1', 'api', 'root']) await assert.rejects(root(organizations.create, { slug }), { kind: 'invalid_request', field: 'slug' })
})

test('an organization that was made elsewhere is known at once', async () => {
  const other = await anotherWorker()
  await assert.rejects(root(tokens.whoami, {}, { namespace: 'later' }), notFound)
  const made = await root(organizations.create, { slug: 'later' })
  assert.equal((await other.withToken(made.token)(tokens.whoami)).organization, made.id)
})

test('keys rotate for one organization alone, and everything stays readable, re-wrapped or not', async () => {
  const before = await database.superuser.query<{ org: string; version: number }>("select org_id as org, max(version) as version from coffer.keks group by org_id")
  for (const rewrap of [false, true]) {
    const rotated = await acme.call(keys.rotate, { rewrap })
    if (rewrap) assert.ok(rotated.rewrapped >= 2)
    assert.equal((await acme.call(secrets.get, { key: 'db', ...dev, reveal: true })).value, 'of acme')
  }
  const after2 = await database.superuser.query<{ org: string; version: number }>('select org_id as org, max(version) as version from coffer.keks group by org_id')
  const grown = after2.rows.filter(({ org, version }) => version !== before.rows.find((row) => row.org === org)?.version)
  assert.equal(grown.length, 1)
})
