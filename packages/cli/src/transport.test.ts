import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePin, pinOf } from './transport.ts'

test('a pin is the SHA-256 of a public key in base64, and nothing else', () => {
  const pin = pinOf(Buffer.from('key'))
  assert.match(pin, /^sha256\/[A-Za-z0-9+/]{43}=$/)
  assert.equal(parsePin(pin).length, 32)
  for (const wrong of ['', 'sha256/', pin.slice(0, -1), pin.replace('sha256', 'sha1'), `${pin}x`]) assert.throws(() => parsePin(wrong), { code: 'client.pin_form' })
})
