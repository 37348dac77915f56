import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { Slot } from '../repository.ts'
import { makeSlot, openSlot } from './index.ts'

const directoryFor = async (t: TestContext): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-keyfile-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

const slotOf = (slotId: string): Slot => ({ slotId, kind: 'keyfile', sealedRoot: Buffer.alloc(0), generation: 1, shares: null, threshold: null, shareHashes: [], settings: {} })

const madeIn = async (t: TestContext) => {
  const directory = await directoryFor(t)
  const [keyFile, slotId] = [join(directory, 'unseal', 'key'), makeUuidV7()]
  const made = await makeSlot({ kind: 'keyfile', keyFile, slotId }, {})
  return { directory, keyFile, slots: [slotOf(slotId)], made }
}

const refused = { kind: 'invalid_request', code: 'seal.key_file_refused' }

test('a key file is made for this account only, and gives its key back', async (t) => {
  const { directory, keyFile, slots, made } = await madeIn(t)
  assert.equal((await stat(keyFile)).mode & 0o777, 0o600)
  assert.equal((await stat(join(directory, 'unseal'))).mode & 0o777, 0o700)
  assert.deepEqual((await openSlot(slots, keyFile, {})).slotKey, made.slotKey)
})

test('a file that is there is never written over', async (t) => {
  const { directory, keyFile } = await madeIn(t)
  const before = await readFile(keyFile)
  const again = { kind: 'keyfile', keyFile, slotId: makeUuidV7() } as const
  await assert.rejects(makeSlot(again, {}), { kind: 'conflict', code: 'seal.key_file_exists' })
  assert.deepEqual(await readFile(keyFile), before)
  const dangling = join(directory, 'dangling')
  await symlink(join(directory, 'elsewhere'), dangling)
  await assert.rejects(makeSlot({ ...again, keyFile: dangling }, {}), { code: 'seal.key_file_exists' })
})

test('a file that others may access, in whatever way, is refused', async (t) => {
  const { keyFile, slots } = await madeIn(t)
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777]) {
    await chmod(keyFile, mode)
    await assert.rejects(openSlot(slots, keyFile, {}), refused, mode.toString(8))
  }
  await chmod(keyFile, 0o400)
  await openSlot(slots, keyFile, {})
})

test('a file of another account is refused', async (t) => {
  const { keyFile, slots } = await madeIn(t)
  await assert.rejects(openSlot(slots, keyFile, { owner: (process.geteuid?.() ?? 0) + 1 }), refused)
})

test('a file inside the data directory is refused, however it is reached', async (t) => {
  const { directory, keyFile, slots } = await madeIn(t)
  const inside = { dataDirectory: join(directory, 'unseal') }
  await assert.rejects(openSlot(slots, keyFile, inside), refused)
  await assert.rejects(openSlot(slots, keyFile, { dataDirectory: directory }), refused)
  await symlink(directory, join(directory, 'unseal', 'loop'))
  await assert.rejects(openSlot(slots, join(directory, 'unseal', 'loop', 'unseal', 'key'), inside), refused)
  await symlink(keyFile, join(directory, 'link'))
  await assert.rejects(openSlot(slots, join(directory, 'link'), inside), refused)
  await symlink(join(directory, 'unseal'), join(directory, 'data'))
  await assert.rejects(openSlot(slots, keyFile, { dataDirectory: join(directory, 'data') }), refused)
  for (const path of ['key', 'deeper/key', '../unseal/key']) {
    await assert.rejects(makeSlot({ kind: 'keyfile', keyFile: join(directory, 'unseal', path), slotId: makeUuidV7() }, inside), refused)
  }
  await mkdir(join(directory, 'unseal-2'))
  await makeSlot({ kind: 'keyfile', keyFile: join(directory, 'unseal-2', 'key'), slotId: makeUuidV7() }, inside)
})

test('a link from outside to a private file is followed, as orchestrators mount secrets', async (t) => {
  const { directory, keyFile, slots } = await madeIn(t)
  const link = join(directory, 'link')
  await symlink(keyFile, link)
  await openSlot(slots, link, { dataDirectory: join(directory, 'data') })
})

test('what is missing, a directory, or of another server is refused by its reason', async (t) => {
  const { directory, keyFile, slots } = await madeIn(t)
  await assert.rejects(openSlot(slots, join(directory, 'none'), {}), { kind: 'unavailable', code: 'seal.key_file_unreadable' })
  await assert.rejects(openSlot(slots, directory, {}), refused)
  await assert.rejects(openSlot([slotOf(makeUuidV7())], keyFile, {}), { code: 'seal.key_file_foreign' })
  await assert.rejects(openSlot(slots.map((slot) => ({ ...slot, kind: 'shamir' as const })), keyFile, {}), { code: 'seal.key_file_foreign' })
  await rename(keyFile, `${keyFile}.away`)
  await assert.rejects(openSlot(slots, keyFile, {}), { code: 'seal.key_file_unreadable' })
})

test('a file of any other content is refused without showing it', async (t) => {
  const { directory, slots } = await madeIn(t)
  const path = join(directory, 'odd')
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 120 }), async (content) => {
    await writeFile(path, content, { mode: 0o600 })
    const error = await openSlot(slots, path, {}).then(() => assert.fail(), (e: unknown) => e as Error & { code: string })
    assert.ok(['seal.key_file_malformed', 'seal.key_file_foreign'].includes(error.code))
    if (content.length > 24) assert.ok(!error.message.includes(Buffer.from(content.subarray(17)).toString('hex')))
  }), { numRuns: 60 })
})
