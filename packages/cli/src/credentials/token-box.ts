// Tokens at rest: `enc:` + base64(nonce ‖ ciphertext ‖ tag), AES-256-GCM under the key file's 32 bytes, 12 random bytes of
// nonce. The address that the token is for is bound in, so that an entry moved to another address does not open.
// This protects a config file that is copied alone (a backup, a dotfiles repository), not against whoever has the key too.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { CliFailure } from '../failure.ts'

const PREFIX = 'enc:'
const NONCE = 12
const TAG = 16

export const isSealed = (text: string): boolean => text.startsWith(PREFIX)

const bound = (address: string): Buffer => Buffer.from(`coffer/cli-token/1\n${address}`)

export const sealToken = (key: Uint8Array, address: string, token: string): string => {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound(address))
  const sealed = Buffer.concat([cipher.update(token, 'utf8'), cipher.final()])
  return PREFIX + Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64')
}

/** @throws CliFailure, the same whatever does not fit */
export const openToken = (key: Uint8Array, address: string, text: string): string => {
  const bytes = Buffer.from(text.slice(PREFIX.length), 'base64')
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE), { authTagLength: TAG }).setAAD(bound(address))
    decipher.setAuthTag(bytes.subarray(-TAG))
    return decipher.update(bytes.subarray(NONCE, -TAG)).toString('utf8') + decipher.final('utf8')
  } catch (error) {
    throw new CliFailure('unauthenticated', 'The stored token cannot be decrypted with the key file beside it.', 'Log in again with `coffer login`.', error)
  }
}
