import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { randomBytes } from '../crypto/random.ts'
import { shareFingerprint } from '../crypto/shamir.ts'
import { fail } from '../kernel/errors.ts'
import type { Database } from '../kernel/storage.ts'
import { testDatabase, type TestDatabase } from '../kernel/testing/database.ts'
import { createOrganizationKeys } from '../keyring/lifecycle.ts'
import { rewrapUnderRoot } from '../keyring/rotate-root.ts'
import { Keyring } from '../keyring/keyring.ts'
import type { Initialised, InitialiseRequest, RootKeyMaterial } from './initialise.ts'
import { SealMachine } from './machine.ts'
import type { SlotRequest } from './slot.ts'

/** What the server does with a new root key, as far as the seal is concerned. */
const makeRoot: InitialiseRequest<string>['afterRootKey'] = async (tx, { root, rootOrgId }: RootKeyMaterial) => {
  await tx.query(`insert into organizations (org_id, slug, short_id, name, state, row_version, mac) values ($1, 'root', 'root', 'root', 'active', 1, '\\x00')`, [rootOrgId])
  await createOrganizationKeys(tx, root, rootOrgId, { platform: true })
  return 'made'
}

const initialised = async (database: Database, slot: SlotRequest = { kind: 'shamir', shares: 5, threshold: 3 }): Promise<{ machine: SealMachine; made: Initialised<string> }> => {
  const machine = new SealMachine({ database, rewrapKeys: rewrapUnderRoot })
  return { machine, made: await machine.initialise({ ...slot, afterRootKey: makeRoot }) }
}

const copies = (shares: readonly Buffer[], ...which: number[]): Buffer[] => which.map((i) => Buffer.from(shares[i] ?? assert.fail('no such share')))

const rowCounts = async (database: TestDatabase): Promise<Record<string, number>> => {
  const { rows } = await database.superuser.query<Record<string, number>>(
    'select (select count(*) from cluster) as cluster, (select count(*) from seal_slots) as slots, (select count(*) from organizations) as organizations, (select count(*) from keks) as keks')
  return rows[0] ?? {}
}

const directoryFor = async (t: TestContext): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-seal-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

test('any threshold of the shares opens the root key that opens the organization\'s keys', async (t) => {
  const { app } = await testDatabase(t)
  const { machine, made } = await initialised(app)
  assert.equal(made.result, 'made')
  assert.equal(made.shares.length, 5)
  await fc.assert(fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 3, maxLength: 3 }), async (chosen) => {
    const answers = []
    for (const share of copies(made.shares, ...chosen)) answers.push(await machine.submitShare(share))
    assert.deepEqual(answers.map(({ facts }) => facts.progress), [1, 2, 0])
    assert.deepEqual(answers.map(({ opened }) => opened === undefined), [true, true, false])
    assert.deepEqual(answers[2]?.opened?.rootKey, made.rootKey)
  }), { numRuns: 15 })
  const keyring = await Keyring.open({ database: app, rootKey: made.rootKey, generation: made.generation })
  assert.ok(keyring.cached(made.rootOrgId))
})

test('status tells kind, numbers, progress and nonce, before and after', async (t) => {
  const { app } = await testDatabase(t)
  const machine = new SealMachine({ database: app, rewrapKeys: rewrapUnderRoot })
  assert.deepEqual(await machine.status(), { initialized: false, type: 'shamir', recoverySeal: false, shares: 0, threshold: 0, progress: 0, nonce: '' })
  await assert.rejects(machine.submitShare(randomBytes(33)), { code: 'seal.not_initialised' })
  const made = await machine.initialise({ kind: 'shamir', shares: 4, threshold: 2, clusterName: 'one', afterRootKey: makeRoot })
  assert.deepEqual(await machine.status(), { initialized: true, type: 'shamir', recoverySeal: false, shares: 4, threshold: 2, progress: 0, nonce: '', clusterName: 'one', clusterId: made.clusterId })
  const { facts } = await machine.submitShare(copies(made.shares, 0)[0] ?? assert.fail())
  assert.equal(facts.progress, 1)
  assert.notEqual(facts.nonce, '')
  assert.deepEqual(await machine.status(), facts)
  assert.deepEqual(await machine.resetUnseal(), { ...facts, progress: 0, nonce: '' })
})

test('a share given twice counts once, every share is wiped, and each attempt has its own nonce', async (t) => {
  const { app } = await testDatabase(t)
  const { machine, made } = await initialised(app)
  const [share, again] = copies(made.shares, 0, 0)
  assert.ok(share !== undefined && again !== undefined)
  const first = await machine.submitShare(share)
  const second = await machine.submitShare(again)
  assert.deepEqual([first.facts.progress, second.facts.progress], [1, 1])
  assert.equal(first.facts.nonce, second.facts.nonce)
  assert.ok([...share, ...again].every((byte) => byte === 0))
  await machine.resetUnseal()
  const { facts } = await machine.submitShare(copies(made.shares, 0)[0] ?? assert.fail())
  assert.notEqual(facts.nonce, first.facts.nonce)
})

test('a wrong share is named by its fingerprint, wiped, and spoils nothing', async (t) => {
  const { app } = await testDatabase(t)
  const { machine, made } = await initialised(app)
  await machine.submitShare(copies(made.shares, 1)[0] ?? assert.fail())
  const wrong = randomBytes(33)
  const [shown, raw] = [shareFingerprint(wrong), wrong.toString('hex')]
  const error = await machine.submitShare(wrong).then(() => assert.fail(), (e: unknown) => e as Error)
  assert.match(error.message, new RegExp(shown))
  assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes(raw.slice(0, 16)))
  assert.ok(wrong.every((byte) => byte === 0))
  await assert.rejects(machine.submitShare(Buffer.from('hunter2')), { kind: 'invalid_request', code: 'seal.share_malformed' })
  assert.equal((await machine.status()).progress, 1)
  await machine.submitShare(copies(made.shares, 2)[0] ?? assert.fail())
  assert.ok((await machine.submitShare(copies(made.shares, 3)[0] ?? assert.fail())).opened)
})

test('shares that arrive at the same moment complete one attempt', async (t) => {
  const { app } = await testDatabase(t)
  const { machine, made } = await initialised(app)
  const answers = await Promise.all(copies(made.shares, 0, 1, 2, 3).map((share) => machine.submitShare(share)))
  assert.equal(answers.filter(({ opened }) => opened !== undefined).length, 1)
  assert.equal((await machine.status()).progress, 1)
})

test('one share for one person is the key itself', async (t) => {
  const { app } = await testDatabase(t)
  const { machine, made } = await initialised(app, { kind: 'shamir', shares: 1, threshold: 1 })
  assert.deepEqual(made.shares.map((share) => share.length), [32])
  assert.deepEqual((await machine.submitShare(copies(made.shares, 0)[0] ?? assert.fail())).opened?.rootKey, made.rootKey)
})

test('numbers that make no sense are refused and initialise nothing', async (t) => {
  const database = await testDatabase(t)
  const machine = new SealMachine({ database: database.app, rewrapKeys: rewrapUnderRoot })
  for (const [shares, threshold] of [[0, 0], [5, 1], [3, 4], [256, 3], [2.5, 2], [5, Number.NaN], [-1, -1]] as const) {
    await assert.rejects(machine.initialise({ kind: 'shamir', shares, threshold, afterRootKey: makeRoot }), { kind: 'invalid_request' })
  }
  assert.deepEqual(await rowCounts(database), { cluster: 0, slots: 0, organizations: 0, keks: 0 })
})

test('of several servers that initialise one database at once exactly one succeeds, and the others leave no trace', async (t) => {
  const database = await testDatabase(t)
  const directory = await directoryFor(t)
  const attempts = await Promise.allSettled([0, 1, 2, 3].map((i) =>
    new SealMachine({ database: database.app, rewrapKeys: rewrapUnderRoot }).initialise({ kind: 'keyfile', keyFile: join(directory, `key-${i}`), afterRootKey: makeRoot })))
  const refusals = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason as { code: string }] : []))
  assert.deepEqual(refusals.map(({ code }) => code), ['seal.already_initialised', 'seal.already_initialised', 'seal.already_initialised'])
  assert.deepEqual(await rowCounts(database), { cluster: 1, slots: 1, organizations: 1, keks: 1 })
  const files = await readdir(directory)
  assert.equal(files.length, 1)
  await new SealMachine({ database: database.app, rewrapKeys: rewrapUnderRoot }).openKeyFile(join(directory, files[0] ?? ''))
  await assert.rejects(new SealMachine({ database: database.app, rewrapKeys: rewrapUnderRoot }).initialise({ kind: 'shamir', shares: 1, threshold: 1, afterRootKey: makeRoot }), { kind: 'invalid_request', code: 'seal.already_initialised' })
})

test('an initialisation that fails half-way leaves neither rows nor a key file', async (t) => {
  const database = await testDatabase(t)
  const directory = await directoryFor(t)
  const machine = new SealMachine({ database: database.app, rewrapKeys: rewrapUnderRoot })
  const keyFile = join(directory, 'key')
  let keptRoot: RootKeyMaterial | undefined
  await assert.rejects(machine.initialise({
    kind: 'keyfile', keyFile,
    async afterRootKey(tx, material) {
      keptRoot = material
      await makeRoot(tx, material)
      assert.deepEqual(await readdir(directory), ['key'])
      throw new Error('out of luck')
    },
  }), /out of luck/)
  assert.ok(keptRoot)
  assert.deepEqual(await readdir(directory), [])
  assert.deepEqual(await rowCounts(database), { cluster: 0, slots: 0, organizations: 0, keks: 0 })
  await machine.initialise({ kind: 'keyfile', keyFile, afterRootKey: makeRoot })
})

/** The database, less the acknowledgement of its next commit. */
const losingAcknowledgement = (database: Database, options: { readonly committed: boolean }): Database => {
  let lost = false
  return {
    counters: database.counters,
    query: (text, values, queryOptions) => database.query(text, values, queryOptions),
    async transaction(orgId, work, transactionOptions) {
      if (lost) return database.transaction(orgId, work, transactionOptions)
      lost = true
      const unknown = fail('unavailable', 'storage.commit_unknown', 'lost')
      await database.transaction(orgId, async (tx) => {
        await work(tx)
        if (!options.committed) throw unknown
      }, transactionOptions)
      throw unknown
    },
  }
}

test('a commit whose acknowledgement was lost is looked up, so shares and key files are neither lost nor left over', async (t) => {
  const directory = await directoryFor(t)
  const keyFile = join(directory, 'key')
  const landed = await testDatabase(t)
  const { machine, made } = await initialised(losingAcknowledgement(landed.app, { committed: true }), { kind: 'keyfile', keyFile })
  assert.deepEqual((await machine.openKeyFile(keyFile)).rootKey, made.rootKey)
  const notLanded = await testDatabase(t)
  await assert.rejects(initialised(losingAcknowledgement(notLanded.app, { committed: false }), { kind: 'keyfile', keyFile: join(directory, 'other') }), { code: 'storage.commit_unknown' })
  assert.deepEqual(await readdir(directory), ['key'])
})

test('a sealed root key is bound to its cluster, slot, kind, generation and every byte', async (t) => {
  const changes = [
    `update cluster set cluster_id = gen_random_uuid()`,
    `update seal_slots set slot_id = gen_random_uuid()`,
    `update seal_slots set sealed_root = set_byte(sealed_root, 35, get_byte(sealed_root, 35) # 1)`,
    `update seal_slots set sealed_root = '\\x01'`,
    `update seal_slots set root_generation = 2; update cluster set root_generation = 2`,
  ]
  for (const change of changes) {
    const { app, superuser } = await testDatabase(t)
    const { machine, made } = await initialised(app, { kind: 'shamir', shares: 1, threshold: 1 })
    await superuser.query(change)
    const opening = machine.submitShare(copies(made.shares, 0)[0] ?? assert.fail())
    const error = await opening.then(() => assert.fail(change), (e: unknown) => e as Error & { code: string })
    assert.equal(error.code, 'seal.open_failed', change)
    assert.ok(!`${error.stack}`.includes(made.rootKey.toString('hex')))
    assert.equal((await machine.status()).progress, 0)
  }
  const { app, superuser } = await testDatabase(t)
  const { machine, made } = await initialised(app, { kind: 'shamir', shares: 1, threshold: 1 })
  await superuser.query('update cluster set root_generation = 2')
  await assert.rejects(machine.submitShare(copies(made.shares, 0)[0] ?? assert.fail()), { code: 'seal.slot_stale' })
})

test('shares collected before a rekey elsewhere are dropped', async (t) => {
  const { app, superuser } = await testDatabase(t)
  const { machine, made } = await initialised(app)
  await machine.submitShare(copies(made.shares, 0)[0] ?? assert.fail())
  await superuser.query(`update seal_slots set share_hashes = share_hashes[2:5]`)
  assert.equal((await machine.submitShare(copies(made.shares, 1)[0] ?? assert.fail())).facts.progress, 1)
})

test('nothing secret is stored: neither the root key nor a share is found in any table', async (t) => {
  const { app, superuser } = await testDatabase(t)
  const { made } = await initialised(app)
  const { rows } = await superuser.query<{ all: string }>(
    `select concat((select string_agg(to_jsonb(s)::text, '') from seal_slots s), (select string_agg(to_jsonb(k)::text, '') from keks k), (select string_agg(to_jsonb(p)::text, '') from purpose_keys p)) as all`)
  const text = rows[0]?.all ?? ''
  assert.ok(text.length > 1000)
  for (const secret of [made.rootKey, ...made.shares]) assert.ok(!text.includes(secret.toString('hex')))
})
