// What a caller may not see: it is in no list, and neither the length of a page, nor its cursor, nor a count tells of it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { kv, organizations, projects, secrets, tokens } from '../../compose/testing/contracts.ts'
import { testPlatform, type Client } from '../../compose/testing/platform.ts'
import { encodeCursor } from '../../kernel/cursor.ts'

const { root, as, withToken, rootToken, rootOrgId, anotherWorker, database, keyring } = await testPlatform({ after })
const dev = { environment: 'dev' }
const prod = { environment: 'prod' }
const bad = { kind: 'invalid_request', code: 'request.bad_cursor', field: 'after' }

const numbered = (beginning: string, count: number): readonly string[] => Array.from({ length: count }, (_, at) => `${beginning}${String(at).padStart(4, '0')}`)
const fill = async (environment: string, paths: readonly string[]): Promise<void> => {
  for (let at = 0; at < paths.length; at += 20) await Promise.all(paths.slice(at, at + 20).map((key) => root(secrets.put, { key, environment, value: 'v' })))
}
const holding = async (name: string, acl: string): Promise<Client> => {
  await root(tokens.putPolicy, { name, kind: 'acl', body: acl })
  return (await as({ policies: [name] })).call
}
const rule = (path: string, capability: string): string => `path "secret/${path}" { capabilities = ["${capability}"] }\n`
const paths = ({ items }: { readonly items: readonly { readonly path: string }[] }): readonly string[] => items.map(({ path }) => path)

before(() => fill('dev', ['app/a', 'app/b', 'app/deep/c', 'app/deep/d']))

test('a secret that is denied by itself is in no list of its folder; one of which less is said is', async () => {
  const cases: readonly (readonly [name: string, acl: string, seen: readonly string[]])[] = [
    ['all-but-one', rule('metadata/dev/app/*', 'list') + rule('metadata/dev/app/b', 'deny'), ['app/a', 'app/deep/c', 'app/deep/d']],
    ['folder-but-one', rule('metadata/dev/app/', 'list') + rule('metadata/dev/app/b', 'deny'), ['app/a']],
    ['not-its-value', rule('metadata/dev/app/', 'list') + rule('metadata/dev/app/b', 'update') + rule('data/dev/app/b', 'deny'), ['app/a', 'app/b']],
  ]
  for (const [name, acl, seen] of cases) {
    const call = await holding(name, acl)
    assert.deepEqual(paths(await call(secrets.list, { ...dev, prefix: 'app' })), seen, name)
    // Vault's own list asks for the folder alone.
    assert.deepEqual((await call(kv.list, { path: 'dev/app/' })).keys, ['a', 'b', 'deep/'], name)
  }
})

test('pages say nothing of what is left out: they are full, end at what is shown, and their cursors cannot be read', async () => {
  const shown = [...numbered('big/a', 3), ...numbered('big/z', 7)]
  await fill('prod', [...numbered('big/hid/h', 120), ...shown])
  const call = await holding('big', ['', '/*'].map((end) => rule(`metadata/prod/big${end}`, 'list') + rule(`metadata/prod/big/hid${end}`, 'deny')).join(''))
  const there = { ...prod, prefix: 'big' }
  const whole = await call(secrets.list, { ...there, limit: 10 })
  assert.deepEqual([paths(whole), whole.next], [shown, undefined])
  const lengths = new Set<number>()
  for (const limit of [1, 3, 4, 9]) {
    const seen: string[] = []
    let next: string | undefined
    do {
      const page = await call(secrets.list, { ...there, limit, after: next })
      seen.push(...paths(page))
      next = page.next
      if (next === undefined) break
      assert.equal(page.items.length, limit)
      lengths.add(next.length)
      for (const text of [next, Buffer.from(next, 'base64url').toString('latin1')]) assert.doesNotMatch(text, /big\/|hid\/|secrets/) // random bytes may well spell a word of three letters
    } while (seen.length < 100)
    assert.deepEqual(seen, shown, `pages of ${limit}`)
  }
  assert.equal(lengths.size, 1)
})

test('so many rows are looked at for one answer; where all of them are left out, the next page goes on behind them', async () => {
  await fill('prod', [...numbered('long/hid/h', 1510), 'long/z'])
  const call = await holding('long', rule('metadata/prod/long/', 'list'))
  const asked = { ...prod, prefix: 'long', limit: 2 }
  const first = await call(secrets.list, asked)
  assert.deepEqual(first.items, [])
  assert.ok(first.next !== undefined && !Buffer.from(first.next, 'base64url').includes('long/hid'))
  const second = await call(secrets.list, { ...asked, after: first.next })
  assert.deepEqual([paths(second), second.next], [['long/z'], undefined])
})

test('a cursor is for its own list: not another folder, environment, project or organization, nor anything that was made up', async () => {
  const asked = { ...dev, prefix: 'app', limit: 1 }
  const { next = '' } = await root(secrets.list, asked)
  assert.deepEqual(paths(await root(secrets.list, { ...asked, limit: 2, after: next })), ['app/b', 'app/deep/c'])
  await root(projects.create, { name: 'elsewhere' })
  for (const other of [{ prefix: '' }, { prefix: 'app/deep' }, prod, { deleted: true }, { project: 'elsewhere' }]) await assert.rejects(root(secrets.list, { ...asked, ...other, after: next }), bad, JSON.stringify(other))
  await assert.rejects(root(secrets.history, { key: 'app/a', ...dev, after: next }), bad)
  for (const text of [encodeCursor('secrets', 'app/a'), `${next}=`, next.slice(0, -4), `${next}AAAA`, `B${next.slice(1)}`, 'A'.repeat(next.length), 'a'.repeat(2048), '']) await assert.rejects(root(secrets.list, { ...asked, after: text }), bad, text)
  const stranger = withToken((await root(organizations.create, { slug: 'stranger' })).token)
  await stranger(secrets.put, { key: 'app/a', ...dev, value: 'v' })
  await assert.rejects(stranger(secrets.list, { ...asked, after: next }), bad)
})

test('every worker goes on with a cursor, also when its key was rotated meanwhile', async () => {
  const asked = { ...dev, prefix: 'app', limit: 1 }
  const { next } = await root(secrets.list, asked)
  const goesOn = async (): Promise<void> => assert.deepEqual(paths(await (await anotherWorker()).withToken(rootToken)(secrets.list, { ...asked, after: next })), ['app/b'])
  await goesOn()
  await database.app.transaction(rootOrgId, (tx) => keyring.rotatePurposeKey(tx, rootOrgId, 'tokens'))
  await goesOn()
})

test('what is withheld of a folder is counted of what its caller may see', async () => {
  await fill('prod', ['mixed/open', 'mixed/listed', 'mixed/hid/a', 'mixed/hid/b'])
  const call = await holding('mixed', rule('metadata/prod/mixed/', 'list') + rule('data/prod/mixed/open', 'read'))
  const there = { ...prod, prefix: 'mixed' }
  const injected = await call(secrets.inject, there)
  assert.deepEqual([injected.variables, injected.withheld], [{ OPEN: 'v' }, 1])
  const pulled = await call(secrets.pull, { ...there, format: 'json' })
  assert.deepEqual([pulled.secrets, pulled.withheld], [1, 1])
  // A role that may see all but reveals nothing is told of all.
  const auditor = (await as({ role: 'auditor' })).call
  assert.equal((await auditor(secrets.inject, there)).withheld, 4)
})
