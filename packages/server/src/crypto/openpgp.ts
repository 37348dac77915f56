/**
 * Encryption to people's OpenPGP keys (RFC 9580), so that a share or a first token can leave the server readable by one person alone. The
 * format is the library's, loaded when it is first needed; binary messages as GnuPG and Vault's clients read them.
 */
import type * as OpenPgp from 'openpgp'

/** A public key that messages can be encrypted to. */
export interface PgpRecipient {
  /** Of the primary key: hex, lower case. */
  readonly fingerprint: string
  /** The public key alone, binary. */
  readonly key: Buffer
}

export type InvalidPgpKeyCode = 'not_base64' | 'too_long' | 'unreadable' | 'unusable'

export class InvalidPgpKey extends Error {
  readonly code: InvalidPgpKeyCode
  constructor(code: InvalidPgpKeyCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A key with a photograph and many signatures is some 40 KiB; nobody needs more. */
export const maxPgpKeyBytes: number = 64 * 1024

const load = (): Promise<typeof OpenPgp> => import('openpgp')

const decode = (text: string): Buffer => {
  const trimmed = text.trim()
  if (trimmed.length > Math.ceil(maxPgpKeyBytes / 3) * 4) throw new InvalidPgpKey('too_long', `it is longer than ${maxPgpKeyBytes} bytes`)
  const compact = trimmed.replace(/\s+/g, '')
  if (compact === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) throw new InvalidPgpKey('not_base64', 'it is not base64 of a binary key')
  return Buffer.from(compact, 'base64')
}

/** Reads base64 of a binary key and proves that something can be encrypted to it. @throws InvalidPgpKey */
export const readPgpRecipient = async (text: string): Promise<PgpRecipient> => {
  const binary = decode(text)
  const openpgp = await load()
  let key: OpenPgp.Key
  try {
    key = (await openpgp.readKey({ binaryKey: binary })).toPublic()
  } catch (cause) {
    throw new InvalidPgpKey('unreadable', 'it is not an OpenPGP key', { cause })
  }
  const recipient = { fingerprint: key.getFingerprint(), key: Buffer.from(key.write()) }
  try {
    await encryptTo(recipient, Buffer.from('trial'))
  } catch (cause) {
    // Expired, revoked, for signing only, or weaker than the library allows.
    throw new InvalidPgpKey('unusable', `nothing can be encrypted to key ${recipient.fingerprint}: it has no valid key for encryption`, { cause })
  }
  return recipient
}

/** A binary OpenPGP message that only the key's owner can read. The plaintext stays the caller's to wipe. */
export const encryptTo = async ({ key }: Pick<PgpRecipient, 'key'>, plaintext: Buffer): Promise<Buffer> => {
  const openpgp = await load()
  const message = await openpgp.createMessage({ binary: new Uint8Array(plaintext) })
  const sealed = await openpgp.encrypt({ message, encryptionKeys: await openpgp.readKey({ binaryKey: key }), format: 'binary' })
  return Buffer.from(sealed as Uint8Array) // `format: 'binary'` makes it bytes
}
