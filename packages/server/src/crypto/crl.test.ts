import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NotDer } from '../lib/der.ts'
import { parseRevocationList } from './crl.ts'

// Version 2, ECDSA with SHA-256, an empty name, made 2025-11-27, next update 2025-12-27, two serial numbers, and a signature of zeros.
const seq = (...parts: readonly string[]): string => wrap('30', parts.join(''))
const wrap = (tag: string, content: string): string => `${tag}${(content.length / 2).toString(16).padStart(2, '0')}${content}`
const time = (text: string): string => wrap('17', Buffer.from(text).toString('hex'))
const algorithm = seq('06082a8648ce3d040302')
const revoked = seq(seq('02021001', time('251127000000Z')), seq('0201ff', time('251127000000Z')))
const list = (...rest: readonly string[]): Buffer => Buffer.from(seq(seq('020101', algorithm, seq(), time('251127000000Z'), ...rest), algorithm, '03020000'), 'hex')

test('serial numbers and the next update are read, from bytes or PEM', () => {
  const der = list(time('251227000000Z'), revoked)
  const expected = { serials: ['4097', '-1'], nextUpdate: Date.UTC(2025, 11, 27) }
  assert.deepEqual(parseRevocationList(der), expected)
  assert.deepEqual(parseRevocationList(Buffer.from(`-----BEGIN X509 CRL-----\n${der.toString('base64')}\n-----END X509 CRL-----\n`)), expected)
})

test('a list may say nothing of its next update, and name nobody', () => {
  assert.deepEqual(parseRevocationList(list(revoked)), { serials: ['4097', '-1'], nextUpdate: undefined })
  assert.deepEqual(parseRevocationList(list()), { serials: [], nextUpdate: undefined })
})

test('whatever is no list is refused, and nothing else is thrown', () => {
  const good = list(time('251227000000Z'), revoked)
  for (let length = 0; length < good.length; length += 1) assert.throws(() => parseRevocationList(good.subarray(0, length)), NotDer)
  fc.assert(fc.property(fc.integer({ min: 0, max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const altered = Buffer.from(good)
    altered.writeUInt8(good.readUInt8(at) ^ flip, at)
    try {
      parseRevocationList(altered)
    } catch (error) {
      assert.ok(error instanceof NotDer, String(error))
    }
  }))
})
