// How shares and tokens leave when each is for one person's eyes: encrypted to that person's OpenPGP key, as Vault's
// clients expect it.

import { encryptTo } from '../../crypto/openpgp.ts'
import type { Recipient } from '../../kernel/ports/seal-control.ts'
import { wipe } from '../../lib/bytes.ts'

/** As Vault does it: what is encrypted is the share's hexadecimal text, so that a person can paste what GnuPG prints. Raw copies without recipients. */
export const coverShares = async (shares: readonly Buffer[], recipients: readonly Recipient[]): Promise<Buffer[]> => {
  if (recipients.length === 0) return shares.map((share) => Buffer.from(share))
  const covered: Buffer[] = []
  for (const [index, share] of shares.entries()) {
    const text = Buffer.from(share.toString('hex'))
    covered.push(await encryptTo({ key: Buffer.from(recipients[index]?.key ?? '', 'base64') }, text))
    wipe(text)
  }
  return covered
}

/** Base64 of the encrypted token, or the token itself without a recipient. */
export const coverToken = async (token: string, recipient: Recipient | undefined): Promise<string> => {
  if (recipient === undefined) return token
  return (await encryptTo({ key: Buffer.from(recipient.key, 'base64') }, Buffer.from(token))).toString('base64')
}
