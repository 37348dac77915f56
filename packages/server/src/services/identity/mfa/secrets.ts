// An entity's secret of a method: made once, shown once as an address and a picture, and from then on only compared with.

import { encode } from 'uqr'
import { randomBytes } from '../../../crypto/random.ts'
import { secret } from '../../../crypto/secret.ts'
import type { TotpMethod, TotpSecret } from '../../../kernel/ports/mfa.ts'
import { encodeBase32 } from '../../../lib/base32.ts'
import { wipe } from '../../../lib/bytes.ts'
import { renderPng } from '../../../lib/png.ts'
import type { StoredSecret } from './records.ts'

/** The address that authenticator programs read; the form is Google Authenticator's, which all of them take. */
const addressOf = (method: TotpMethod, account: string, key: Buffer): string => {
  const parameters = { algorithm: method.algorithm, digits: String(method.digits), issuer: method.issuer, period: String(method.periodSeconds), secret: encodeBase32(key) }
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
  return `otpauth://totp/${encodeURIComponent(method.issuer)}:${encodeURIComponent(account)}?${query}`
}

export const makeTotpSecret = (method: TotpMethod, account: string): { readonly stored: StoredSecret; readonly shown: TotpSecret } => {
  const key = randomBytes(method.keyBytes)
  try {
    const url = addressOf(method, account, key)
    const barcode = method.qrPixels === 0 ? undefined : secret(renderPng(encode(url, { ecc: 'M', border: 4 }).data, method.qrPixels).toString('base64'))
    const { algorithm, digits, periodSeconds } = method
    return { stored: { key: key.toString('base64'), form: { algorithm, digits, periodSeconds } }, shown: { barcode, url: secret(url) } }
  } finally {
    wipe(key)
  }
}
