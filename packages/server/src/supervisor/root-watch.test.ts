import assert from 'node:assert/strict'
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadConfig } from '../config/config.ts'
import { createOrganizationKeys } from '../keyring/lifecycle.ts'
import { rewrapUnderRoot } from '../keyring/rotate-root.ts'
import { testDatabase, type TestDatabase } from '../kernel/testing/database.ts'
import { SealMachine } from '../seal/machine.ts'
import { LockedKey } from '../seal/locked-key.ts'
import type { HeldRoot } from '../seal/rotation.ts'
import type { SlotOpening } from '../seal/slot.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { CeremonyRoom } from './ceremonies/ceremonies.ts'
import { encodeParts, operation } from './control/protocol.ts'
import { RootWatch } from './root-watch.ts'
import { SealDesk } from './seal-desk.ts'
import { makeSealKeeper, type RootCopy, type SealKeeper } from './seal-keeper.ts'
import { until } from './testing/harness.ts'

interface Scene {
  readonly database: TestDatabase
  readonly keyFile: string
  readonly keeper: SealKeeper
  readonly desk: SealDesk
  readonly watch: RootWatch
  /** What the workers were given, in this order. */
  readonly given: RootCopy[]
  readonly said: string[]
  /** The generations that the watch has seen. */
  readonly seen: number[]
  /** All of the ceremonies that is asked. */
  readonly room: { reset(): void; rotateRoot: CeremonyRoom['rotateRoot'] }
  /** Another server of the cluster rotates the root key, and perhaps removes a slot. Returns the new one. */
  rotateElsewhere(remove?: string): Promise<Buffer>
  slotOf(kind: string): Promise<string>
  shares(): Buffer[]
}

/** What happens while the watch opens the new root key. */
type Opening = (open: SealKeeper['openByItself'], desk: SealDesk) => ReturnType<SealKeeper['openByItself']>

/** A cluster with a key file and two shares, and of one of its servers all but processes: the seal, and a watch that looks without pause. */
const scene = async (t: TestContext, kind: 'keyfile' | 'shamir', opening: Opening = (open) => open()): Promise<Scene> => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-watch-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const keyFile = join(directory, 'slot.key')
  const database = await testDatabase(t)
  const machine = new SealMachine({ database: database.app, rewrapKeys: rewrapUnderRoot, kind })
  const made = await machine.initialise({
    kind: 'shamir', shares: 2, threshold: 2,
    async afterRootKey(tx, { root, rootOrgId }) {
      await tx.query(`insert into organizations (org_id, slug, short_id, name, state, row_version, mac) values ($1, 'root', 'root', 'root', 'active', 1, '\\x00')`, [rootOrgId])
      await createOrganizationKeys(tx, root, rootOrgId, { platform: true })
    },
  })
  const shares = (): Buffer[] => made.shares.map((share) => Buffer.from(share))
  let elsewhere: HeldRoot = { rootKey: new LockedKey(made.rootKey), generation: made.generation }
  await machine.addSlot(elsewhere, { kind: 'keyfile', keyFile })

  const config = loadConfig({ command: 'server', argv: ['--seal', kind, '--seal-key-file', keyFile, '--data-dir', join(directory, 'data')], environment: {} })
  const given: RootCopy[] = []
  const said: string[] = []
  const seen: number[] = []
  const room = { reset: () => undefined, rotateRoot: (): ReturnType<CeremonyRoom['rotateRoot']> => assert.fail('nothing is rotated here') }
  const say = (message: string): void => void said.push(message)
  const logger = { ...silentLogger, warn: say, error: say }
  const keeper = makeSealKeeper({ machine, config, nodeId: 'node', version: 'test', logger, loadPlatform: () => assert.fail('it is initialised') })
  const workers = {
    unseal: async () => undefined,
    replace: async () => ({ finish: async () => undefined }),
    replaceRoot: async () => void given.push(keeper.copyRootKey() ?? assert.fail('there is a key')),
  }
  const desk: SealDesk = new SealDesk(keeper, () => workers, logger, room as unknown as CeremonyRoom) // all that is asked of it here
  const watch = new RootWatch({ machine: { generation: async () => seen[seen.push(await machine.generation()) - 1] ?? 0 }, keeper: { get generation() { return keeper.generation }, openByItself: () => opening(() => keeper.openByItself(), desk) }, desk, logger, intervalMs: 1 })
  t.after(() => watch.stop())
  return {
    database, keyFile, keeper, desk, watch, given, said, seen, room, shares,
    async rotateElsewhere(remove) {
      const openings: readonly SlotOpening[] = [{ kind: 'shamir', shares: shares() }, ...(remove === undefined ? [{ kind: 'keyfile', keyFile } as const] : [])]
      const { rootKey, generation } = await machine.rotate(elsewhere, openings, remove === undefined ? {} : { remove })
      elsewhere = { rootKey: new LockedKey(Buffer.from(rootKey)), generation }
      return rootKey
    },
    slotOf: async (of) => (await machine.slots()).find((slot) => slot.kind === of)?.slotId ?? assert.fail(),
  }
}

test('a root key that another server has made is opened with the key file and given to the workers, and the one before is wiped', async (t) => {
  const { keeper, desk, watch, given, rotateElsewhere } = await scene(t, 'keyfile')
  await desk.openAutomatically()
  const before = keeper.requireHeld()
  watch.start()
  const second = await rotateElsewhere()
  await until(() => given.length === 1, 'the workers have it')
  assert.deepEqual(given, [{ rootKey: second, generation: 2 }])
  assert.equal(before.rootKey.wiped, true)
  const third = await rotateElsewhere()
  await until(() => given.length === 2, 'and the next one')
  assert.deepEqual(given[1], { rootKey: third, generation: 3 })
})

test('a server that is sealed while it opens the new root key stays sealed, and the key is wiped', async (t) => {
  const opened: Buffer[] = []
  const { keeper, desk, watch, given, rotateElsewhere } = await scene(t, 'keyfile', async (open, desk) => {
    const root = await open()
    if (root !== undefined) opened.push(root.rootKey)
    await desk.seal(undefined)
    return root
  })
  await desk.openAutomatically()
  watch.start()
  await rotateElsewhere()
  await until(() => opened.length === 1 && opened.every((key) => key.every((byte) => byte === 0)), 'it was opened, and wiped')
  assert.equal(keeper.isOpen, false)
  assert.deepEqual(given, [])
})

test('a database that was set back is refused although its key would open, and a server that it stays with seals itself', async (t) => {
  const { database: { superuser }, keeper, desk, watch, given, said, rotateElsewhere } = await scene(t, 'keyfile')
  const tables = ['cluster', 'seal_slots', 'keks', 'purpose_keys']
  for (const table of tables) await superuser.query(`create table public.${table}_before as table coffer.${table}`)
  await desk.openAutomatically()
  await rotateElsewhere()
  watch.start()
  await until(() => given.length === 1, 'the second generation is in use')
  await superuser.query(tables.map((table) => `truncate coffer.${table} cascade; insert into coffer.${table} select * from public.${table}_before;`).join('\n'))
  await until(() => !keeper.isOpen, 'it is sealed')
  await until(() => said.length === 8, 'it has said so')
  assert.deepEqual([...new Set(said)], [
    'the root key was rotated at another server; the new one is in use',
    'the database holds an older root key than this server: it was set back, and its key is not taken',
    'sealed; every worker is replaced',
    'the database holds an older root key than this server: it was set back, and its key is not taken: this server has sealed itself and must be unsealed anew',
  ])
  assert.equal(given.length, 1, 'the older one was never handed on')
})

test('a key file that cannot be read for a while is tried again', async (t) => {
  let tries = 0
  const { keyFile, desk, watch, given, said, rotateElsewhere } = await scene(t, 'keyfile', async (open) => {
    tries += 1
    if (tries === 5) await rename(`${keyFile}.away`, keyFile)
    return open()
  })
  await desk.openAutomatically()
  const key = await rotateElsewhere()
  await rename(keyFile, `${keyFile}.away`)
  watch.start()
  await until(() => given.length === 1, 'the workers have it')
  assert.deepEqual(given, [{ rootKey: key, generation: 2 }])
  const refusal = 'the root key was rotated at another server, and the new one does not open'
  assert.deepEqual(said, [refusal, refusal, refusal, refusal, 'the root key was rotated at another server; the new one is in use'])
})

test('a key file that stays unfit seals the server', async (t) => {
  const { keyFile, keeper, desk, watch, given, rotateElsewhere } = await scene(t, 'keyfile')
  await desk.openAutomatically()
  await rotateElsewhere()
  await chmod(keyFile, 0o644)
  watch.start()
  await until(() => !keeper.isOpen, 'it is sealed')
  assert.deepEqual(given, [])
})

test('a server whose slot was removed seals itself at the first look', async (t) => {
  const { keeper, desk, watch, said, rotateElsewhere, slotOf } = await scene(t, 'keyfile')
  await desk.openAutomatically()
  watch.start()
  await rotateElsewhere(await slotOf('keyfile'))
  await until(() => said.length === 2, 'it has said so')
  assert.equal(keeper.isOpen, false)
  assert.deepEqual(said, ['sealed; every worker is replaced', 'the root key was rotated at another server, and the slot of the key file was removed: this server has sealed itself and must be unsealed anew'])
})

test('a server that was opened with shares seals itself, and opens with shares anew', async (t) => {
  const { keeper, desk, watch, given, said, shares, rotateElsewhere } = await scene(t, 'shamir')
  for (const share of shares()) await desk.submitShare(share)
  watch.start()
  await rotateElsewhere()
  await until(() => said.length === 2, 'it has said so')
  assert.equal(keeper.isOpen, false)
  assert.deepEqual(said, ['sealed; every worker is replaced', 'the root key was rotated at another server, and this one needs shares for the new one: this server has sealed itself and must be unsealed anew'])
  for (const share of shares()) await desk.submitShare(share)
  assert.equal(keeper.generation, 2)
  assert.deepEqual(given, [])
})

for (const kind of ['keyfile', 'shamir'] as const) {
  test(`a rotation at this server is not taken for another's, although the database has it first (${kind})`, async (t) => {
    const { keeper, desk, watch, given, said, seen, room, shares, rotateElsewhere } = await scene(t, kind)
    if (kind === 'keyfile') await desk.openAutomatically()
    else for (const share of shares()) await desk.submitShare(share)
    room.rotateRoot = async () => {
      const rootKey = await rotateElsewhere()
      await until(() => seen.filter((generation) => generation === 2).length === 1, 'the watch has seen it')
      keeper.adopt({ rootKey, generation: 2 })
      return { generation: 2 }
    }
    watch.start()
    await desk.handlers(0, async () => []).get(operation.ceremony)?.(encodeParts({ facts: { name: 'rotateRoot', args: [{}, {}] }, shares: [] }))
    await until(() => seen.filter((generation) => generation === 2).length > 2, 'it looked again')
    assert.equal(keeper.generation, 2)
    assert.deepEqual({ given, said }, { given: [], said: [] })
  })
}

test('without the database nothing is taken and nothing sealed', async (t) => {
  const { database: { superuser }, keeper, desk, watch, given, said, rotateElsewhere } = await scene(t, 'keyfile')
  await desk.openAutomatically()
  await superuser.query('alter table coffer.cluster rename to away')
  watch.start()
  await until(() => said.length === 1, 'it has said so')
  await superuser.query('alter table coffer.away rename to cluster')
  const key = await rotateElsewhere()
  await until(() => given.length === 1, 'the workers have it')
  assert.deepEqual(given, [{ rootKey: key, generation: 2 }])
  assert.equal(keeper.isOpen, true)
  assert.equal(said.filter((message) => message.startsWith('whether the root key was rotated')).length, 1, 'once, however often it looked')
})
