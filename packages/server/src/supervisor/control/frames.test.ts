import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameError, FrameReader, encodeHead, maxFrameBytes } from './frames.ts'

const collect = (chunks: readonly Buffer[]): (readonly [number, string])[] => {
  const frames: (readonly [number, string])[] = []
  const reader = new FrameReader((type, payload) => frames.push([type, payload.toString('hex')]))
  for (const chunk of chunks) reader.push(chunk)
  return frames
}

test('frames come out as they went in, however the bytes are cut', () => {
  const frame = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 200 }))
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }), (frames, cuts) => {
      const bytes = Buffer.concat(frames.flatMap(([type, payload]) => [encodeHead(type, payload.length), payload]))
      const chunks: Buffer[] = []
      for (let at = 0, index = 0; at < bytes.length; index += 1) {
        const size = cuts[index % cuts.length] ?? 1
        chunks.push(Buffer.from(bytes.subarray(at, at + size)))
        at += size
      }
      assert.deepEqual(collect(chunks), frames.map(([type, payload]) => [type, Buffer.from(payload).toString('hex')]))
      assert.ok(chunks.every((chunk) => chunk.every((byte) => byte === 0)), 'what was read is overwritten')
    }),
  )
})

test('a frame that announces more than any message has is refused before memory is taken for it', () => {
  const head = Buffer.from([1, 0xff, 0xff, 0xff, 0xff])
  assert.throws(() => collect([head]), FrameError)
  assert.throws(() => encodeHead(1, maxFrameBytes + 1), FrameError)
})

test('each payload has memory of its own, so that wiping one touches no other', () => {
  const payloads: Buffer[] = []
  const reader = new FrameReader((_, payload) => payloads.push(payload))
  reader.push(Buffer.concat([encodeHead(1, 2), Buffer.from('ab'), encodeHead(1, 2), Buffer.from('cd')]))
  payloads[0]?.fill(0)
  assert.equal(payloads[1]?.toString(), 'cd')
  assert.notEqual(payloads[0]?.buffer, payloads[1]?.buffer)
})
