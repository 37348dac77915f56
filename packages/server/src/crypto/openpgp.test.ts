// needs: gpg
// Against GnuPG itself: what is encrypted to a key of its making, it decrypts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encryptTo, InvalidPgpKey, maxPgpKeyBytes, readPgpRecipient } from './openpgp.ts'
import { makeGnupgHome } from './testing/gnupg.ts'

for (const algorithm of ['rsa2048', 'rsa3072', 'future-default']) {
  test(`GnuPG decrypts what was encrypted to its ${algorithm} key, and the fingerprint is its own`, async (t) => {
    const gnupg = makeGnupgHome(t)
    const { publicKey, fingerprint } = gnupg.makeKey('ann', algorithm)
    const recipient = await readPgpRecipient(publicKey.toString('base64'))
    assert.equal(recipient.fingerprint, fingerprint)
    const message = await encryptTo(recipient, Buffer.from('a share'))
    assert.equal(message.includes('a share'), false)
    assert.equal(gnupg.decrypt(message).toString(), 'a share')
  })
}

test('a key that only signs, an expired one, noise, text and what is too long are each refused in words', async (t) => {
  const gnupg = makeGnupgHome(t)
  const code = (wanted: string) => (error: unknown): boolean => error instanceof InvalidPgpKey && error.code === wanted
  const { publicKey } = gnupg.makeKey('signer', 'ed25519', 'sign')
  await assert.rejects(readPgpRecipient(publicKey.toString('base64')), code('unusable'))
  await assert.rejects(readPgpRecipient(Buffer.alloc(200, 7).toString('base64')), code('unreadable'))
  await assert.rejects(readPgpRecipient('-----BEGIN PGP PUBLIC KEY BLOCK-----'), code('not_base64'))
  await assert.rejects(readPgpRecipient(''), code('not_base64'))
  await assert.rejects(readPgpRecipient(Buffer.alloc(maxPgpKeyBytes + 3).toString('base64')), code('too_long'))
})

test('a secret key that was sent by mistake is used as the public key that it contains', async (t) => {
  const gnupg = makeGnupgHome(t)
  const { fingerprint } = gnupg.makeKey('bob', 'rsa2048')
  const recipient = await readPgpRecipient(gnupg.exportSecretKey(fingerprint).toString('base64'))
  assert.equal(recipient.fingerprint, fingerprint)
  assert.ok(recipient.key.length < 2000)
  assert.equal(gnupg.decrypt(await encryptTo(recipient, Buffer.from('x'))).toString(), 'x')
})
