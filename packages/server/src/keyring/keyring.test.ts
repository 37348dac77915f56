import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { openBytes, sealBytes } from '../crypto/aead.ts'
import { importAesKey, makeKeyBytes } from '../crypto/keys.ts'
import { hmacSha256 } from '../crypto/mac.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { sign, verify } from '../crypto/sign.ts'
import { ManualClock } from '../lib/clock.ts'
import { testDatabase } from '../kernel/testing/database.ts'
import { Keyring } from './keyring.ts'
import { testCluster } from './testing/cluster.ts'

const database = await testDatabase({ after })
const cluster = await testCluster(database.app)

const openFailed = { kind: 'internal', code: 'keyring.open_failed' }

test('a wrapped DEK opens again, in another keyring too', async () => {
  const orgId = await cluster.organization()
  const place = { secretId: makeUuidV7(), version: 3 }
  const dek = makeKeyBytes()
  const wrapped = await (await cluster.keyring().organization(orgId)).wrapDek(dek, place)
  const blob = sealBytes(importAesKey(dek), Buffer.from('value'), Buffer.alloc(0))
  const key = (await cluster.keyring().organization(orgId)).unwrapDek({ ...wrapped, ...place })
  assert.equal(openBytes(key, blob, Buffer.alloc(0)).toString(), 'value')
})

test('a wrapped DEK is bound to organization, secret, version, KEK and every byte', async () => {
  const [orgId, otherOrg] = [await cluster.organization(), await cluster.organization()]
  const keyring = cluster.keyring()
  const keys = await keyring.organization(orgId)
  const other = await keyring.organization(otherOrg)
  const good = { secretId: makeUuidV7(), version: 1, ...(await keys.wrapDek(makeKeyBytes(), { secretId: makeUuidV7(), version: 1 })) }
  const place = { secretId: good.secretId, version: 7 }
  const dek = { ...place, ...(await keys.wrapDek(makeKeyBytes(), place)) }
  keys.unwrapDek(dek)
  assert.throws(() => keys.unwrapDek(good), openFailed, 'another secret')
  assert.throws(() => keys.unwrapDek({ ...dek, version: 8 }), openFailed, 'another version')
  assert.throws(() => other.unwrapDek(dek), { code: 'keyring.kek_unknown', kind: 'internal' }, 'another organization')
  assert.throws(() => other.unwrapDek({ ...dek, kekId: other.activeKek.kekId }), openFailed, 'another organization\'s KEK')
  assert.throws(() => keys.unwrapDek({ ...dek, kekVersion: 2 }), { code: 'keyring.kek_unknown' })
  fc.assert(fc.property(fc.nat(dek.wrapped.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const wrapped = Buffer.from(dek.wrapped)
    wrapped[at] = (wrapped[at] ?? 0) ^ flip
    assert.throws(() => keys.unwrapDek({ ...dek, wrapped }), openFailed)
  }))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    assert.throws(() => keys.unwrapDek({ ...dek, wrapped: Buffer.from(bytes) }), openFailed)
  }))
})

test('entry DEKs are bound to mount, key and entry version, and are no secret DEKs', async () => {
  const keys = await cluster.keyring().organization(await cluster.organization())
  const place = { mountId: makeUuidV7(), key: 'roles/a', entryVersion: 2 }
  const dek = { ...place, ...(await keys.wrapEntryDek(makeKeyBytes(), place)) }
  keys.unwrapEntryDek(dek)
  for (const wrong of [{ mountId: makeUuidV7() }, { key: 'roles/b' }, { entryVersion: 3 }]) assert.throws(() => keys.unwrapEntryDek({ ...dek, ...wrong }), openFailed)
  assert.throws(() => keys.unwrapDek({ ...dek, secretId: place.mountId, version: 2 }), openFailed)
})

test('keys whose rows were exchanged in the database are refused', async () => {
  const swaps = [
    ['KEKs of two organizations', `update keks set wrapped = (select wrapped from keks where org_id = $2) where org_id = $1`],
    ['a KEK under another id', `update keks set kek_id = gen_random_uuid() where org_id = $1 and $2::uuid is not null`],
    ['a KEK under another version', `update keks set version = 9 where org_id = $1 and $2::uuid is not null`],
    ['purpose keys of two organizations', `update purpose_keys set wrapped = (select wrapped from purpose_keys o where o.org_id = $2 and o.purpose = 'rows') where org_id = $1 and purpose = 'rows'`],
    ['two purposes', `update purpose_keys set wrapped = (select wrapped from purpose_keys o where o.org_id = $1 and o.purpose = 'tokens') where org_id = $1 and purpose = 'rows' and $2::uuid is not null`],
    ['a purpose key under another version', `update purpose_keys set version = 4 where org_id = $1 and purpose = 'rows' and $2::uuid is not null`],
    ['an altered byte', `update purpose_keys set wrapped = set_byte(wrapped, 40, get_byte(wrapped, 40) # 1) where org_id = $1 and purpose = 'audit' and $2::uuid is not null`],
  ] as const
  for (const [what, sql] of swaps) {
    const [mine, theirs] = [await cluster.organization(), await cluster.organization()]
    const { count } = await database.superuser.query(sql, [mine, theirs])
    assert.equal(count, 1, what)
    await assert.rejects(cluster.keyring().organization(mine), openFailed, what)
    await cluster.keyring().organization(theirs)
  }
})

test('a refusal names the key and holds neither key material nor ciphertext', async () => {
  const orgId = await cluster.organization()
  const keys = await cluster.keyring().organization(orgId)
  const place = { secretId: makeUuidV7(), version: 1 }
  const wrapped = await keys.wrapDek(makeKeyBytes(), place)
  const error = await Promise.resolve().then(() => keys.unwrapDek({ ...wrapped, ...place, version: 2 })).then(() => assert.fail(), (e: unknown) => e as Error)
  assert.match(error.message, new RegExp(wrapped.kekId))
  assert.equal(error.cause, undefined)
  const shown = `${error.stack}${JSON.stringify(error)}`
  for (const secret of [wrapped.wrapped, cluster.rootKey()]) {
    assert.ok(!shown.includes(secret.toString('hex')) && !shown.includes(secret.toString('base64')))
  }
})

test('organizations load once however many ask, and anew after forget', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const before = database.app.counters.transactions
  const all = await Promise.all(Array.from({ length: 20 }, () => keyring.organization(orgId)))
  assert.equal(new Set(all).size, 1)
  assert.equal(database.app.counters.transactions - before, 1)
  assert.equal(keyring.cached(orgId), all[0])
  keyring.forget(orgId)
  assert.equal(keyring.cached(orgId), undefined)
  assert.notEqual(await keyring.organization(orgId), all[0])
})

test('a load that began before an invalidation does not enter the cache', async () => {
  const orgId = await cluster.organization()
  for (const invalidate of ['forget', 'forgetAll'] as const) {
    const keyring = cluster.keyring()
    const loading = keyring.organization(orgId)
    keyring[invalidate](orgId)
    const second = keyring.organization(orgId)
    assert.notEqual(await loading, await second)
    assert.equal(keyring.cached(orgId), await second)
  }
})

test('every purpose has a key of its own, and the chain and its signature belong to root alone', async () => {
  const keyring = cluster.keyring()
  const root = await keyring.organization(cluster.rootOrgId)
  const keys = await keyring.organization(await cluster.organization())
  const macs = (['tokens', 'rows', 'fingerprint', 'audit', 'idempotency'] as const).flatMap((purpose) =>
    [root, keys].map((each) => hmacSha256(each.purpose(purpose), 'x').toString('hex')))
  assert.equal(new Set(macs).size, macs.length)
  root.purpose('audit-chain')
  assert.throws(() => keys.purpose('audit-chain'), { code: 'keyring.no_purpose' })
  assert.throws(() => keys.signingKey(), { code: 'keyring.no_purpose' })
  const message = Buffer.from('checkpoint')
  const [newest] = root.verifyKeys()
  assert.ok(newest !== undefined && verify(newest.key, message, sign(root.signingKey().key, message)))
})

test('a rotated purpose key serves new things while the old version still verifies', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const before = hmacSha256((await keyring.organization(orgId)).purpose('tokens'), 'x')
  assert.equal(await database.app.transaction(orgId, (tx) => keyring.rotatePurposeKey(tx, orgId, 'tokens')), 2)
  keyring.forget(orgId)
  const keys = await keyring.organization(orgId)
  const [newest, oldest] = keys.purposeVersions('tokens')
  assert.deepEqual([newest?.version, oldest?.version], [2, 1])
  assert.notDeepEqual(hmacSha256(keys.purpose('tokens'), 'x'), before)
  assert.ok(oldest !== undefined && hmacSha256(oldest.key, 'x').equals(before))
  const signatures = await database.app.transaction(cluster.rootOrgId, (tx) => keyring.rotatePurposeKey(tx, cluster.rootOrgId, 'audit-sign'))
  keyring.forget(cluster.rootOrgId)
  assert.equal((await keyring.organization(cluster.rootOrgId)).signingKey().version, signatures)
})

test('open takes the root key, wipes it, and refuses a wrong one', async () => {
  const bytes = cluster.rootKey()
  const keyring = await Keyring.open({ database: database.app, rootKey: bytes, generation: 1 })
  assert.ok(bytes.every((byte) => byte === 0))
  assert.ok(keyring.cached(cluster.rootOrgId))
  const wrong = makeKeyBytes()
  await assert.rejects(Keyring.open({ database: database.app, rootKey: wrong, generation: 1 }), openFailed)
  assert.ok(wrong.every((byte) => byte === 0))
})

test('a closed keyring gives nothing, not even to a load under way', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const loading = keyring.organization(orgId)
  keyring.close()
  await assert.rejects(loading, { kind: 'sealed', code: 'keyring.closed' })
  await assert.rejects(keyring.organization(orgId), { kind: 'sealed' })
  assert.equal(keyring.cached(orgId), undefined)
})

test('an organization without keys is not found', async () => {
  await assert.rejects(cluster.keyring().organization(makeUuidV7()), { kind: 'not_found', code: 'keyring.no_keys' })
})

const reservedOf = async (orgId: string): Promise<number[]> => {
  const { rows } = await database.superuser.query<{ reserved: number }>('select encryptions_reserved as reserved from keks where org_id = $1 order by version', [orgId])
  return rows.map(({ reserved }) => reserved)
}

const wrapMany = async (keyring: Keyring, orgId: string, count: number): Promise<Set<number>> => {
  const keys = await keyring.organization(orgId)
  const wrapped = await Promise.all(Array.from({ length: count }, () => keys.wrapDek(makeKeyBytes(), { secretId: orgId, version: 1 })))
  return new Set(wrapped.map(({ kekVersion }) => kekVersion))
}

test('two keyrings reserve separate blocks, and none is ever counted short', async () => {
  const orgId = await cluster.organization()
  const limits = { block: 10, rotateAfter: 2 ** 30 }
  const [first] = await reservedOf(orgId)
  const keyrings = [cluster.keyring({ limits }), cluster.keyring({ limits })]
  await Promise.all(keyrings.map((keyring) => wrapMany(keyring, orgId, 25)))
  const [reserved] = await reservedOf(orgId)
  assert.equal((reserved ?? 0) - (first ?? 0), 60)
})

test('a block is spent for ten minutes only', async () => {
  const orgId = await cluster.organization()
  const clock = new ManualClock()
  const keyring = cluster.keyring({ clock, limits: { block: 10, rotateAfter: 2 ** 30 } })
  const [start] = await reservedOf(orgId)
  const taken = async (): Promise<number> => ((await reservedOf(orgId))[0] ?? 0) - (start ?? 0)
  await wrapMany(keyring, orgId, 1)
  clock.advance(9 * 60_000)
  await wrapMany(keyring, orgId, 1)
  assert.equal(await taken(), 10)
  clock.advance(60_000)
  await wrapMany(keyring, orgId, 1)
  assert.equal(await taken(), 20)
})

test('a KEK that has encrypted enough is rotated once, by whichever keyring comes first', async () => {
  const orgId = await cluster.organization()
  const [start = 0] = await reservedOf(orgId)
  const rotations: number[] = []
  const options = { limits: { block: 10, rotateAfter: start + 30 }, onKekRotated: (_: string, kek: { kekVersion: number }) => rotations.push(kek.kekVersion) }
  const keyrings = [cluster.keyring(options), cluster.keyring(options), cluster.keyring(options)]
  const versions = await Promise.all(keyrings.map((keyring) => wrapMany(keyring, orgId, 15)))
  assert.deepEqual(rotations, [2])
  assert.deepEqual(new Set(versions.flatMap((some) => [...some])), new Set([1, 2]))
  const [one = 0] = await reservedOf(orgId)
  assert.ok(one <= start + 30)
})

test('a keyring that knows an older KEK only takes the new one when it needs a block, and when a row names it', async () => {
  const orgId = await cluster.organization()
  const [ahead, behind] = [cluster.keyring(), cluster.keyring({ limits: { block: 1, rotateAfter: 2 ** 30 } })]
  await behind.organization(orgId)
  await database.app.transaction(orgId, (tx) => ahead.rotateKek(tx, orgId))
  const place = { secretId: makeUuidV7(), version: 1 }
  const dek = { ...place, ...(await (await ahead.organization(orgId)).wrapDek(makeKeyBytes(), place)) }
  assert.equal(dek.kekVersion, 2)
  assert.ok(!(await behind.organization(orgId)).has(dek))
  ;(await behind.organization(orgId, dek)).unwrapDek(dek)
  const stale = cluster.keyring({ limits: { block: 1, rotateAfter: 2 ** 30 } })
  const old = await stale.organization(orgId)
  await database.app.transaction(orgId, (tx) => ahead.rotateKek(tx, orgId))
  assert.equal((await old.wrapDek(makeKeyBytes(), place)).kekVersion, 3)
})
