// Projects and environments: what registering one takes in, what protects it, and how places are named.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { projects, secrets } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'

const { root, as, anotherWorker, rootToken, database } = await testPlatform({ after })
const put = (key: string, environment: string, value = 'v', more: object = {}) => root(secrets.put, { key, environment, value, ...more })
const reveal = async (key: string, environment: string, more: object = {}) => (await root(secrets.get, { key, environment, reveal: true, ...more })).value
const register = (slug: string, more: object = {}) => root(projects.createEnvironment, { project: 'secret', slug, ...more })

test('a new project has dev, staging and prod, unprotected', async () => {
  const made = await root(projects.create, { name: 'Payments.api_v2', description: 'money' })
  assert.deepEqual(made.environments.map(({ slug, protected: isProtected }) => [slug, isProtected]), [['dev', false], ['staging', false], ['prod', false]])
  await assert.rejects(root(projects.create, { name: 'Payments.api_v2' }), { kind: 'conflict', code: 'project.exists', field: 'name' })
  assert.ok((await root(projects.list)).items.some(({ name }) => name === 'Payments.api_v2'))
})

test('names that a door needs for itself, or that are no names, are refused', async () => {
  for (const name of ['sys', 'auth', 'identity', 'cubbyhole', 'v1', 'api', 'root', 'secrets', 'SYS']) await assert.rejects(root(projects.create, { name }), { code: 'project.reserved_name' }, name)
  for (const name of ['a/b', '-a', '.a', 'a b', 'ä', '..', 'x'.repeat(64)]) await assert.rejects(root(projects.create, { name }), { code: 'project.bad_name' }, name)
})

test('registering an environment over secrets first shows them and does nothing', async () => {
  await put('qa/db/password', 'default', 'swordfish')
  await put('qa/token', 'default', 'one')
  await put('qa/token', 'default', 'two')
  await put('qa-other', 'default')
  await put('q', 'default')
  await assert.rejects(register('qa'), (error: Error & { code?: string; kind?: string }) => {
    assert.deepEqual([error.kind, error.code], ['conflict', 'environment.would_absorb'])
    assert.match(error.message, /"qa\/db\/password", "qa\/token"\./)
    return true
  })
  assert.equal(await reveal('qa/token', 'default'), 'two')
})

test('with absorb they move, keep their ids, versions and values, on every worker', async () => {
  const before = await root(secrets.get, { key: 'qa/token', environment: 'default' })
  const other = (await anotherWorker()).withToken(rootToken)
  await other(secrets.get, { key: 'qa/token', environment: 'default', reveal: true })
  await register('qa', { absorb: true })
  const now = await root(secrets.get, { key: 'token', environment: 'qa', reveal: true })
  assert.deepEqual([now.id, now.value, now.currentVersion], [before.id, 'two', 2])
  assert.equal(await reveal('token', 'qa', { version: '1' }), 'one')
  assert.equal(await reveal('db/password', 'qa'), 'swordfish')
  assert.equal((await root(secrets.get, { key: before.id, reveal: true })).value, 'two')
  for (const call of [root, other]) await assert.rejects(call(secrets.get, { key: 'qa/token', environment: 'default', reveal: true }), { kind: 'invalid_request', code: 'path.names_environment' })
  assert.equal((await put('token', 'qa', 'three')).version, 3)
  for (const path of ['qa-other', 'q']) assert.equal(await reveal(path, 'default'), 'v')
})

test('an environment is not registered over a secret of just its name, which nothing could reach then', async () => {
  await put('solo', 'default')
  for (const absorb of [false, true]) await assert.rejects(register('solo', { absorb }), { kind: 'conflict', code: 'environment.names_secret' })
  assert.equal(await reveal('solo', 'default'), 'v')
})

test('a row that was altered is not moved, and nothing else is', async () => {
  await put('uat/a', 'default')
  await put('uat/b', 'default')
  await database.superuser.query("update coffer.secrets set mac = '\\x00' where path = 'uat/b'")
  await assert.rejects(register('uat', { absorb: true }), { kind: 'internal', code: 'secret.integrity' })
  assert.equal(await reveal('uat/a', 'default'), 'v')
})

test('slugs are small letters, digits and dashes, and there is one default', async () => {
  for (const slug of ['default', 'Dev', '-x', 'a_b', 'ä', 'x'.repeat(64), 'a/b']) await assert.rejects(register(slug), { kind: 'invalid_request' }, slug)
  await assert.rejects(register('dev'), { kind: 'conflict', code: 'environment.exists' })
  await assert.rejects(root(projects.createEnvironment, { project: 'nowhere', slug: 'x' }), { kind: 'not_found', code: 'project.not_found' })
})

test('an environment that holds anything, deleted secrets included, is not removed', async () => {
  await register('temp')
  await put('x', 'temp')
  const remove = () => root(projects.removeEnvironment, { project: 'secret', environment: 'temp' })
  await assert.rejects(remove(), { kind: 'conflict', code: 'environment.in_use' })
  await root(secrets.remove, { key: 'x', environment: 'temp' })
  await assert.rejects(remove(), { code: 'environment.in_use' })
  await root(secrets.purge, { key: 'x', environment: 'temp' })
  assert.deepEqual(await remove(), { removed: true })
  await assert.rejects(put('x', 'temp'), { kind: 'not_found', code: 'environment.not_found' })
})

test('of two changes of an environment at the same time none is lost silently', async () => {
  await register('both')
  const update = (patch: object) => root(projects.updateEnvironment, { project: 'secret', environment: 'both', ...patch })
  const outcomes = await Promise.allSettled([update({ protected: true }), update({ name: 'Both' })])
  const now = (await root(projects.listEnvironments, { project: 'secret' })).items.find(({ slug }) => slug === 'both')
  if (outcomes[0]?.status === 'fulfilled') assert.equal(now?.protected, true)
  if (outcomes[1]?.status === 'fulfilled') assert.equal(now?.name, 'Both')
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal((outcome.reason as { code: string }).code, 'environment.changed')
})

test('a request names its environment, unless its token or the project has only one meaning', async () => {
  await assert.rejects(root(secrets.get, { key: 'x' }), { kind: 'invalid_request', code: 'environment.unnamed', message: /dev, staging, prod/ })
  await assert.rejects(root(secrets.get, { key: 'x', environment: 'nowhere' }), { code: 'environment.not_found' })
  await assert.rejects(root(secrets.get, { key: 'x', environment: 'dev', project: 'nowhere' }), { code: 'project.not_found' })
  await put('named', 'dev')
  const { call } = await as({ role: 'reader', project: 'secret', environment: 'dev' })
  assert.equal((await call(secrets.get, { key: 'named', reveal: true })).value, 'v')
})

test('the project is the named one, else the token\'s, else the header\'s, else the default one', async () => {
  for (const name of ['by-name', 'by-lock', 'by-header']) {
    await root(projects.create, { name })
    await root(secrets.put, { key: 'which', project: name, environment: 'dev', value: name })
  }
  await put('which', 'dev', 'default')
  const which = (client: typeof root, input: object, options = {}) => client(secrets.get, { key: 'which', environment: 'dev', reveal: true, ...input }, options).then(({ value }) => value)
  assert.equal(await which(root, {}), 'default')
  assert.equal(await which(root, {}, { project: 'by-header' }), 'by-header')
  assert.equal(await which(root, { project: 'by-name' }, { project: 'by-header' }), 'by-name')
  const { call } = await as({ role: 'reader', project: 'by-lock' })
  assert.equal(await which(call, {}, { project: 'by-header' }), 'by-lock')
  await assert.rejects(which(call, { project: 'by-name' }), { kind: 'permission_denied' })
})

test('a stranger cannot tell projects, environments and secrets that are there from those that are not', async () => {
  await put('there', 'dev')
  const { id } = await put('there', 'prod')
  const nobody = (await as({ role: 'billing' })).call
  const answer = (input: object) => nobody(secrets.get, { reveal: true, ...input }).then(() => 'answered', ({ code, message, httpStatus }: { code: string; message: string; httpStatus: number }) => JSON.stringify([code, message, httpStatus]))
  const same = async (...inputs: readonly object[]) => assert.equal(new Set(await Promise.all(inputs.map(answer))).size, 1)
  await same({ key: 'there', environment: 'dev' }, { key: 'not-there', environment: 'dev' }, { key: 'there', environment: 'nowhere' }, { key: 'there', environment: 'dev', project: 'nowhere' }, { key: 'prod/x', environment: 'default' })
  await same({ key: 'there' }, { key: 'there', project: 'nowhere' })
  await same({ key: id }, { key: `sec_${'1'.repeat(22)}` })
})
