import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openBytes } from '../crypto/aead.ts'
import { valueAad } from '../crypto/envelope.ts'
import { makeKeyBytes } from '../crypto/keys.ts'
import { hmacSha256 } from '../crypto/mac.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import type { Database } from '../kernel/storage.ts'
import { testDatabase } from '../kernel/testing/database.ts'
import { createOrganizationKeys } from './lifecycle.ts'
import type { OrgKeys } from './org-keys.ts'
import { importRootKey } from './root-key.ts'
import { rewrapUnderRoot } from './rotate-root.ts'
import { storeSecrets, testCluster, type StoredVersion } from './testing/cluster.ts'

const database = await testDatabase({ after })
const cluster = await testCluster(database.app)

interface VersionRow {
  readonly ciphertext: Buffer
  readonly wrapped: Buffer
  readonly kekId: string
  readonly kekVersion: number
  readonly mac: Buffer
}

const readRow = async (orgId: string, { secretId, version }: StoredVersion): Promise<VersionRow> => {
  const { rows } = await database.superuser.query<VersionRow>(
    'select ciphertext, wrapped_dek as wrapped, kek_id as "kekId", kek_version as "kekVersion", mac from secret_versions where org_id = $1 and secret_id = $2 and version = $3', [orgId, secretId, version])
  const [row] = rows
  assert.ok(row !== undefined)
  return row
}

const readValue = async (keys: OrgKeys, place: StoredVersion): Promise<string> => {
  const row = await readRow(keys.orgId, place)
  return openBytes(keys.unwrapDek({ ...row, ...place }), row.ciphertext, valueAad({ orgId: keys.orgId, ...place, type: 'text' })).toString()
}

const values = (count: number): string[] => Array.from({ length: count }, (_, i) => `value ${i}`)

test('after a rotation old values open, new ones use the new KEK, and a re-wrap moves only wrapped DEK and KEK', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const places = await storeSecrets(database.app, await keyring.organization(orgId), values(5))
  const rowsBefore = await Promise.all(places.map((place) => readRow(orgId, place)))
  const { kekVersion } = (await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))) ?? assert.fail()
  assert.equal(kekVersion, 2)
  keyring.forget(orgId)
  const keys = await keyring.organization(orgId)
  const [place] = await storeSecrets(database.app, keys, ['new'])
  assert.equal((await readRow(orgId, place ?? assert.fail())).kekVersion, 2)
  assert.deepEqual(await Promise.all(places.map((each) => readValue(keys, each))), values(5))
  assert.deepEqual(await keyring.rewrapSecrets(orgId, { batch: 2 }), { rewrapped: 5, failed: [], complete: true })
  assert.deepEqual(await Promise.all(places.map((each) => readValue(keys, each))), values(5))
  for (const [i, each] of places.entries()) {
    const row = await readRow(orgId, each)
    const { wrapped, kekVersion: version, ...rest } = rowsBefore[i] ?? assert.fail()
    assert.equal(row.kekVersion, version + 1)
    assert.notDeepEqual(row.wrapped, wrapped)
    assert.deepEqual({ ciphertext: row.ciphertext, kekId: row.kekId, mac: row.mac }, rest)
  }
})

test('an interrupted re-wrap goes on where it stopped, in another keyring too', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const places = await storeSecrets(database.app, await keyring.organization(orgId), values(7))
  await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
  keyring.forget(orgId)
  const { progress, ...first } = await keyring.rewrapSecrets(orgId, { batch: 3, maxBatches: 1 })
  assert.ok(progress !== undefined)
  assert.deepEqual(first, { rewrapped: 3, failed: [], complete: false })
  const resumed = cluster.keyring()
  assert.deepEqual(await Promise.all(places.map(async (each) => readValue(await resumed.organization(orgId), each))), values(7))
  assert.deepEqual(await resumed.rewrapSecrets(orgId, { batch: 3 }), { rewrapped: 4, failed: [], complete: true })
  assert.deepEqual(await resumed.rewrapSecrets(orgId), { rewrapped: 0, failed: [], complete: true })
  assert.deepEqual(await Promise.all(places.map(async (each) => readValue(await resumed.organization(orgId), each))), values(7))
})

test('slices of a pass go on where the last one ended, and what failed in an earlier one is still known at its end', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const places = await storeSecrets(database.app, await keyring.organization(orgId), values(5))
  const [broken] = places.map(({ secretId }) => secretId).toSorted()
  await database.superuser.query("update secret_versions set wrapped_dek = decode(repeat('00', 61), 'hex') where secret_id = $1", [broken])
  await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
  keyring.forget(orgId)
  const first = await keyring.rewrapSecrets(orgId, { batch: 2, maxBatches: 1 })
  assert.deepEqual([first.rewrapped, first.failed.length, first.complete], [1, 1, false])
  const second = await keyring.rewrapSecrets(orgId, { batch: 2, maxBatches: 1, progress: first.progress })
  assert.deepEqual([second.rewrapped, second.failed.length, second.complete], [2, 0, false])
  assert.deepEqual(await keyring.rewrapSecrets(orgId, { batch: 2, progress: second.progress }), { rewrapped: 1, failed: [], complete: true })
  // A pass of its own meets it again.
  assert.deepEqual(await keyring.rewrapSecrets(orgId), { rewrapped: 0, failed: [`secret ${broken} version 1`], complete: true })
})

test('what is left is found behind any number of rows that are not, and costs what is looked at', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const [last] = await storeSecrets(database.app, await keyring.organization(orgId), ['value'])
  await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
  keyring.forget(orgId)
  const { kekId, kekVersion } = (await keyring.organization(orgId)).activeKek
  // Before it, by their ids, more than two pages of versions that are under the new KEK already.
  await database.superuser.query(`do $$ begin
    set local session_replication_role = replica;
    insert into coffer.secret_versions (org_id, secret_id, version, type, ciphertext, wrapped_dek, kek_id, kek_version, state, fingerprint, created_by, created_at, row_version, mac)
      select '${orgId}', '00000000-0000-7000-8000-000000000000', n, 'text', '\\x01', '\\x01', '${kekId}', ${kekVersion}, 'ACTIVE', '', 'test', now(), 1, '\\x01' from generate_series(1, 45000) n;
  end $$`)
  const looked = await keyring.rewrapSecrets(orgId, { maxBatches: 0.15 })
  assert.deepEqual([looked.rewrapped, looked.complete, looked.progress?.after?.[1]], [0, false, 40_000])
  assert.deepEqual(await keyring.rewrapSecrets(orgId, { progress: looked.progress }), { rewrapped: 1, failed: [], complete: true })
  assert.equal((await readRow(orgId, last ?? assert.fail())).kekVersion, kekVersion)
})

/** The database, whose server process ends in the middle of the `at`th transaction, after its statements and before its commit. */
const dyingDatabase = (at: number): Database => {
  let transactions = 0
  return {
    counters: database.app.counters,
    query: (text, parameters, options) => database.app.query(text, parameters, options),
    transaction: (orgId, work, options) => database.app.transaction(orgId, async (tx) => {
      transactions += 1
      const result = await work(tx)
      if (transactions === at) await tx.query('select pg_terminate_backend(pg_backend_pid())')
      return result
    }, options),
  }
}

test('a re-wrap whose connection dies at any point loses nothing and is finished by the next', async () => {
  for (let at = 1; at <= 8; at += 1) {
    const orgId = await cluster.organization()
    const keyring = cluster.keyring()
    const places = await storeSecrets(database.app, await keyring.organization(orgId), values(3))
    await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
    const outcome = await cluster.keyring({ database: dyingDatabase(at) }).rewrapSecrets(orgId, { batch: 1 }).then(() => 'done', () => 'died')
    assert.equal(outcome, at <= 7 ? 'died' : 'done', `transaction ${at}`)
    const resumed = cluster.keyring()
    const { complete } = await resumed.rewrapSecrets(orgId, { batch: 2 })
    assert.ok(complete)
    const keys = await resumed.organization(orgId)
    assert.deepEqual(await Promise.all(places.map((each) => readValue(keys, each))), values(3))
    for (const each of places) assert.equal((await readRow(orgId, each)).kekVersion, 2)
  }
})

test('an older KEK that is marked active again is not used', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
  for (const states of [`case version when 1 then 'active' else 'retired' end`, `case version when 1 then 'active' else 'active' end`]) {
    await database.superuser.query(`update keks set state = ${states} where org_id = $1`, [orgId])
    const loading = cluster.keyring().organization(orgId)
    if (states.includes('retired')) await assert.rejects(loading, { kind: 'internal', code: 'keyring.kek_out_of_order' })
    else assert.equal((await loading).activeKek.kekVersion, 2)
  }
})

test('two re-wraps at once share the work, and a row that a writer holds is left for the next run', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const places = await storeSecrets(database.app, await keyring.organization(orgId), values(12))
  await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
  keyring.forget(orgId)
  const held = places[5] ?? assert.fail()
  const partial = await database.app.transaction(orgId, async (tx) => {
    await tx.query('select version from secret_versions where org_id = $1 and secret_id = $2 for update', [orgId, held.secretId])
    return Promise.all([keyring, cluster.keyring()].map((each) => each.rewrapSecrets(orgId, { batch: 2 })))
  })
  assert.equal(partial.reduce((sum, { rewrapped }) => sum + rewrapped, 0), 11)
  assert.ok(partial.every(({ complete }) => !complete))
  assert.deepEqual(await keyring.rewrapSecrets(orgId), { rewrapped: 1, failed: [], complete: true })
  const keys = await keyring.organization(orgId)
  assert.deepEqual(await Promise.all(places.map((each) => readValue(keys, each))), values(12))
})

test('a row that does not open is named and left alone, and stops nothing else', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const places = await storeSecrets(database.app, await keyring.organization(orgId), values(4))
  const [first, second] = [places[0] ?? assert.fail(), places[1] ?? assert.fail()]
  await database.superuser.query('update secret_versions set wrapped_dek = (select wrapped_dek from secret_versions where secret_id = $2) where secret_id = $1', [first.secretId, second.secretId])
  const broken = await readRow(orgId, first)
  await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
  keyring.forget(orgId)
  assert.deepEqual(await keyring.rewrapSecrets(orgId, { batch: 1 }), { rewrapped: 3, failed: [`secret ${first.secretId} version 1`], complete: true })
  assert.deepEqual(await readRow(orgId, first), broken)
})

const backdateRetirement = (orgId: string): Promise<unknown> => database.superuser.query(`update keks set retired_at = now() - interval '2 hours' where org_id = $1 and state = 'retired'`, [orgId])

test('a KEK is destroyed only when it is retired, unused, and has rested for an hour', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  const [place] = await storeSecrets(database.app, await keyring.organization(orgId), ['value'])
  const { kekId } = (await keyring.organization(orgId)).activeKek
  const retire = (kekVersion = 1): Promise<void> => database.app.transaction(orgId, (tx) => keyring.retireKek(tx, orgId, { kekId, kekVersion }))
  await assert.rejects(retire(), { kind: 'conflict', code: 'keyring.kek_active' })
  await assert.rejects(retire(5), { kind: 'not_found' })
  await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
  keyring.forget(orgId)
  await backdateRetirement(orgId)
  await assert.rejects(retire(), { code: 'keyring.kek_in_use' })
  await keyring.rewrapSecrets(orgId)
  await database.superuser.query(`update keks set retired_at = now() where org_id = $1 and state = 'retired'`, [orgId])
  await assert.rejects(retire(), { code: 'keyring.kek_recent' })
  await backdateRetirement(orgId)
  await retire()
  await retire()
  keyring.forget(orgId)
  const keys = await keyring.organization(orgId)
  assert.ok(!keys.has({ kekId, kekVersion: 1 }))
  assert.equal(await readValue(keys, place ?? assert.fail()), 'value')
})

test('shredding leaves nothing that opens, in any keyring that loads afterwards', async () => {
  const orgId = await cluster.organization()
  const keyring = cluster.keyring()
  await storeSecrets(database.app, await keyring.organization(orgId), ['value'])
  assert.equal(await database.app.transaction(orgId, (tx) => keyring.destroyOrganizationKeys(tx, orgId)), 6)
  assert.equal(await database.app.transaction(orgId, (tx) => keyring.destroyOrganizationKeys(tx, orgId)), 0)
  const { rows } = await database.superuser.query<{ left: number }>(
    'select (select count(wrapped) from keks where org_id = $1) + (select count(wrapped) from purpose_keys where org_id = $1) as left', [orgId])
  assert.equal(rows[0]?.left, 0)
  keyring.forget(orgId)
  await assert.rejects(keyring.organization(orgId), { kind: 'not_found', code: 'keyring.no_keys' })
  await assert.rejects(database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId)), { code: 'keyring.no_keys' })
})

test('new organizations\' keys work within the transaction that makes them, and vanish with it', async () => {
  const keyring = cluster.keyring()
  const orgId = makeUuidV7()
  const place = { secretId: makeUuidV7(), version: 1 }
  await assert.rejects(database.app.transaction(orgId, async (tx) => {
    const keys = await keyring.createOrganizationKeys(tx, orgId)
    keys.unwrapDek({ ...place, ...(await keys.wrapDek(makeKeyBytes(), place)) })
    hmacSha256(keys.purpose('rows'), 'x')
    throw new Error('no after all')
  }), /no after all/)
  await assert.rejects(keyring.organization(orgId), { code: 'keyring.no_keys' })
})

test('concurrent rotations each make their own version', async () => {
  const orgId = await cluster.organization()
  const made = await Promise.all([1, 2, 3].map(() => database.app.transaction(orgId, (tx) => cluster.keyring().rotateKek(tx, orgId))))
  assert.deepEqual(made.map((kek) => kek?.kekVersion).toSorted(), [2, 3, 4])
  const { rows } = await database.superuser.query<{ states: string[] }>('select array_agg(state order by version) as states from keks where org_id = $1', [orgId])
  assert.deepEqual(rows[0]?.states, ['retired', 'retired', 'retired', 'active'])
})

test('key changes are announced to every worker', async () => {
  const orgId = await cluster.organization()
  const count = async (): Promise<number> => (await database.superuser.query<{ n: number }>(`select count(*) as n from changes where kind = 'keys' and org_id = $1 and key = $1::text`, [orgId])).rows[0]?.n ?? 0
  const keyring = cluster.keyring()
  assert.equal(await count(), 1)
  await database.app.transaction(orgId, (tx) => keyring.rotateKek(tx, orgId))
  await database.app.transaction(orgId, (tx) => keyring.rotatePurposeKey(tx, orgId, 'rows'))
  await database.app.transaction(orgId, (tx) => keyring.destroyOrganizationKeys(tx, orgId))
  assert.equal(await count(), 4)
})

test('row-level security keeps one organization\'s transaction from another\'s keys', async () => {
  const [mine, theirs] = [await cluster.organization(), await cluster.organization()]
  assert.equal(await database.app.transaction(mine, (tx) => cluster.keyring().destroyOrganizationKeys(tx, theirs)), 0)
  await cluster.keyring().organization(theirs)
})

// Last: it moves the whole cluster to another root key.
test('a root key rotation re-wraps everything or nothing, and whoever holds the old key can write nothing more', async () => {
  const orgId = await cluster.organization()
  const [place] = await storeSecrets(database.app, await cluster.keyring().organization(orgId), ['value'])
  const oldRoot = importRootKey(cluster.rootKey(), 1)
  const bytes = makeKeyBytes()
  const newRoot = importRootKey(Buffer.from(bytes), 2)
  await assert.rejects(database.app.transaction(null, async (tx) => {
    await rewrapUnderRoot(tx, oldRoot, newRoot)
    throw new Error('interrupted')
  }), /interrupted/)
  assert.equal(await readValue(await cluster.keyring().organization(orgId), place ?? assert.fail()), 'value')

  const stale = cluster.keyring()
  const heldKeys = await stale.organization(orgId)
  const broken = await cluster.organization()
  const flip = `update keks set wrapped = set_byte(wrapped, 30, get_byte(wrapped, 30) # 1) where org_id = $1`
  await database.superuser.query(flip, [broken])
  await assert.rejects(database.app.transaction(null, (tx) => rewrapUnderRoot(tx, oldRoot, newRoot)), { code: 'keyring.open_failed' }, 'a key would be lost')
  await database.superuser.query(flip, [broken])
  assert.ok(await database.app.transaction(null, (tx) => rewrapUnderRoot(tx, oldRoot, newRoot)) >= 15)
  assert.equal(await readValue(await cluster.keyring({ root: newRoot }).organization(orgId), place ?? assert.fail()), 'value')
  assert.equal(await readValue(heldKeys, place ?? assert.fail()), 'value')
  const outdated = { kind: 'unavailable', code: 'keyring.root_key_outdated' }
  await assert.rejects(cluster.keyring().organization(orgId), outdated)
  await assert.rejects(database.app.transaction(orgId, (tx) => stale.rotateKek(tx, orgId)), outdated)
  const fresh = makeUuidV7()
  await assert.rejects(database.app.transaction(fresh, (tx) => createOrganizationKeys(tx, oldRoot, fresh)), outdated)
  await assert.rejects(database.app.transaction(null, (tx) => rewrapUnderRoot(tx, oldRoot, newRoot)), outdated)
  await database.superuser.query('update keks set root_generation = 1 where org_id = $1', [orgId])
  await database.superuser.query('update purpose_keys set root_generation = 1 where org_id = $1', [orgId])
  await assert.rejects(cluster.keyring().organization(orgId), { code: 'keyring.open_failed' })
})
