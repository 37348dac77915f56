import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { makeUuidV7 } from '../crypto/random.ts'
import type { JsonValue } from '../lib/json.ts'
import type { Transaction } from '../kernel/storage.ts'
import { testDatabase } from '../kernel/testing/database.ts'
import { testCluster } from '../keyring/testing/cluster.ts'
import { Entries, type View } from './entries.ts'
import { listChildren } from './repository.ts'
import { maxEntryBytes } from './values.ts'

const database = await testDatabase({ after })
const cluster = await testCluster(database.app)

const fresh = async (): Promise<{ entries: Entries; view: View; orgId: string; mountId: string }> => {
  const orgId = await cluster.organization()
  const mountId = makeUuidV7()
  const entries = new Entries({ database: database.app, keys: cluster.keyring() })
  return { entries, view: entries.view({ orgId, mountId }), orgId, mountId }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('any JSON that is stored comes back, with a version that rises', async () => {
  const { view } = await fresh()
  let writes = 0
  await fc.assert(fc.asyncProperty(fc.jsonValue({ maxDepth: 5 }), async (value) => {
    writes += 1
    assert.equal(await view.put('config', value as JsonValue), writes)
    assert.deepEqual(plain(await view.get('config')), plain({ value, version: writes }))
  }), { numRuns: 40 })
})

test('what is no JSON, too large or too deep is refused and not stored', async () => {
  const { view } = await fresh()
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  const deep = Array.from({ length: 100 }).reduce<JsonValue>((inner) => [inner], 1)
  for (const value of [undefined, () => 1, circular, deep, 'half \ud800', 1n]) {
    await assert.rejects(view.put('x', value as JsonValue), { code: 'barrier.not_json' })
  }
  await assert.rejects(view.put('x', 'a'.repeat(maxEntryBytes)), { kind: 'invalid_request', code: 'barrier.entry_too_large' })
  await assert.rejects(view.put('x', 'ä'.repeat(maxEntryBytes / 2)), { code: 'barrier.entry_too_large' })
  assert.equal(await view.get('x'), undefined)
  await view.put('x', 'a'.repeat(maxEntryBytes - 2))
})

test('compare-and-swap lets one of several writers through', async () => {
  const { view } = await fresh()
  const conflict = { kind: 'conflict', code: 'barrier.version_differs' }
  const firsts = await Promise.allSettled(Array.from({ length: 5 }, (_, i) => view.put('counter', i, { cas: 0 })))
  assert.equal(firsts.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal(await view.put('counter', 10, { cas: 1 }), 2)
  await assert.rejects(view.put('counter', 11, { cas: 1 }), conflict)
  await assert.rejects(view.put('none', 1, { cas: 3 }), conflict)
  await assert.rejects(view.delete('counter', { cas: 1 }), conflict)
  for (const cas of [-1, 1.5, Number.NaN]) await assert.rejects(view.put('counter', 1, { cas }), { kind: 'invalid_request' })
  assert.deepEqual(await view.get('counter'), { value: 10, version: 2 })
  assert.equal(await view.delete('counter', { cas: 2 }), true)
  assert.equal(await view.delete('counter'), false)
})

test('writers without compare-and-swap all get through, each with a version of its own', async () => {
  const { view } = await fresh()
  const versions = await Promise.all(Array.from({ length: 8 }, (_, i) => view.put('busy', i)))
  assert.deepEqual(versions.toSorted((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8])
})

test('an entry is bound to organization, mount, name and version', async () => {
  const mine = await fresh()
  const theirs = await fresh()
  const otherMount = mine.entries.view({ orgId: mine.orgId, mountId: theirs.mountId })
  const moves = [
    ['another name', `update entries set key = 'b' where org_id = $1 and key = 'a'`],
    ['another mount', `update entries set mount_id = $2 where org_id = $1 and key = 'a'`],
    ['another version', `update entries set entry_version = entry_version + 1 where org_id = $1 and key = 'a' and $2::uuid is not null`],
    ['the ciphertext of another name', `update entries set sealed = (select sealed from entries where org_id = $1 and key = 'c') where org_id = $1 and key = 'a' and $2::uuid is not null`],
    ['the DEK of another name', `update entries set wrapped_dek = (select wrapped_dek from entries where org_id = $1 and key = 'c') where org_id = $1 and key = 'a' and $2::uuid is not null`],
    ['ciphertext and DEK of another name', `update entries set (sealed, wrapped_dek) = (select sealed, wrapped_dek from entries where org_id = $1 and key = 'c') where org_id = $1 and key = 'a' and $2::uuid is not null`],
    ['an altered byte', `update entries set sealed = set_byte(sealed, 31, get_byte(sealed, 31) # 1) where org_id = $1 and key = 'a' and $2::uuid is not null`],
    ['another format', `update entries set sealed = set_byte(sealed, 0, 2) where org_id = $1 and key = 'a' and $2::uuid is not null`],
  ] as const
  for (const [what, sql] of moves) {
    await mine.entries.clear(mine)
    await mine.entries.clear({ orgId: mine.orgId, mountId: theirs.mountId })
    await mine.view.put('a', { password: 'hunter2' })
    await mine.view.put('c', 'other')
    const parameters = sql.includes('$2') ? [mine.orgId, theirs.mountId] : [mine.orgId]
    assert.equal((await database.superuser.query(sql, parameters)).count, 1, what)
    const read = what === 'another name' ? mine.view.get('b') : what === 'another mount' ? otherMount.get('a') : mine.view.get('a')
    const error = await read.then(() => assert.fail(what), (e: unknown) => e as Error & { code: string; kind: string })
    assert.equal(error.kind, 'internal', what)
    assert.match(error.code, /open_failed$/, what)
    assert.ok(!`${error.stack}`.includes('hunter2'))
  }
  await mine.view.put('z', 1)
  await database.superuser.query(`update entries set org_id = $2 where org_id = $1 and key = 'z'`, [mine.orgId, theirs.orgId])
  await assert.rejects(theirs.entries.view({ orgId: theirs.orgId, mountId: mine.mountId }).get('z'), { code: 'keyring.kek_unknown' })
})

test('nothing of a value is readable in the database', async () => {
  const { view, orgId } = await fresh()
  await view.put('a', { password: 'correct horse battery staple' })
  const { rows } = await database.superuser.query<{ sealed: Buffer; wrapped_dek: Buffer }>('select sealed, wrapped_dek from entries where org_id = $1', [orgId])
  assert.ok(rows[0] !== undefined && !Buffer.concat([rows[0].sealed, rows[0].wrapped_dek]).includes('horse'))
})

test('a name that could lead elsewhere is refused everywhere', async () => {
  const { view } = await fresh()
  const bad = ['', '/', '/a', 'a/', 'a//b', '.', '..', '../x', 'a/../b', 'a/./b', 'a/..', '\u0000', 'a\nb', 'a\u007f', 'a\u0085', '\ud800', 'x'.repeat(1025), 'ä'.repeat(513), '\uffff']
  for (const key of bad) {
    const refused = { kind: 'invalid_request', code: 'barrier.bad_key' }
    await assert.rejects(view.put(key, 1), refused, key)
    await assert.rejects(view.get(key), refused, key)
    await assert.rejects(view.delete(key), refused, key)
  }
  for (const prefix of ['a', '/', '../', 'a//', 'a/../', './']) await assert.rejects(view.list(prefix), { code: 'barrier.bad_key' }, prefix)
  for (const cursor of ['', '/', 'a/b', '..', '../', 'a\n']) await assert.rejects(view.list('', { cursor }), { code: 'barrier.bad_cursor' }, cursor)
  for (const limit of [0, -1, 1001, 1.5, Number.NaN]) await assert.rejects(view.list('', { limit }), { code: 'barrier.bad_limit' })
})

test('a view sees its own mount and organization only', async () => {
  const [mine, theirs] = [await fresh(), await fresh()]
  await mine.view.put('shared/name', 1)
  const neighbour = mine.entries.view({ orgId: mine.orgId, mountId: makeUuidV7() })
  for (const other of [neighbour, theirs.view, mine.entries.view({ orgId: theirs.orgId, mountId: mine.mountId })]) {
    assert.equal(await other.get('shared/name'), undefined)
    assert.deepEqual(await other.list('shared/'), { keys: [], next: undefined })
    assert.equal(await other.delete('shared/name'), false)
  }
  assert.equal(await mine.entries.clear({ orgId: mine.orgId, mountId: makeUuidV7() }), 0)
  assert.equal((await mine.view.get('shared/name'))?.value, 1)
})

/** What a listing is, said simply. */
const childrenOf = (keys: readonly string[], prefix: string): string[] => {
  const children = keys.filter((key) => key.startsWith(prefix)).map((key) => {
    const rest = key.slice(prefix.length)
    const slash = rest.indexOf('/')
    return slash === -1 ? rest : rest.slice(0, slash + 1)
  })
  return [...new Set(children)].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

const listAll = async (view: View, prefix: string, limit: number): Promise<string[]> => {
  const all: string[] = []
  for (let cursor: string | undefined; ; ) {
    const { keys, next } = await view.list(prefix, cursor === undefined ? { limit } : { limit, cursor })
    assert.ok(keys.length <= limit)
    all.push(...keys)
    if (next === undefined) return all
    cursor = next
  }
}

test('listings are complete, ordered and without repeats, whatever the names and the page', async () => {
  const { view } = await fresh()
  const segment = fc.constantFrom('a', 'b', 'a-b', 'a.b', 'a0', 'A', 'ä', '😀', '\ue000', '%', '_', 'a b', '~')
  const name = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))
  const stored = new Set<string>()
  for (const key of fc.sample(name, { numRuns: 60, seed: 7 })) {
    stored.add(key)
    await view.put(key, key)
  }
  const prefixes = fc.constantFrom('', 'a/', 'a/b/', 'a-b/', 'ä/', '😀/', '\ue000/', '%/', 'none/')
  await fc.assert(fc.asyncProperty(prefixes, fc.constantFrom(1, 2, 3, 7, 1000), async (prefix, limit) => {
    assert.deepEqual(await listAll(view, prefix, limit), childrenOf([...stored], prefix))
  }), { numRuns: 60 })
})

test('a page of folders does not read what lies in them', async () => {
  const { view, orgId, mountId } = await fresh()
  await view.put('seed', 1)
  await database.superuser.query(
    `insert into entries (org_id, mount_id, key, entry_version, sealed, wrapped_dek, kek_id, kek_version)
     select org_id, mount_id, 'folder' || (i % 5) || '/' || i, 1, sealed, wrapped_dek, kek_id, kek_version from entries, generate_series(1, 20000) i where org_id = $1 and mount_id = $2`, [orgId, mountId])
  await database.superuser.query('analyze entries')
  assert.deepEqual((await view.list()).keys, ['folder0/', 'folder1/', 'folder2/', 'folder3/', 'folder4/', 'seed'])
  const plans: unknown[] = []
  await database.app.transaction(orgId, async (tx) => {
    const explaining: Transaction = {
      orgId,
      async query(text, values) {
        const { rows } = await tx.query<{ 'QUERY PLAN': unknown }>(`explain (analyze, format json) ${text}`, values)
        plans.push(rows[0]?.['QUERY PLAN'])
        return { rows: [], count: 0 }
      },
    }
    await listChildren(explaining, { orgId, mountId }, { prefix: '', after: undefined, limit: 100 })
  })
  const read = rowsRead(plans)
  assert.ok(read > 5 && read < 30, `${read} rows were read`)
})

/** Rows that the scans of a plan touched, kept or not, summed over their loops (a plan gives rounded means per loop). */
const rowsRead = (plan: unknown): number => {
  if (Array.isArray(plan)) return plan.reduce((sum: number, each) => sum + rowsRead(each), 0)
  if (typeof plan !== 'object' || plan === null) return 0
  const node = new Map(Object.entries(plan))
  const own = node.get('Relation Name') === 'entries' ? (Number(node.get('Actual Rows')) + Number(node.get('Rows Removed by Filter') ?? 0)) * Number(node.get('Actual Loops')) : 0
  return own + [...node.values()].reduce((sum: number, each) => sum + rowsRead(each), 0)
}

test('entries take part in a transaction of the caller\'s, and in nobody else\'s', async () => {
  const { entries, view, orgId, mountId } = await fresh()
  await assert.rejects(database.app.transaction(orgId, async (tx) => {
    const inside = entries.within(tx).view({ orgId, mountId })
    assert.equal(await inside.put('a', 1), 1)
    assert.equal((await inside.get('a'))?.value, 1)
    throw new Error('rolled back')
  }), /rolled back/)
  assert.equal(await view.get('a'), undefined)
  const other = await cluster.organization()
  await assert.rejects(database.app.transaction(other, (tx) => entries.within(tx).view({ orgId, mountId }).get('a')), { code: 'barrier.other_organization' })
})

test('clear removes all of one mount, however much that is', async () => {
  const { entries, view, orgId, mountId } = await fresh()
  await view.put('seed', 1)
  await database.superuser.query(
    `insert into entries (org_id, mount_id, key, entry_version, sealed, wrapped_dek, kek_id, kek_version)
     select org_id, mount_id, 'k/' || i, 1, sealed, wrapped_dek, kek_id, kek_version from entries, generate_series(1, 1200) i where org_id = $1`, [orgId])
  assert.equal(await entries.clear({ orgId, mountId }), 1201)
  assert.deepEqual(await view.list(), { keys: [], next: undefined })
})

test('entries survive a KEK rotation and its re-wrap, also for a worker that has not heard of it', async () => {
  const { orgId, view, mountId } = await fresh()
  await view.put('a', 'value')
  await view.put('b', 'other')
  const keyring = cluster.keyring()
  await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
  keyring.forget(orgId)
  const { progress, ...first } = await keyring.rewrapEntries(orgId, { batch: 1, maxBatches: 1 })
  assert.ok(progress !== undefined)
  assert.deepEqual(first, { rewrapped: 1, failed: [], complete: false })
  assert.deepEqual(await keyring.rewrapEntries(orgId, { batch: 1 }), { rewrapped: 1, failed: [], complete: true })
  assert.deepEqual(await view.get('a'), { value: 'value', version: 1 })
  const { rows } = await database.superuser.query<{ versions: number[] }>('select array_agg(distinct kek_version) as versions from entries where org_id = $1 and mount_id = $2', [orgId, mountId])
  assert.deepEqual(rows[0]?.versions, [2])
})
