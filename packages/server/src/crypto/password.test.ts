import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashPassword, passwordNeedsRehash, PasswordTooLong, verifyPassword } from './password.ts'
import vectors from './vectors/argon2id.json' with { type: 'json' }

test('hashes of the reference implementation verify, and no other password does', async () => {
  for (const v of vectors) {
    assert.equal(await verifyPassword(v.password, v.phc), true, v.phc)
    assert.equal(await verifyPassword(`${v.password}x`, v.phc), false, v.phc)
  }
})

test('a hash is a PHC string with the parameters of today', async () => {
  const phc = await hashPassword('correct horse')
  assert.match(phc, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.equal(passwordNeedsRehash(phc), false)
  assert.equal(await verifyPassword('correct horse', phc), true)
  for (const wrong of ['', 'correct horsf', 'Correct horse', 'correct horse ', 'correct hors']) {
    assert.equal(await verifyPassword(wrong, phc), false, wrong)
  }
})

test('the same password hashes differently each time', async () => {
  assert.notEqual(await hashPassword('x'), await hashPassword('x'))
})

test('the empty password and any Unicode are passwords', async () => {
  for (const password of ['', '\0', 'пароль😀', 'a'.repeat(4096)]) {
    assert.equal(await verifyPassword(password, await hashPassword(password)), true)
  }
})

test('a password typed composed or decomposed is the same', async () => {
  assert.equal(await verifyPassword('caf\u0065\u0301', await hashPassword('caf\u00e9')), true)
})

test('an unknown user is answered no, whatever the password', async () => {
  for (const password of ['', 'x', '\0'.repeat(32)]) assert.equal(await verifyPassword(password, undefined), false)
})

test('a stored string that is not a hash we take is answered no, without doing what it orders', async () => {
  const [good = ''] = vectors.map((v) => v.phc)
  const hostile = [
    '', 'password', '$2b$10$abcdefghijklmnopqrstuv', good.replace('argon2id', 'argon2i'), good.replace('v=19', 'v=16'),
    good.replace('m=256', 'm=4294967295'), good.replace('m=256', 'm=9999999'), good.replace('t=2', 't=999'), good.replace('t=2', 't=0'),
    good.replace('p=1', 'p=255'), good.replace('p=1', 'p=0'), good.replace('m=256', 'm=7'), `${good}\n`, `${good}$`, good.slice(0, -30),
    good.replace('m=256,t=2', 't=2,m=256'), good.replace('m=256', 'm=-256'),
  ]
  for (const stored of hostile) {
    assert.equal(await verifyPassword('password', stored), false, stored)
    assert.equal(passwordNeedsRehash(stored), true, stored)
  }
})

/** Correct for `password` and salt `somesalt`, each just beyond one ceiling (made with another implementation of Argon2). */
const BEYOND = [
  '$argon2id$v=19$m=262145,t=1,p=1$c29tZXNhbHQ$urfyQlFJUNxBdmyHN20KQMcqk00IkaapYT3M67QRTN8',
  '$argon2id$v=19$m=8,t=17,p=1$c29tZXNhbHQ$G6rvKVLhLdZ2MMQQD2nbZUU5h8Xuxwrjv+fxC9oYvII',
  '$argon2id$v=19$m=136,t=1,p=17$c29tZXNhbHQ$Z7ZZFjMjgzzUscnUDAFsryAar23flfgC5MM8Fd+tGtk',
]

test('even a right hash is refused when verifying it would cost beyond the ceilings', async () => {
  for (const stored of BEYOND) assert.equal(await verifyPassword('password', stored), false, stored)
})

test('a tag with one character changed does not verify', async () => {
  const [good = ''] = vectors.map((v) => v.phc)
  const start = good.lastIndexOf('$') + 1
  for (const at of [start, start + 20, good.length - 2]) {
    const bad = good.slice(0, at) + (good[at] === 'A' ? 'B' : 'A') + good.slice(at + 1)
    assert.equal(await verifyPassword('password', bad), false, String(at))
  }
})

test('an old hash still verifies and asks to be replaced', () => {
  for (const v of vectors) assert.equal(passwordNeedsRehash(v.phc), true)
})

test('a password beyond 4096 bytes is refused when set and wrong when tried', async () => {
  const stored = vectors[0]?.phc
  for (const long of ['a'.repeat(4097), 'é'.repeat(2049)]) {
    await assert.rejects(hashPassword(long), (error: unknown) => error instanceof PasswordTooLong && error.code === 'password_too_long')
    assert.equal(await verifyPassword(long, stored), false)
  }
})

test('a flood is refused at the door and leaves the rest to be answered', async () => {
  const stored = vectors[0]?.phc ?? ''
  const outcomes = await Promise.allSettled(Array.from({ length: 400 }, () => verifyPassword('password', stored)))
  const refused = outcomes.filter((o) => o.status === 'rejected')
  assert.ok(refused.length > 0 && refused.length < 400)
  assert.ok(refused.every((o) => (o.reason as { code?: string }).code === 'queue_full'))
  assert.ok(outcomes.every((o) => o.status === 'rejected' || o.value))
  assert.equal(await verifyPassword('password', stored), true)
})
