// Injection, export and comparison of a whole environment: each secret is decided by itself, and nothing is told beyond that.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { secrets, tokens } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'

const { root, as, database } = await testPlatform({ after })
const dev = { environment: 'dev' }
for (const [key, value] of [['app/token', 'swordfish'], ['app/url', 'http://x'], ['ops/password', 'hunter2']] as const) await root(secrets.put, { key, ...dev, value })
await root(tokens.putPolicy, { name: 'app-only', kind: 'acl', body: 'path "secret/data/dev/app/*" { capabilities = ["read"] }\npath "secret/metadata/dev/*" { capabilities = ["list"] }' })
await root(tokens.putPolicy, { name: 'lister', kind: 'acl', body: 'path "secret/metadata/dev/*" { capabilities = ["list", "read"] }' })

test('an injection holds what may be revealed, and counts what may not', async () => {
  const all = await root(secrets.inject, dev)
  assert.deepEqual(all.variables, { TOKEN: 'swordfish', URL: 'http://x', PASSWORD: 'hunter2' })
  const { call } = await as({ policies: ['app-only'] })
  const some = await call(secrets.inject, dev)
  assert.deepEqual([some.variables, some.withheld], [{ TOKEN: 'swordfish', URL: 'http://x' }, 1])
  assert.deepEqual(some.secrets.map(({ path }) => path), ['app/token', 'app/url'])
})

test('an injection of a folder names paths below it', async () => {
  const some = await root(secrets.inject, { ...dev, prefix: 'app', prefixPath: true })
  assert.deepEqual([some.variables, some.secrets.map(({ path }) => path)], [{ TOKEN: 'swordfish', URL: 'http://x' }, ['token', 'url']])
})

test('an alias chooses which version of each; secrets without it are left out', async () => {
  await root(secrets.propose, { key: 'app/url', ...dev, value: 'http://next' })
  assert.deepEqual((await root(secrets.inject, { ...dev, alias: 'next' })).variables, { URL: 'http://next' })
  await assert.rejects(root(secrets.inject, { ...dev, alias: '2' }), { kind: 'invalid_request' })
})

test('versions that cannot be read are left out', async () => {
  await root(secrets.put, { key: 'gone/disabled', environment: 'staging', value: 'x' })
  await root(secrets.setState, { key: 'gone/disabled', environment: 'staging', version: 1, state: 'DISABLED', force: true })
  await root(secrets.put, { key: 'gone/deleted', environment: 'staging', value: 'x' })
  await root(secrets.remove, { key: 'gone/deleted', environment: 'staging' })
  await root(secrets.put, { key: 'gone/here', environment: 'staging', value: 'y' })
  assert.deepEqual((await root(secrets.inject, { environment: 'staging' })).variables, { HERE: 'y' })
})

test('what changed in a folder is in the next injection, whatever the change', async () => {
  const warm = { environment: 'staging', prefix: 'warm' }
  const variables = async (): Promise<unknown> => (await root(secrets.inject, warm)).variables
  const at = (key: string): { readonly key: string; readonly environment: string } => ({ key: `warm/${key}`, environment: 'staging' })
  await root(secrets.put, { ...at('a'), value: '1' })
  assert.deepEqual([await variables(), await variables()], [{ A: '1' }, { A: '1' }])
  await root(secrets.put, { ...at('a'), value: '2' })
  assert.deepEqual(await variables(), { A: '2' })
  await root(secrets.put, { ...at('b'), value: '3' })
  assert.deepEqual(await variables(), { A: '2', B: '3' })
  await root(secrets.setState, { ...at('a'), version: 2, state: 'DISABLED', force: true })
  assert.deepEqual(await variables(), { B: '3' })
  await root(secrets.setState, { ...at('a'), version: 2, state: 'ENABLED', force: true })
  await root(secrets.remove, at('b'))
  assert.deepEqual(await variables(), { A: '2' })
})

test('a secret whose row was altered fails the injection of who may read it, and of nobody else', async () => {
  const at = { key: 'damaged/x', ...dev }
  await root(secrets.put, { ...at, value: '1' })
  await database.superuser.query("update coffer.secrets set mac = decode(repeat('01', 33), 'hex') where path = 'damaged/x'")
  const { call } = await as({ policies: ['app-only'] })
  assert.ok((await call(secrets.inject, dev)).withheld >= 2)
  for (let time = 0; time < 2; time++) await assert.rejects(root(secrets.inject, dev), { code: 'secret.integrity' })
  await database.superuser.query("delete from coffer.secrets where path = 'damaged/x'")
})

test('each revealed secret has a record of its own', async () => {
  await root(secrets.inject, { ...dev, prefix: 'ops' })
  for (let tries = 0; ; tries++) {
    const { rows } = await database.superuser.query<{ path: string }>("select path from coffer.audit_events where action = 'secret.reveal' and path = 'ops/password'")
    if (rows.length > 0) break
    assert.ok(tries < 400, 'the record was never shipped')
    await database.superuser.query('select pg_sleep(0.05)')
  }
})

test('a document of a folder comes out in each form and is read back as the same', async () => {
  for (const format of ['env', 'json', 'yaml'] as const) {
    const { content } = await root(secrets.pull, { ...dev, prefix: 'app', format })
    assert.ok(content.includes('swordfish'))
    const compared = await root(secrets.diff, { ...dev, prefix: format === 'env' ? 'elsewhere' : 'app', format, content })
    assert.deepEqual(format === 'env' ? compared.created : compared.unchanged, 2)
  }
})

test('two secrets of one name in a document are a conflict that names both', async () => {
  for (const folder of ['x', 'y']) await root(secrets.put, { key: `${folder}/same`, environment: 'prod', value: folder })
  await assert.rejects(root(secrets.pull, { environment: 'prod' }), { kind: 'conflict', code: 'inject.same_name', message: /"x\/same" and "y\/same"/ })
  assert.equal((await root(secrets.pull, { environment: 'prod', prefixPath: true })).content, 'X_SAME=x\nY_SAME=y\n')
})

const diff = (client: typeof root, content: object) => client(secrets.diff, { ...dev, format: 'json', content: JSON.stringify(content) }).then(({ changes }) => Object.fromEntries(changes.map(({ path, change }) => [path, change])))

test('a comparison tells what would change, by fingerprints', async () => {
  assert.deepEqual(await diff(root, { 'app/token': 'swordfish', 'app/url': 'other', 'app/new': 'x' }), { 'app/token': 'unchanged', 'app/url': 'update', 'app/new': 'create', 'ops/password': 'remote-only' })
})

test('whoever may only list cannot test guesses by comparing', async () => {
  const { call } = await as({ policies: ['lister'] })
  for (const guess of ['swordfish', 'wrong']) assert.deepEqual((await diff(call, { 'app/token': guess }))['app/token'], 'error')
  const some = await as({ policies: ['app-only'] })
  assert.deepEqual(await diff(some.call, { 'app/token': 'swordfish', 'ops/password': 'hunter2' }), { 'app/token': 'unchanged', 'app/url': 'remote-only', 'ops/password': 'error' })
})

test('a secret that cannot be read is written anew, though its value was the same', async () => {
  await root(secrets.put, { key: 'stale', environment: 'staging', value: 'same' })
  await root(secrets.setState, { key: 'stale', environment: 'staging', version: 1, state: 'DISABLED', force: true })
  const { changes } = await root(secrets.diff, { environment: 'staging', format: 'json', content: '{"stale":"same"}' })
  assert.equal(changes.find(({ path }) => path === 'stale')?.change, 'update')
})

test('names that are no paths are errors by their name; nothing is written beside them', async () => {
  const { errors, changes, applied } = await root(secrets.push, { ...dev, format: 'json', content: '{"../x":"swordfish-1","ok":"y"}', confirm: true })
  assert.deepEqual([errors, applied], [1, false])
  assert.ok(!JSON.stringify(changes).includes('swordfish'))
})

test('more names than one document may hold are refused', async () => {
  const content = JSON.stringify(Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`n${i}`, 'v'])))
  await assert.rejects(root(secrets.push, { ...dev, format: 'json', content, confirm: true }), { kind: 'invalid_request', code: 'sync.too_many' })
})
