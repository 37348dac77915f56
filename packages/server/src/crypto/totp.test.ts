import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counterAt, deriveCode, type TotpAlgorithm } from './totp.ts'

// RFC 6238, appendix B; the seeds are those of its erratum 2866.
const seeds: Readonly<Record<TotpAlgorithm, string>> = { SHA1: '12345678901234567890', SHA256: '12345678901234567890123456789012', SHA512: '1234567890123456789012345678901234567890123456789012345678901234' }
const vectors: readonly (readonly [number, TotpAlgorithm, string])[] = [
  [59, 'SHA1', '94287082'], [59, 'SHA256', '46119246'], [59, 'SHA512', '90693936'], [1111111109, 'SHA1', '07081804'], [1111111109, 'SHA256', '68084774'], [1111111109, 'SHA512', '25091201'],
  [1234567890, 'SHA1', '89005924'], [20000000000, 'SHA1', '65353130'], [20000000000, 'SHA256', '77737706'], [20000000000, 'SHA512', '47863826'],
]

test('the codes of RFC 6238', () => {
  for (const [seconds, algorithm, code] of vectors) assert.equal(deriveCode(Buffer.from(seeds[algorithm]), counterAt(seconds * 1000, 30), { algorithm, digits: 8 }), code)
})

test('six digits are the last six of eight', () => {
  assert.equal(deriveCode(Buffer.from(seeds.SHA1), counterAt(59_000, 30), { algorithm: 'SHA1', digits: 6 }), '287082')
})
