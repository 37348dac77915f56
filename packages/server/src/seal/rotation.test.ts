import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hmacSha256 } from '../crypto/mac.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { Keyring } from '../keyring/keyring.ts'
import { createOrganizationKeys } from '../keyring/lifecycle.ts'
import { rewrapUnderRoot } from '../keyring/rotate-root.ts'
import { testDatabase, type TestDatabase } from '../kernel/testing/database.ts'
import type { Transaction } from '../kernel/storage.ts'
import { LockedKey } from './locked-key.ts'
import { SealMachine } from './machine.ts'
import type { HeldRoot, Rotated } from './rotation.ts'

interface Scene {
  readonly database: TestDatabase
  readonly machine: SealMachine
  readonly held: HeldRoot
  readonly orgId: string
  readonly shamirSlot: string
  readonly fileSlot: string
  readonly keyFile: string
  /** Copies, because what is given is wiped. */
  shares(...which: number[]): Buffer[]
}

const addOrganization = async (tx: Transaction, orgId: string, slug: string): Promise<void> => {
  await tx.query(`insert into organizations (org_id, slug, short_id, name, state, row_version, mac) values ($1, $2, $2, $2, 'active', 1, '\\x00')`, [orgId, slug])
}

/** An initialised cluster with two slots, shares and a key file, and an organization besides root. */
const scene = async (t: TestContext): Promise<Scene> => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-rotation-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const database = await testDatabase(t)
  const machine = new SealMachine({ database: database.app, rewrapKeys: rewrapUnderRoot })
  const orgId = makeUuidV7()
  const made = await machine.initialise({
    kind: 'shamir', shares: 3, threshold: 2,
    async afterRootKey(tx, { root, rootOrgId }) {
      await addOrganization(tx, rootOrgId, 'root')
      await createOrganizationKeys(tx, root, rootOrgId, { platform: true })
      await tx.query(`select set_config('coffer.org', $1, true)`, [orgId])
      await addOrganization(tx, orgId, 'team')
      await createOrganizationKeys(tx, root, orgId)
    },
  })
  const held = { rootKey: new LockedKey(made.rootKey), generation: made.generation }
  const keyFile = join(directory, 'key')
  const { slotId: fileSlot } = await machine.addSlot(held, { kind: 'keyfile', keyFile })
  const shamirSlot = (await machine.slots()).find(({ kind }) => kind === 'shamir')?.slotId ?? assert.fail()
  return { database, machine, held, orgId, shamirSlot, fileSlot, keyFile, shares: (...which) => which.map((i) => Buffer.from(made.shares[i] ?? assert.fail())) }
}

const unseal = async (machine: SealMachine, shares: readonly Buffer[]): Promise<Buffer> => {
  for (const share of shares) {
    const { opened } = await machine.submitShare(share)
    if (opened !== undefined) return opened.rootKey
  }
  return assert.fail('not enough shares')
}

/** A MAC under a key of the organization: the same before and after, or keys were lost. */
const probe = async ({ database, orgId }: Scene, { rootKey, generation }: Pick<Rotated, 'rootKey' | 'generation'>): Promise<string> => {
  const keyring = await Keyring.open({ database: database.app, rootKey: Buffer.from(rootKey), generation })
  return hmacSha256((await keyring.organization(orgId)).purpose('tokens'), 'x').toString('hex')
}

const locked = ({ rootKey, generation }: Rotated): HeldRoot => ({ rootKey: new LockedKey(Buffer.from(rootKey)), generation })

test('an added slot opens the same root key', async (t) => {
  const { machine, held, keyFile, shares } = await scene(t)
  assert.deepEqual((await machine.openKeyFile(keyFile)).rootKey, held.rootKey.copy())
  assert.deepEqual(await unseal(machine, shares(0, 2)), held.rootKey.copy())
  assert.equal((await machine.status()).type, 'shamir')
})

test('removing a slot rotates the root key: the other slot opens the new one, the removed one nothing', async (t) => {
  const all = await scene(t)
  const { database, machine, held, fileSlot, keyFile, shares } = all
  const before = await probe(all, { rootKey: held.rootKey.copy(), generation: 1 })
  const given = shares(0, 1)
  const rotated = await machine.removeSlot(held, fileSlot, [{ kind: 'shamir', shares: given }])
  assert.ok(given.every((share) => share.every((byte) => byte === 0)))
  assert.equal(rotated.generation, 2)
  assert.notDeepEqual(rotated.rootKey, held.rootKey.copy())
  assert.deepEqual(await unseal(machine, shares(1, 2)), rotated.rootKey)
  await assert.rejects(machine.openKeyFile(keyFile), { code: 'seal.key_file_foreign' })
  assert.equal(await probe(all, rotated), before)
  await assert.rejects(Keyring.open({ database: database.app, rootKey: held.rootKey.copy(), generation: 1 }), { code: 'keyring.root_key_outdated' })
  await assert.rejects(Keyring.open({ database: database.app, rootKey: held.rootKey.copy(), generation: 2 }), { code: 'keyring.open_failed' })
})

test('removing the slot of shares leaves the file', async (t) => {
  const all = await scene(t)
  const { machine, held, shamirSlot, keyFile, shares } = all
  const rotated = await machine.removeSlot(held, shamirSlot, [{ kind: 'keyfile', keyFile }])
  assert.deepEqual((await machine.openKeyFile(keyFile)).rootKey, rotated.rootKey)
  assert.equal((await machine.status()).type, 'keyfile')
  await assert.rejects(machine.submitShare(shares(0)[0] ?? assert.fail()), { code: 'seal.share_unknown' })
})

test('the last slot stays, and an unknown one is not found', async (t) => {
  const { machine, held, shamirSlot, fileSlot, keyFile, shares } = await scene(t)
  const rotated = await machine.removeSlot(held, shamirSlot, [{ kind: 'keyfile', keyFile }])
  await assert.rejects(machine.removeSlot(locked(rotated), fileSlot, []), { kind: 'conflict', code: 'seal.last_slot' })
  await assert.rejects(machine.removeSlot(locked(rotated), makeUuidV7(), [{ kind: 'shamir', shares: shares(0, 1) }]), { kind: 'not_found' })
})

test('a rotation needs the key of every slot that stays, or changes nothing', async (t) => {
  const { database, machine, held, shamirSlot, fileSlot, keyFile, shares } = await scene(t)
  const { rows: before } = await database.superuser.query('select * from seal_slots order by slot_id')
  const missing = (slotId: string) => ({ kind: 'invalid_request', code: 'seal.slots_not_opened', message: new RegExp(slotId) })
  await assert.rejects(machine.rotate(held, [{ kind: 'keyfile', keyFile }]), missing(shamirSlot))
  await assert.rejects(machine.rekey(held, { shares: 2, threshold: 2 }, [{ kind: 'shamir', shares: shares(0, 1) }]), missing(fileSlot))
  await assert.rejects(machine.rotate(held, [{ kind: 'keyfile', keyFile }, { kind: 'shamir', shares: shares(0) }]), { code: 'seal.shares_missing' })
  await assert.rejects(machine.rotate(held, [{ kind: 'keyfile', keyFile }, { kind: 'shamir', shares: shares(0, 0) }]), { code: 'seal.shares_unusable' })
  await assert.rejects(machine.rekey(held, { shares: 3, threshold: 1 }, [{ kind: 'keyfile', keyFile }, { kind: 'shamir', shares: shares(0, 1) }]), { code: 'seal.bad_threshold' })
  assert.deepEqual((await database.superuser.query('select * from seal_slots order by slot_id')).rows, before)
  assert.deepEqual(await unseal(machine, shares(0, 1)), held.rootKey.copy())
})

test('a rekey gives new shares and a new root key, and the old shares are of no use', async (t) => {
  const all = await scene(t)
  const { machine, held, keyFile, shares } = all
  const before = await probe(all, { rootKey: held.rootKey.copy(), generation: 1 })
  const rotated = await machine.rekey(held, { shares: 5, threshold: 3 }, [{ kind: 'shamir', shares: shares(0, 1) }, { kind: 'keyfile', keyFile }])
  assert.equal(rotated.shares.length, 5)
  const { shares: count, threshold } = await machine.status()
  assert.deepEqual([count, threshold], [5, 3])
  await assert.rejects(machine.submitShare(shares(2)[0] ?? assert.fail()), { code: 'seal.share_unknown' })
  assert.deepEqual(await unseal(machine, rotated.shares.slice(1, 4).map((share) => Buffer.from(share))), rotated.rootKey)
  assert.deepEqual((await machine.openKeyFile(keyFile)).rootKey, rotated.rootKey)
  assert.equal(await probe(all, rotated), before)
})

test('a rotation that cannot re-wrap every key changes neither slots nor keys', async (t) => {
  const { database, machine, held, orgId, keyFile, shares } = await scene(t)
  await database.superuser.query('update keks set wrapped = set_byte(wrapped, 35, get_byte(wrapped, 35) # 1) where org_id = $1', [orgId])
  await assert.rejects(machine.rotate(held, [{ kind: 'shamir', shares: shares(0, 1) }, { kind: 'keyfile', keyFile }]), { code: 'keyring.open_failed' })
  assert.deepEqual(await unseal(machine, shares(1, 2)), held.rootKey.copy())
  await Keyring.open({ database: database.app, rootKey: held.rootKey.copy(), generation: 1 })
})

test('a server that holds a root key from before a rotation changes nothing', async (t) => {
  const { machine, held, keyFile, shares } = await scene(t)
  const openings = () => [{ kind: 'shamir', shares: shares(0, 1) }, { kind: 'keyfile', keyFile }] as const
  const both = await Promise.allSettled([machine.rotate(held, openings()), machine.rotate(held, openings())])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const outdated = { kind: 'conflict', code: 'seal.root_key_outdated' }
  await assert.rejects(machine.addSlot(held, { kind: 'shamir', shares: 1, threshold: 1 }), outdated)
  await assert.rejects(machine.rotate(held, openings()), outdated)
  assert.equal((await machine.slots()).length, 2)
})

test('a sealed root key moved to another slot does not open there', async (t) => {
  const { database, machine, fileSlot, keyFile, shares } = await scene(t)
  await database.superuser.query('update seal_slots set sealed_root = (select sealed_root from seal_slots where slot_id <> $1) where slot_id = $1', [fileSlot])
  await assert.rejects(machine.openKeyFile(keyFile), { code: 'seal.open_failed' })
  await unseal(machine, shares(0, 1))
})
