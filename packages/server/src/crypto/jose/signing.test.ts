import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importJWK, jwtVerify } from 'jose'
import { parseKeySet, verifyJws } from '../jws.ts'
import { halfHash, isSigningAlgorithm, makeSigningKey, signingAlgorithms, signJws } from './signing.ts'

for (const algorithm of signingAlgorithms) {
  test(`${algorithm}: what is signed verifies under the public half, and the private one is wiped`, async () => {
    const { pkcs8, publicJwk } = await makeSigningKey(algorithm)
    for (const part of ['d', 'p', 'q', 'k']) assert.equal(publicJwk[part], undefined)
    const token = await signJws(Buffer.from('{"sub":"x"}'), { pkcs8, kid: 'k1', algorithm })
    assert.ok(pkcs8.every((byte) => byte === 0))
    const { payload, protectedHeader } = await jwtVerify(token, await importJWK({ ...publicJwk }, algorithm))
    assert.deepEqual([payload.sub, protectedHeader], ['x', { alg: algorithm, kid: 'k1' }])
    assert.equal(Buffer.from(await verifyJws(token, parseKeySet({ keys: [{ ...publicJwk, kid: 'k1', alg: algorithm, use: 'sig' }] }), [algorithm])).toString(), '{"sub":"x"}')
    await assert.rejects(verifyJws(token, parseKeySet({ keys: [(await makeSigningKey(algorithm)).publicJwk] }), [algorithm]), { code: 'jws_signature' })
  })
}

test('a key of another kind does not sign, and is wiped all the same', async () => {
  const { pkcs8 } = await makeSigningKey('ES256')
  await assert.rejects(signJws(Buffer.from('x'), { pkcs8, kid: 'k', algorithm: 'RS256' }))
  assert.ok(pkcs8.every((byte) => byte === 0))
})

test('neither none nor an HMAC is an algorithm', () => {
  for (const each of ['none', 'HS256', 'PS256', 'rs256', '']) assert.equal(isSigningAlgorithm(each), false)
})

test('at_hash is the left half of the hash that goes with the algorithm', () => {
  // "abc" in FIPS 180-4's examples.
  const halves = { RS256: 'ba7816bf8f01cfea414140de5dae2223', ES384: 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163', EdDSA: 'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' } as const
  for (const algorithm of ['RS256', 'ES384', 'EdDSA'] as const) assert.equal(halfHash(algorithm, 'abc'), Buffer.from(halves[algorithm], 'hex').toString('base64url'))
})
