// Lists of secrets: what is in them, page by page, and that each shows only what its caller may see one by one, whether the policy decides for the folder at once or not.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { secrets, tokens } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'

const { root, as } = await testPlatform({ after })
const dev = { environment: 'dev' }
const keys = ['app/a', 'app/b', 'app/deep/c', 'app/deep/d', 'app-old/x', 'app0', 'other/y', 'top', 'A/upper', 'ä/umlaut']
for (const [at, key] of keys.entries()) for (let version = 0; version <= at % 3; version++) await root(secrets.put, { key, ...dev, value: `${key} ${version}`, description: `about ${key} "quoted" \\ \u{1f600}` })
await root(secrets.put, { key: 'app/e', environment: 'prod', value: 'of another environment' })

const sorted = (paths: readonly string[]): readonly string[] => [...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

test('a folder holds what is below it, at any depth and nothing beside it, in order', async () => {
  const below = async (prefix: string) => (await root(secrets.list, { ...dev, prefix })).items.map(({ path }) => path)
  assert.deepEqual(await below(''), sorted(keys))
  assert.deepEqual(await below('app'), ['app/a', 'app/b', 'app/deep/c', 'app/deep/d'])
  assert.deepEqual(await below('app/deep'), ['app/deep/c', 'app/deep/d'])
  assert.deepEqual(await below('ä'), ['ä/umlaut'])
  assert.deepEqual(await below('app/a'), [])
  assert.deepEqual(await below('nothing/here'), [])
})

test('each is shown as it is when it is asked for by itself', async () => {
  const { items } = await root(secrets.list, dev)
  for (const item of items) {
    const { metadata: _metadata, aliases: _aliases, version: _version, versionNumber: _versionNumber, state: _state, expiresAt: _expiresAt, sha256Fingerprint: _fingerprint, ...one } = await root(secrets.get, { key: item.path, ...dev })
    assert.deepEqual(item, one)
  }
  assert.deepEqual(items.map(({ currentVersion }) => currentVersion), sorted(keys).map((key) => (keys.indexOf(key) % 3) + 1))
})

test('pages of any size come to the same, and a cursor goes on behind its secret', async () => {
  for (const limit of [1, 2, 3, 10, 11]) {
    const seen: string[] = []
    let next: string | undefined
    do {
      const page = await root(secrets.list, { ...dev, limit, after: next })
      seen.push(...page.items.map(({ path }) => path))
      next = page.next
    } while (next !== undefined)
    assert.deepEqual(seen, sorted(keys), `pages of ${limit}`)
  }
})

test('deleted secrets are a list of their own, and a secret without a current version is in its list', async () => {
  await root(secrets.put, { key: 'gone/a', ...dev, value: 'v' })
  await root(secrets.remove, { key: 'gone/a', ...dev })
  await root(secrets.propose, { key: 'pending/a', ...dev, value: 'v' })
  const listed = async (prefix: string, deleted: boolean) => (await root(secrets.list, { ...dev, prefix, deleted })).items
  assert.deepEqual(await listed('gone', false), [])
  assert.match((await listed('gone', true))[0]?.deletedAt ?? '', /^\d{4}-\d\d-\d\dT/)
  assert.deepEqual((await listed('pending', false)).map(({ currentVersion }) => currentVersion), [0])
})

const LISTER = 'path "secret/metadata/dev/" { capabilities = ["list"] }\npath "secret/metadata/dev" { capabilities = ["list"] }\n'

test('who may read the folder sees all of it; who may not see one, all but that; who may see one, that one', async () => {
  const all = sorted([...keys, 'pending/a'])
  const cases: readonly (readonly [name: string, acl: string, seen: readonly string[]])[] = [
    ['wide', 'path "secret/metadata/dev/*" { capabilities = ["read"] }', all],
    ['but-one', 'path "secret/metadata/dev/*" { capabilities = ["read"] }\npath "secret/metadata/dev/app/a" { capabilities = ["deny"] }', all.filter((key) => key !== 'app/a')],
    ['but-some', 'path "secret/metadata/dev/*" { capabilities = ["read"] }\npath "secret/metadata/dev/app/*" { capabilities = ["deny"] }', all.filter((key) => !key.startsWith('app/'))],
    ['only-one', 'path "secret/metadata/dev/app/deep/c" { capabilities = ["read"] }', ['app/deep/c']],
    // The names of a folder are in its list, so a secret is shown to who may list its folder; those of the top are to all of these.
    ['folder', 'path "secret/metadata/dev/app/*" { capabilities = ["list"] }', ['app/a', 'app/b', 'app/deep/c', 'app/deep/d']],
    ['second-segment', 'path "secret/metadata/dev/+/a" { capabilities = ["read"] }', ['app/a', 'pending/a']],
    ['nothing-else', '', []],
  ]
  for (const [name, acl, seen] of cases) {
    await root(tokens.putPolicy, { name, kind: 'acl', body: `${LISTER}${acl}` })
    const { call } = await as({ policies: [name] })
    assert.deepEqual((await call(secrets.list, dev)).items.map(({ path }) => path), sorted([...new Set([...seen, 'app0', 'top'])]), name)
  }
})

test('statements and roles decide as they do for one secret', async () => {
  const statement = (name: string, body: object) => root(tokens.putPolicy, { name, kind: 'json', body: JSON.stringify(body) })
  await statement('of-lister', { effect: 'allow', principal: 'service:lister', actions: ['secrets:metadata'], resources: ['dev/*'] })
  const { call } = await as({ name: 'lister' })
  const seen = async () => (await call(secrets.list, { ...dev, prefix: 'app' })).items.map(({ path }) => path)
  assert.deepEqual(await seen(), ['app/a', 'app/b', 'app/deep/c', 'app/deep/d'])
  await statement('not-deep', { effect: 'deny', principal: 'service:lister', actions: ['secrets:metadata'], resources: ['dev/app/deep/*'] })
  assert.deepEqual(await seen(), ['app/a', 'app/b'])
  await statement('not-a', { effect: 'deny', principal: '*', actions: ['secrets:reveal', 'secrets:write'], resources: ['dev/+/a'] })
  assert.deepEqual(await seen(), ['app/a', 'app/b'])
  // Its folder may be listed, but what is denied by itself is not shown.
  await statement('not-a', { effect: 'deny', principal: '*', actions: ['secrets:*'], resources: ['dev/+/a'] })
  assert.deepEqual(await seen(), ['app/b'])
  await root(tokens.deletePolicy, { name: 'not-a' })
  const reader = await as({ role: 'reader' })
  assert.deepEqual((await reader.call(secrets.list, { ...dev, prefix: 'app/deep' })).items.map(({ path }) => path), ['app/deep/c', 'app/deep/d'])
})
