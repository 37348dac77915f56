// OpenPGP keys as they come with a request: as many as what is encrypted to them, each read and tried before anything else
// is done.

import { InvalidPgpKey, readPgpRecipient } from '../../crypto/openpgp.ts'
import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import type { Recipient } from '../../kernel/ports/seal-control.ts'

/** Base64 of `maxPgpKeyBytes`, with line ends. */
export const pgpKeyField = f.text('OpenPGP public key: base64 of the binary key', { max: 100_000 })

/** @throws invalid_request naming the field */
export const readRecipient = async (text: string, field: string): Promise<Recipient> => {
  if (/^keybase:/i.test(text)) throw fail('invalid_request', 'pgp.keybase', 'keybase: names are looked up by the client, not by the server. Send the key itself, base64 of its binary form.', { field })
  try {
    const { fingerprint, key } = await readPgpRecipient(text)
    return { fingerprint, key: key.toString('base64') }
  } catch (error) {
    if (error instanceof InvalidPgpKey) throw fail('invalid_request', 'pgp.bad_key', `${error.code === 'not_base64' ? 'error decoding given PGP key' : 'error parsing given PGP key'}: ${error.message}`, { field, cause: error })
    throw error
  }
}

export const readRecipients = async (texts: readonly string[], field: string): Promise<readonly Recipient[]> => {
  const recipients: Recipient[] = []
  for (const text of texts) recipients.push(await readRecipient(text, field))
  return recipients
}
