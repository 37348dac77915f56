import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openBytes, OpenFailed, sealBytes } from './aead.ts'
import { dekAad, entryAad, entryDekAad, kekAad, purposeKeyAad, slotAad, valueAad } from './envelope.ts'
import { gcmSeal } from './hazmat/aes-gcm.ts'
import { importAesKey, makeKeyBytes } from './keys.ts'
import frozen from './vectors/sealed.json' with { type: 'json' }

type Fields = Readonly<Record<string, string | number>>
type Layout = (binding: Fields) => Buffer

/** The layouts by the names that docs/formats uses; the casts let one table drive seven differently typed functions. */
const LAYOUTS: Readonly<Record<string, Layout>> = {
  value: valueAad as unknown as Layout,
  dek: dekAad as unknown as Layout,
  entry: entryAad as unknown as Layout,
  'entry-dek': entryDekAad as unknown as Layout,
  kek: kekAad as unknown as Layout,
  'purpose-key': purposeKeyAad as unknown as Layout,
  slot: slotAad as unknown as Layout,
}

function layout(name: string): Layout {
  const found = LAYOUTS[name]
  assert.ok(found, name)
  return found
}

const uuid = fc.uuid({ version: 7 })
const version = fc.maxSafeNat()
const text = fc.string({ maxLength: 20, unit: 'grapheme' })
const BINDINGS: Readonly<Record<string, fc.Arbitrary<Fields>>> = {
  value: fc.record({ orgId: uuid, secretId: uuid, version, type: text }),
  dek: fc.record({ orgId: uuid, secretId: uuid, version, kekId: uuid, kekVersion: version }),
  entry: fc.record({ orgId: uuid, mountId: uuid, key: text, entryVersion: version }),
  'entry-dek': fc.record({ orgId: uuid, mountId: uuid, key: text, entryVersion: version, kekId: uuid, kekVersion: version }),
  kek: fc.record({ orgId: uuid, kekId: uuid, kekVersion: version }),
  'purpose-key': fc.record({ orgId: uuid, purpose: text, version }),
  slot: fc.record({ slotId: uuid, slotType: text, rootKeyVersion: version }),
}

const bound = fc.constantFrom(...Object.keys(BINDINGS)).chain((name) => {
  const binding = BINDINGS[name]
  assert.ok(binding)
  return fc.tuple(fc.constant(name), binding, binding)
})

test('frozen blobs open for ever', () => {
  for (const v of frozen) {
    const binding = v.binding as unknown as Fields // a union of records, read by the layout it names
    const aad = layout(v.format)(binding)
    assert.equal(aad.toString('hex'), v.aad, v.format)
    const opened = openBytes(importAesKey(Buffer.from(v.key, 'hex')), Buffer.from(v.blob, 'hex'), aad)
    assert.equal(opened.toString('hex'), v.plaintext, v.format)
  }
})

test('the same bytes are sealed from the same IV', () => {
  for (const v of frozen) {
    const sealed = gcmSeal(importAesKey(Buffer.from(v.key, 'hex')), Buffer.from(v.iv, 'hex'), Buffer.from(v.plaintext, 'hex'), Buffer.from(v.aad, 'hex'))
    assert.equal(`01${v.iv}${sealed.tag.toString('hex')}${sealed.ciphertext.toString('hex')}`, v.blob, v.format)
  }
})

test('there is a frozen vector for every layout', () => {
  assert.deepEqual(new Set(frozen.map((v) => v.format)), new Set(Object.keys(LAYOUTS)))
})

test('a frozen blob opens under no other layout or binding of the set', () => {
  for (const v of frozen) {
    for (const other of frozen) {
      if (other === v) continue
      assert.throws(() => openBytes(importAesKey(Buffer.from(v.key, 'hex')), Buffer.from(v.blob, 'hex'), Buffer.from(other.aad, 'hex')), OpenFailed)
    }
  }
})

test('what is sealed for a binding opens for it', () => {
  fc.assert(fc.property(bound, fc.uint8Array({ maxLength: 100 }), ([name, binding], plaintext) => {
    const key = importAesKey(makeKeyBytes())
    const blob = sealBytes(key, plaintext, layout(name)(binding))
    assert.deepEqual(openBytes(key, blob, layout(name)({ ...binding })), Buffer.from(plaintext))
  }))
})

test('each field alone binds: changing any one of them and opening fails', () => {
  const key = importAesKey(makeKeyBytes())
  fc.assert(fc.property(bound, ([name, binding, other]) => {
    const blob = sealBytes(key, Buffer.from('x'), layout(name)(binding))
    for (const field of Object.keys(binding)) {
      const value = other[field]
      if (value === undefined || value === binding[field]) continue
      assert.throws(() => openBytes(key, blob, layout(name)({ ...binding, [field]: value })), OpenFailed, `${name}.${field}`)
    }
  }))
})

test('swapping two ids, or two numbers, is noticed', () => {
  const [a, b] = ['0198c5d2-7a00-7000-8000-000000000001', '0198c5d2-7a00-7000-8000-000000000002']
  const dek = { orgId: a, secretId: b, version: 1, kekId: a, kekVersion: 2 }
  assert.notDeepEqual(dekAad(dek), dekAad({ ...dek, orgId: b, secretId: a }))
  assert.notDeepEqual(dekAad(dek), dekAad({ ...dek, version: 2, kekVersion: 1 }))
  assert.notDeepEqual(dekAad(dek), dekAad({ ...dek, secretId: a, kekId: b }))
})

test('no two different bindings, of whatever layout, give the same bytes', () => {
  fc.assert(fc.property(bound, bound, ([nameA, a], [nameB, b]) => {
    const same = nameA === nameB && Object.keys(a).every((field) => a[field] === b[field])
    assert.equal(layout(nameA)(a).equals(layout(nameB)(b)), same)
  }))
})

test('every single bit of a bound blob matters', () => {
  const key = importAesKey(makeKeyBytes())
  fc.assert(fc.property(bound, fc.uint8Array({ maxLength: 40 }), fc.nat(), ([name, binding], plaintext, at) => {
    const aad = layout(name)(binding)
    const blob = sealBytes(key, plaintext, aad)
    const bit = at % (blob.length * 8)
    blob[bit >> 3] = (blob[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    assert.throws(() => openBytes(key, blob, aad), OpenFailed)
  }))
})

test('the case of an id does not matter, since its bytes count', () => {
  const binding = { orgId: '0198c5d2-7a00-7abc-9def-00000000000a', kekId: '0198c5d2-7a00-7abc-9def-00000000000b', kekVersion: 1 }
  assert.deepEqual(kekAad({ ...binding, orgId: binding.orgId.toUpperCase() }), kekAad(binding))
})

test('a bad id or version is a mistake of the caller and is refused without repeating it', () => {
  const good = { orgId: '0198c5d2-7a00-7abc-9def-00000000000a', purpose: 'rows', version: 1 }
  assert.throws(() => purposeKeyAad({ ...good, orgId: 'org_hunter2' }), (error: unknown) => error instanceof TypeError && !error.message.includes('hunter2'))
  for (const version of [-1, 1.5, Number.NaN, 2 ** 53]) assert.throws(() => purposeKeyAad({ ...good, version }), RangeError)
})
