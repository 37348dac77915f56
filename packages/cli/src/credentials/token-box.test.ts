import assert from 'node:assert/strict'
import { createDecipheriv, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { isSealed, openToken, sealToken } from './token-box.ts'

const address = 'https://coffer.example:8200'

test('a token comes back whole, and no two entries are alike', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (token) => {
      const key = randomBytes(32)
      const [one, other] = [sealToken(key, address, token), sealToken(key, address, token)]
      assert.ok(isSealed(one))
      assert.notEqual(one, other)
      assert.equal(openToken(key, address, one), token.toWellFormed())
    }),
  )
})

test('the layout is base64 of nonce, ciphertext and tag, with the address bound in', () => {
  const key = Buffer.alloc(32, 7)
  const bytes = Buffer.from(sealToken(key, address, 'hvs.token').slice('enc:'.length), 'base64')
  assert.equal(bytes.length, 12 + 'hvs.token'.length + 16)
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(Buffer.from(`coffer/cli-token/1\n${address}`))
  decipher.setAuthTag(bytes.subarray(-16))
  assert.equal(decipher.update(bytes.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8'), 'hvs.token')
})

test('another key, another address and any changed bit are one and the same failure', () => {
  const key = randomBytes(32)
  const sealed = sealToken(key, address, 'hvs.token')
  const bytes = Buffer.from(sealed.slice(4), 'base64')
  const spoiled = [...bytes.keys()].map((at) => {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] ?? 0) ^ 1
    return `enc:${copy.toString('base64')}`
  })
  const attempts = [() => openToken(randomBytes(32), address, sealed), () => openToken(key, 'https://other.example', sealed), () => openToken(key, address, 'enc:'), () => openToken(key, address, 'enc:AAAA'), ...spoiled.map((text) => () => openToken(key, address, text))]
  for (const attempt of attempts) assert.throws(attempt, { kind: 'unauthenticated', message: 'The stored token cannot be decrypted with the key file beside it.' })
})
