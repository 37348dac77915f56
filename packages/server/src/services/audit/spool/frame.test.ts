import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { importHmacKey } from '../../../crypto/keys.ts'
import { FrameBuilder, decodeItems, encodeItems, isAuthentic, itemKind, noTag, parseFrame, skeletonOf, type Frame } from './frame.ts'

const key = importHmacKey(Buffer.alloc(32, 1))
const sealed = (records: readonly string[], seq = 3): Buffer => {
  const builder = new FrameBuilder(128)
  for (const record of records) builder.add(itemKind.record, record)
  return Buffer.from(builder.seal({ seq, at: 1_700_000_000_000, previous: noTag }, key).bytes)
}
const parsed = (bytes: Buffer, offset = 0): Frame => {
  const result = parseFrame(bytes, offset)
  assert.equal(result.state, 'frame')
  return result.frame
}

test('a frame comes back as it was gathered, text in any script included', () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { maxLength: 300 }), fc.nat(), (records, seq) => {
    const bytes = sealed(records, seq)
    const frame = parsed(Buffer.concat([Buffer.alloc(5), bytes]), 5)
    assert.deepEqual(frame.items.map((item) => item.bytes.toString('utf8')), records.map((record) => record.toWellFormed()))
    assert.equal(frame.seq, seq)
    assert.equal(frame.bytes, bytes.length)
    assert.ok(isAuthentic(skeletonOf(frame), key))
  }), { numRuns: 60 })
})

test('any flipped bit is found', () => {
  const bytes = sealed(['{"a":1}', '', '{"b":"two"}'])
  for (let at = 0; at < bytes.length * 8; at += 1) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3)
    const result = parseFrame(changed)
    assert.ok(result.state !== 'frame' || !isAuthentic(skeletonOf(result.frame), key), `bit ${at}`)
  }
})

test('moving a border between two records is found', () => {
  const left = parsed(sealed(['ab', 'c']))
  const right = parsed(sealed(['a', 'bc']))
  assert.ok(!isAuthentic({ ...skeletonOf(left), tag: right.tag }, key))
})

test('a frame of another key is not believed', () => {
  assert.ok(!isAuthentic(skeletonOf(parsed(sealed(['x']))), importHmacKey(Buffer.alloc(32, 2))))
})

test('any cut of a frame is short, and zeros are the end', () => {
  const bytes = sealed(['{"a":1}'])
  for (let length = 1; length < bytes.length; length += 1) assert.equal(parseFrame(bytes.subarray(0, length)).state, 'short')
  assert.equal(parseFrame(Buffer.concat([bytes.subarray(0, -32), Buffer.alloc(32)])).state, 'broken')
  assert.equal(parseFrame(Buffer.alloc(100)).state, 'end')
  assert.equal(parseFrame(Buffer.alloc(0)).state, 'end')
})

test('arbitrary bytes never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (noise, dressed) => {
    const bytes = Buffer.from(noise)
    if (dressed) Buffer.from([1, 0x43, 0x41, 0x46]).copy(bytes)
    parseFrame(bytes)
    decodeItems(bytes)
  }), { numRuns: 500 })
})

test('a builder that was reset carries nothing over', () => {
  const builder = new FrameBuilder(64)
  builder.add(itemKind.record, 'first')
  builder.seal({ seq: 1, at: 1, previous: noTag }, key)
  builder.reset()
  builder.add(itemKind.record, 'second')
  const frame = parsed(Buffer.from(builder.seal({ seq: 2, at: 2, previous: noTag }, key).bytes))
  assert.deepEqual(frame.items.map((item) => item.bytes.toString()), ['second'])
})

test('the layout is frozen', () => {
  const builder = new FrameBuilder()
  builder.add(itemKind.record, '{"id":"1"}')
  builder.add(itemKind.close, '')
  const { bytes, tag } = builder.seal({ seq: 258, at: 1_700_000_000_000, previous: Buffer.alloc(32, 9) }, key)
  assert.equal(bytes.subarray(0, 92 - 32).toString('hex'), `014341460000000000000102${'0000018bcfe56800'}${'09'.repeat(32)}0000000200000070`)
  assert.equal(bytes.subarray(60, 80).toString('hex'), `010000000a${Buffer.from('{"id":"1"}').toString('hex')}0700000000`)
  assert.equal(tag.toString('hex'), '183b5308b6ed01efdd2a2117ec8d6025c66916ca83caa1de5145e32661a4b85f')
})

test('control items survive their own encoding', () => {
  const items = [{ kind: itemKind.open, bytes: Buffer.from('{}') }, { kind: itemKind.close, bytes: Buffer.alloc(0) }]
  assert.deepEqual(decodeItems(encodeItems(items)), items)
})
