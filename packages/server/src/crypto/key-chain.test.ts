/** The hierarchy of architecture, section 3, put together from this folder's parts alone, and attacked link by link. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openBytes, OpenFailed, sealBytes } from './aead.ts'
import { dekAad, entryAad, entryDekAad, kekAad, slotAad, valueAad } from './envelope.ts'
import { importAesKey, makeKeyBytes } from './keys.ts'
import { makeUuidV7 } from './random.ts'
import { combineShares, splitSecret } from './shamir.ts'

interface Ids {
  readonly orgId: string
  readonly kekId: string
  readonly slotId: string
}
interface Installation extends Ids {
  readonly shares: readonly Buffer[]
  readonly slot: Buffer
  readonly kek: Buffer
}
interface StoredVersion {
  readonly secretId: string
  readonly version: number
  readonly dek: Buffer
  readonly value: Buffer
}

const TYPE = 'json'

function makeInstallation(): Installation {
  const ids = { orgId: makeUuidV7(), kekId: makeUuidV7(), slotId: makeUuidV7() }
  const [slotKey, rootKey, kek] = [makeKeyBytes(), makeKeyBytes(), makeKeyBytes()]
  const shares = splitSecret(slotKey, { shares: 5, threshold: 3 })
  const slot = sealBytes(importAesKey(slotKey), rootKey, slotAad({ slotId: ids.slotId, slotType: 'shamir', rootKeyVersion: 1 }))
  return { ...ids, shares, slot, kek: sealBytes(importAesKey(rootKey), kek, kekAad({ ...ids, kekVersion: 1 })) }
}

/** The organization's KEK, from shares and stored blobs only. */
function openKek(at: Installation, shares: readonly Buffer[]): Buffer {
  const rootKey = openBytes(importAesKey(combineShares(shares)), at.slot, slotAad({ slotId: at.slotId, slotType: 'shamir', rootKeyVersion: 1 }))
  return openBytes(importAesKey(rootKey), at.kek, kekAad({ ...at, kekVersion: 1 }))
}

function store(at: Installation, secretId: string, version: number, text: string): StoredVersion {
  const dek = makeKeyBytes()
  const kek = importAesKey(openKek(at, at.shares.slice(0, 3)))
  const wrapped = sealBytes(kek, dek, dekAad({ ...at, secretId, version, kekVersion: 1 }))
  const value = sealBytes(importAesKey(dek), Buffer.from(text), valueAad({ ...at, secretId, version, type: TYPE }))
  return { secretId, version, dek: wrapped, value }
}

function load(at: Installation, stored: StoredVersion): string {
  const kek = importAesKey(openKek(at, at.shares.slice(2, 5)))
  const dek = importAesKey(openBytes(kek, stored.dek, dekAad({ ...at, ...stored, kekVersion: 1 })))
  return openBytes(dek, stored.value, valueAad({ ...at, ...stored, type: TYPE })).toString()
}

test('a value is read back from any three shares and what is stored', () => {
  const at = makeInstallation()
  fc.assert(fc.property(fc.string(), fc.integer({ min: 1, max: 1e9 }), (text, version) => {
    assert.equal(load(at, store(at, makeUuidV7(), version, text)), text)
  }), { numRuns: 30 })
})

test('too few shares open nothing', () => {
  const at = makeInstallation()
  assert.throws(() => openKek(at, at.shares.slice(0, 2)), OpenFailed)
})

test('shares, slots and keys of another installation open nothing', () => {
  const [here, there] = [makeInstallation(), makeInstallation()]
  const stored = store(here, makeUuidV7(), 1, 'x')
  assert.throws(() => openKek(here, there.shares), OpenFailed)
  assert.throws(() => load({ ...here, slot: there.slot }, stored), OpenFailed)
  assert.throws(() => load({ ...here, kek: there.kek }, stored), OpenFailed)
  assert.throws(() => load(there, stored), OpenFailed)
})

test('a value cannot be moved: to another version, secret or organization, with or without its key', () => {
  const at = makeInstallation()
  const [first, second, other] = [store(at, makeUuidV7(), 1, 'first'), store(at, makeUuidV7(), 1, 'second'), makeUuidV7()]
  const moved: readonly StoredVersion[] = [
    { ...first, version: 2 }, { ...first, secretId: other }, { ...first, value: second.value }, { ...first, dek: second.dek },
    { ...first, value: second.value, dek: second.dek }, { ...first, value: first.dek }, { ...first, dek: first.value },
  ]
  for (const stored of moved) assert.throws(() => load(at, stored), OpenFailed)
  assert.throws(() => load({ ...at, orgId: other }, first), OpenFailed)
  assert.throws(() => load({ ...at, kekId: other }, first), OpenFailed)
  assert.equal(load(at, first), 'first')
})

test('re-wrapping under a new KEK touches the wrapped key only', () => {
  const at = makeInstallation()
  const stored = store(at, makeUuidV7(), 4, 'unchanged')
  const [oldKek, newKek] = [importAesKey(openKek(at, at.shares)), importAesKey(makeKeyBytes())]
  const dek = openBytes(oldKek, stored.dek, dekAad({ ...at, ...stored, kekVersion: 1 }))
  const rewrapped = sealBytes(newKek, dek, dekAad({ ...at, ...stored, kekVersion: 2 }))
  const opened = importAesKey(openBytes(newKek, rewrapped, dekAad({ ...at, ...stored, kekVersion: 2 })))
  assert.equal(openBytes(opened, stored.value, valueAad({ ...at, ...stored, type: TYPE })).toString(), 'unchanged')
  assert.throws(() => openBytes(newKek, rewrapped, dekAad({ ...at, ...stored, kekVersion: 1 })), OpenFailed)
})

test('an older entry cannot take the place of a newer one, nor one key that of another', () => {
  const at = makeInstallation()
  const binding = { orgId: at.orgId, mountId: makeUuidV7(), key: 'role/app', entryVersion: 1 }
  const kek = importAesKey(openKek(at, at.shares))
  const dek = makeKeyBytes()
  const wrapped = sealBytes(kek, dek, entryDekAad({ ...binding, kekId: at.kekId, kekVersion: 1 }))
  const entry = sealBytes(importAesKey(dek), Buffer.from('{}'), entryAad(binding))
  const open = (claimed: typeof binding): string => {
    const key = importAesKey(openBytes(kek, wrapped, entryDekAad({ ...claimed, kekId: at.kekId, kekVersion: 1 })))
    return openBytes(key, entry, entryAad(claimed)).toString()
  }
  assert.equal(open(binding), '{}')
  for (const claimed of [{ ...binding, entryVersion: 2 }, { ...binding, key: 'role/api' }, { ...binding, mountId: makeUuidV7() }, { ...binding, orgId: makeUuidV7() }]) {
    assert.throws(() => open(claimed), OpenFailed)
  }
})

test('an engine entry and a version never stand in for each other, though all their ids agree', () => {
  const id = makeUuidV7()
  const at = { orgId: id, secretId: id, mountId: id, kekId: id, version: 1, entryVersion: 1, kekVersion: 1, type: 'x', key: 'x' }
  const key = importAesKey(makeKeyBytes())
  const layouts = [valueAad, dekAad, entryAad, entryDekAad, kekAad].map((layout) => layout(at))
  for (const sealedFor of layouts) {
    const blob = sealBytes(key, Buffer.from('x'), sealedFor)
    for (const openedFor of layouts) {
      if (openedFor === sealedFor) assert.equal(openBytes(key, blob, openedFor).toString(), 'x')
      else assert.throws(() => openBytes(key, blob, openedFor), OpenFailed)
    }
  }
})
