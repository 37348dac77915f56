import assert from 'node:assert/strict'
import { constants, createHmac, generateKeyPairSync, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { CompactSign } from 'jose'
import { jwsAlgorithms, JwsError, parseKeySet, parsePublicKeyPem, readJwsHeader, verifyJws, type JwsKey } from './jws.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const keyOf = (key: KeyObject, kid?: string, alg?: string): JwsKey => ({ kid, alg, key })
const code = (expected: string) => (error: unknown): boolean => error instanceof JwsError && error.code === expected

// RFC 7515, appendix A.3: the key and the signature of the specification itself.
const A3_KEY = { kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' }
const A3 = 'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q'

test('the example of RFC 7515 A.3 verifies, and not when a character of it changes', async () => {
  const keys = parseKeySet({ keys: [A3_KEY] })
  assert.match(text(await verifyJws(A3, keys, ['ES256'])), /"iss":"joe"/)
  await assert.rejects(verifyJws(A3.replace('DtEh', 'DtEi'), keys, ['ES256']), code('jws_signature'))
  await assert.rejects(verifyJws(A3.replace('joe', 'JOE').replace('eyJpc3Mi', 'eyJpc3Mj'), keys, ['ES256']), code('jws_signature'))
})

test('every algorithm of the list signs and verifies, each with its own kind of key only', async () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pairs: Readonly<Record<string, { readonly publicKey: KeyObject; readonly privateKey: KeyObject }>> = {
    ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }), ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }), ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }), EdDSA: generateKeyPairSync('ed25519'),
  }
  for (const alg of jwsAlgorithms) {
    const pair = pairs[alg] ?? rsa
    const token = await new CompactSign(Buffer.from('payload')).setProtectedHeader({ alg }).sign(pair.privateKey)
    const every = [rsa.publicKey, ...Object.values(pairs).map(({ publicKey }) => publicKey)].map((key) => keyOf(key))
    assert.equal(text(await verifyJws(token, every, jwsAlgorithms)), 'payload')
    const [head, body, signature = ''] = token.split('.')
    const altered = Buffer.from(signature, 'base64url')
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
    for (const wrong of [altered, altered.subarray(1), Buffer.alloc(altered.length), Buffer.concat([altered, Buffer.of(0)])]) await assert.rejects(verifyJws(`${head}.${body}.${wrong.toString('base64url')}`, every, jwsAlgorithms), code('jws_signature'))
    for (const odd of [`${token}=`, `${head}.${body}.`, `${head}.${Buffer.from('Payload').toString('base64url')}.${signature}`]) await assert.rejects(verifyJws(odd, every, jwsAlgorithms), code('jws_signature'))
    await assert.rejects(verifyJws(token, every.filter(({ key }) => key !== pair.publicKey), jwsAlgorithms), code('jws_unknown_key'))
    await assert.rejects(verifyJws(token, every, jwsAlgorithms.filter((each) => each !== alg)), code('jws_algorithm'))
  }
})

test('no HMAC and no `none`, whatever the keys', async () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const head = Buffer.from('{"alg":"HS256"}').toString('base64url')
  const body = Buffer.from('{}').toString('base64url')
  const confused = `${head}.${body}.${createHmac('sha256', pem).update(`${head}.${body}`).digest('base64url')}`
  await assert.rejects(verifyJws(confused, [keyOf(publicKey)], jwsAlgorithms), code('jws_algorithm'))
  await assert.rejects(verifyJws(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`, [keyOf(publicKey)], jwsAlgorithms), code('jws_algorithm'))
})

test('a key id that is named chooses among the keys; keys for another algorithm are not tried', async () => {
  const [one, other] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
  const token = await new CompactSign(Buffer.from('x')).setProtectedHeader({ alg: 'EdDSA', kid: 'one' }).sign(one.privateKey)
  assert.equal(text(await verifyJws(token, [keyOf(other.publicKey, 'other'), keyOf(one.publicKey, 'one')], ['EdDSA'])), 'x')
  assert.equal(text(await verifyJws(token, [keyOf(one.publicKey)], ['EdDSA'])), 'x')
  await assert.rejects(verifyJws(token, [keyOf(one.publicKey, 'other')], ['EdDSA']), code('jws_unknown_key'))
  await assert.rejects(verifyJws(token, [keyOf(one.publicKey, 'one', 'RS256')], ['EdDSA']), code('jws_unknown_key'))
  await assert.rejects(verifyJws(token, [keyOf(other.publicKey, 'one')], ['EdDSA']), code('jws_signature'))
})

test('short RSA keys and unknown critical headers are refused', async () => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const head = Buffer.from('{"alg":"RS256"}').toString('base64url')
  const body = Buffer.from('{}').toString('base64url')
  const token = `${head}.${body}.${sign('sha256', Buffer.from(`${head}.${body}`), short.privateKey).toString('base64url')}`
  await assert.rejects(verifyJws(token, [keyOf(short.publicKey)], ['RS256']), code('jws_signature'))
  const pair = generateKeyPairSync('ed25519')
  const critical = Buffer.from('{"alg":"EdDSA","crit":["odd"],"odd":1}').toString('base64url')
  const signed = `${critical}.${body}.${sign(null, Buffer.from(`${critical}.${body}`), pair.privateKey).toString('base64url')}`
  await assert.rejects(verifyJws(signed, [keyOf(pair.publicKey)], ['EdDSA']), code('jws_signature'))
  // RFC 7797: the payload would not be what it seems.
  const raw = Buffer.from('{"alg":"EdDSA","b64":false}').toString('base64url')
  await assert.rejects(verifyJws(`${raw}.${body}.${sign(null, Buffer.from(`${raw}.${body}`), pair.privateKey).toString('base64url')}`, [keyOf(pair.publicKey)], ['EdDSA']), code('jws_signature'))
})

test('a key set gives its signing keys and leaves the rest out', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' })
  const keys = parseKeySet({ keys: [{ ...jwk, kid: 'a', use: 'sig' }, { ...jwk, use: 'enc' }, { kty: 'oct', k: 'AAAA' }, privateKey.export({ format: 'jwk' }), { kty: 'EC', crv: 'P-999' }, null, 'x', { ...jwk, kid: 3 }] })
  assert.deepEqual(keys.map(({ kid }) => kid), ['a', undefined])
  for (const odd of [null, 3, {}, { keys: {} }, []]) assert.throws(() => parseKeySet(odd), code('jws_bad_key'))
})

test('PEM: public keys, not private ones, and no noise', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  assert.ok(parsePublicKeyPem(pem).key.equals(createPublicKey(pem)))
  assert.throws(() => parsePublicKeyPem(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()), code('jws_bad_key'))
  assert.throws(() => parsePublicKeyPem('noise'), code('jws_bad_key'))
})

test('what is no compact JWS is malformed', () => {
  for (const odd of ['', 'a', 'a.b', 'a.b.c', 'a.b.c.d', `${Buffer.from('{}').toString('base64url')}.a.b`, `${Buffer.from('[]').toString('base64url')}.a.b`, 'x'.repeat(70_000)]) assert.throws(() => readJwsHeader(odd), code('jws_malformed'))
})

test('ECDSA signatures are judged as the runtime judges them in their own form, whatever their numbers are', async () => {
  const curves = { ES256: ['P-256', 32], ES384: ['P-384', 48], ES512: ['P-521', 66] } as const
  for (const alg of ['ES256', 'ES384', 'ES512'] as const) {
    const [namedCurve, bytes] = curves[alg]
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve })
    const signed = `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.${Buffer.from('{}').toString('base64url')}`
    const own = (signature: Buffer): boolean => verify(`sha${alg.slice(2)}`, Buffer.from(signed), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)
    const ours = (signature: Buffer): Promise<boolean> => verifyJws(`${signed}.${signature.toString('base64url')}`, [keyOf(publicKey)], [alg]).then(() => true, () => false)
    const made = Array.from({ length: 200 }, () => sign(`sha${alg.slice(2)}`, Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' }))
    // One in 128 has a number that begins with a zero byte; half have one whose first bit is set.
    for (const signature of made) assert.equal(await ours(signature), true)
    const [first = Buffer.alloc(0)] = made
    const number = (fill: number): Buffer => Buffer.alloc(bytes, fill)
    const [r, s] = [first.subarray(0, bytes), first.subarray(bytes)]
    const odd = [[number(0), s], [r, number(0)], [number(0xff), s], [r, number(0xff)], [s, r], [number(0), number(0)], [Buffer.concat([Buffer.of(0), r]), s], [r.subarray(1), s], [r, Buffer.alloc(0)]]
    for (const parts of odd) {
      const signature = Buffer.concat(parts)
      assert.equal(await ours(signature), false)
      if (signature.length === 2 * bytes) assert.equal(own(signature), false)
    }
    // Not in this form: the standard has it only as two numbers.
    assert.equal(await ours(sign(`sha${alg.slice(2)}`, Buffer.from(signed), privateKey)), false)
  }
})

test('a number that begins with zeros is the same number', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signed = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.e30`
  let found = 0
  for (let tries = 0; tries < 20_000 && found < 3; tries += 1) {
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    if (signature[0] !== 0 && signature[32] !== 0) continue
    found += 1
    await verifyJws(`${signed}.${signature.toString('base64url')}`, [keyOf(publicKey)], ['ES256'])
  }
  assert.equal(found, 3)
})

test('RSA signatures of one padding are none of the other', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const paddings = { RS256: { padding: constants.RSA_PKCS1_PADDING }, PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } } as const
  for (const alg of ['RS256', 'PS256'] as const) {
    const signed = `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.e30`
    for (const made of ['RS256', 'PS256'] as const) {
      const token = `${signed}.${sign('sha256', Buffer.from(signed), { key: privateKey, ...paddings[made] }).toString('base64url')}`
      if (made === alg) await verifyJws(token, [keyOf(publicKey)], jwsAlgorithms)
      else await assert.rejects(verifyJws(token, [keyOf(publicKey)], jwsAlgorithms), code('jws_signature'))
    }
  }
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
  await assert.rejects(verifyJws(`${Buffer.from('{"alg":"RS256"}').toString('base64url')}.e30.AAAA`, [keyOf(pss.publicKey)], jwsAlgorithms), code('jws_unknown_key'))
})
