import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeBase32 } from './base32.ts'

test('the vectors of RFC 4648, without padding', () => {
  const vectors: readonly (readonly [string, string])[] = [['', ''], ['f', 'MY'], ['fo', 'MZXQ'], ['foo', 'MZXW6'], ['foob', 'MZXW6YQ'], ['fooba', 'MZXW6YTB'], ['foobar', 'MZXW6YTBOI']]
  for (const [text, encoded] of vectors) assert.equal(encodeBase32(Buffer.from(text)), encoded)
})
