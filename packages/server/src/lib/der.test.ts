import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DER, derElements, derInteger, derOid, derText, derTime, NotDer } from './der.ts'

const one = (hex: string) => [...derElements(Buffer.from(hex, 'hex'))][0]

test('numbers, names, texts and times are read', () => {
  assert.equal(derInteger(one('02020100')), '256')
  assert.equal(derInteger(one('0201ff')), '-1')
  assert.equal(derInteger(one('020900ffffffffffffffff')), '18446744073709551615')
  assert.equal(derOid(one('06092a864886f70d010101')), '1.2.840.113549.1.1.1')
  assert.equal(derOid(one('0603551d0e')), '2.5.29.14')
  assert.equal(derText(one('0c03616263')), 'abc')
  assert.equal(derText(one('020101')), '')
  assert.equal(derTime({ tag: DER.UTC_TIME, content: Buffer.from('491231235959Z') }), Date.UTC(2049, 11, 31, 23, 59, 59))
  assert.equal(derTime({ tag: DER.UTC_TIME, content: Buffer.from('500101000000Z') }), Date.UTC(1950, 0, 1))
  assert.equal(derTime({ tag: DER.GENERALIZED_TIME, content: Buffer.from('20500101000000Z') }), Date.UTC(2050, 0, 1))
})

test('lengths that are cut off, indefinite or too long are refused', () => {
  for (const hex of ['30', '3005', '3080', '30850000000001', '308200', '1f0100', '0484ffffffff']) assert.throws(() => one(hex), NotDer, hex)
})

test('any bytes are elements or none, and nothing else is thrown', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      for (const element of derElements(Buffer.from(bytes))) {
        derText(element)
        if (element.tag === DER.OID) derOid(element)
        if (element.tag === DER.INTEGER) derInteger(element)
      }
    } catch (error) {
      assert.ok(error instanceof NotDer, String(error))
    }
  }))
})
