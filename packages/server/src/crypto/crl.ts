/** Certificate revocation lists (RFC 5280, 5): which serial numbers, and until when a list is the newest. Signatures are the caller's to trust. */
import { DER, derElements, derInside, derInteger, derTime, NotDer } from '../lib/der.ts'

export interface RevocationList {
  /** Decimal. */
  readonly serials: readonly string[]
  /** Milliseconds since the epoch; undefined: it does not say. */
  readonly nextUpdate: number | undefined
}

const isTime = (tag: number | undefined): boolean => tag === DER.UTC_TIME || tag === DER.GENERALIZED_TIME

/** Of PEM or DER. Throws NotDer. */
export function parseRevocationList(bytes: Buffer): RevocationList {
  const pem = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/.exec(bytes.toString('latin1'))
  const der = pem === null ? bytes : Buffer.from(pem[1] ?? '', 'base64')
  const [list] = [...derElements(der)]
  const [signed, , signature] = derInside(list)
  if (signature === undefined) throw new NotDer('a revocation list has a signature')
  const fields = [...derInside(signed)]
  if (fields[0]?.tag === DER.INTEGER) fields.shift()
  const [, , thisUpdate, ...rest] = fields
  if (thisUpdate === undefined || !isTime(thisUpdate.tag)) throw new NotDer('a revocation list says when it was made')
  const next = isTime(rest[0]?.tag) ? rest.shift() : undefined
  const revoked = rest[0]?.tag === DER.SEQUENCE ? derInside(rest[0]) : []
  return { serials: revoked.map((entry) => derInteger(derInside(entry)[0])), nextUpdate: next === undefined ? undefined : derTime(next) }
}
