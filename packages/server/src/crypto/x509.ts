/**
 * Client certificates: what they say, and whether a chain leads to one that somebody trusts. OpenSSL has verified the chain against
 * the listener's authorities before; this finds, with signatures checked again, which certificates it passed through.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { DER, derElements, derInside, derOid, derText, NotDer } from '../lib/der.ts'

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
const ANY_USAGE = '2.5.29.37.0'
const MAX_CHAIN = 8

export class CertificateError extends Error {
  readonly code = 'bad_certificate'
}

/** Names of a certificate, as it has them. */
export interface CertificateNames {
  readonly commonName: string
  readonly organizationalUnits: readonly string[]
  readonly organizations: readonly string[]
  readonly dns: readonly string[]
  readonly emails: readonly string[]
  readonly uris: readonly string[]
}

export interface CheckedCertificate extends CertificateNames {
  /** Decimal, as Vault shows it. */
  readonly serialNumber: string
  /** SHA-256 of the whole certificate, hex. */
  readonly fingerprint: string
  /** Decimal serial numbers of its own, and of what lies between it and the authority, with that. */
  readonly chainSerials: readonly string[]
  readonly extensions: ReadonlyMap<string, CertificateExtension>
  /** Hex with colons; empty where the certificate has none (RFC 5280, 4.2.1.1 and 4.2.1.2). */
  readonly subjectKeyId: string
  readonly authorityKeyId: string
}

export interface CertificateExtension {
  /** What it holds, when that is one text; else empty. */
  readonly text: string
  /** All of its bytes. */
  readonly hex: string
}

/** Every certificate of a PEM text. Throws CertificateError for none, or for one that cannot be read. */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new CertificateError('there is no PEM-encoded certificate')
  return blocks.map(parse)
}

function parse(bytes: Uint8Array | string): X509Certificate {
  try {
    return new X509Certificate(bytes)
  } catch (cause) {
    throw new CertificateError('a certificate cannot be read', { cause })
  }
}

/** Whether it may be used to log in: it says nothing of what it is for, or that clients may use it (RFC 5280, 4.2.1.12). */
export function isForClients(certificate: X509Certificate): boolean {
  // Node calls the extended key usage so; undefined where there is none.
  const usages: readonly string[] | undefined = certificate.keyUsage
  return usages === undefined || usages.includes(CLIENT_AUTH) || usages.includes(ANY_USAGE)
}

const isValidAt = (certificate: X509Certificate, at: number): boolean => certificate.validFromDate.getTime() <= at && at <= certificate.validToDate.getTime()

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean => issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)

const same = (one: X509Certificate, other: X509Certificate): boolean => one.fingerprint256 === other.fingerprint256

/**
 * The client's certificate, when it is itself among the trusted ones, or a trusted authority issued it or one of the certificates
 * between; undefined otherwise. `chain` begins with the client's; whatever does not follow by signature is left out.
 */
export function findTrusted(chain: readonly Uint8Array[], trusted: readonly X509Certificate[], at: number): CheckedCertificate | undefined {
  const [leaf, ...others] = chain.slice(0, MAX_CHAIN).map(parse)
  if (leaf === undefined || !isValidAt(leaf, at) || !isForClients(leaf)) return undefined
  const path = [leaf]
  if (!trusted.some((anchor) => same(anchor, leaf))) {
    const authorities = trusted.filter((anchor) => anchor.ca && isValidAt(anchor, at))
    let link = leaf
    let found = authorities.find((authority) => isIssuedBy(leaf, authority))
    for (const next of others) {
      if (found !== undefined || !isIssuedBy(link, next) || !isValidAt(next, at)) break
      link = next
      path.push(next)
      found = authorities.find((authority) => same(authority, next) || isIssuedBy(next, authority))
    }
    if (found === undefined) return undefined
    path.push(found)
  }
  const extensions = extensionsOf(leaf)
  return { ...namesOf(leaf), ...keyIdsOf(extensions), extensions, chainSerials: path.map(serialOf), serialNumber: serialOf(leaf), fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase() }
}

const serialOf = (certificate: X509Certificate): string => BigInt(`0x${certificate.serialNumber}`).toString()

const EXTENSIONS = 0xa3

/** By dotted object identifier. Throws CertificateError. */
export function extensionsOf(certificate: X509Certificate): ReadonlyMap<string, CertificateExtension> {
  try {
    const [whole] = [...derElements(certificate.raw)]
    const wrapper = derInside(derInside(whole)[0]).find(({ tag }) => tag === EXTENSIONS)
    const found = wrapper === undefined ? [] : derInside(derInside(wrapper, EXTENSIONS)[0])
    return new Map(found.map((extension) => {
      const parts = derInside(extension)
      const value = parts.at(-1)
      if (value?.tag !== DER.OCTET_STRING) throw new NotDer('an extension has a value')
      return [derOid(parts[0]), { text: textIn(value.content), hex: value.content.toString('hex') }] as const
    }))
  } catch (cause) {
    throw new CertificateError('its extensions cannot be read', { cause })
  }
}

/** An extension may hold any bytes: what is no DER holds no text. */
function textIn(bytes: Buffer): string {
  try {
    return derText([...derElements(bytes)][0])
  } catch {
    return ''
  }
}

const colons = (hex: string): string => hex.replace(/(..)(?!$)/g, '$1:')
const KEY_ID = 0x80

function keyIdsOf(extensions: ReadonlyMap<string, CertificateExtension>): Pick<CheckedCertificate, 'subjectKeyId' | 'authorityKeyId'> {
  const bytes = (oid: string): Buffer => Buffer.from(extensions.get(oid)?.hex ?? '', 'hex')
  try {
    const [subject] = [...derElements(bytes('2.5.29.14'))]
    const [authority] = [...derElements(bytes('2.5.29.35'))]
    const keyId = authority === undefined ? undefined : derInside(authority).find(({ tag }) => tag === KEY_ID)
    return { subjectKeyId: colons(subject?.content.toString('hex') ?? ''), authorityKeyId: colons(keyId?.content.toString('hex') ?? '') }
  } catch (cause) {
    throw new CertificateError('its key identifiers cannot be read', { cause })
  }
}

export function namesOf(certificate: X509Certificate): CertificateNames {
  const { subject } = certificate.toLegacyObject()
  const alternatives = alternativeNames(certificate.subjectAltName ?? '')
  const of = (kind: string): readonly string[] => alternatives.filter(([each]) => each === kind).map(([, name]) => name)
  return { commonName: textsOf(subject.CN)[0] ?? '', organizationalUnits: textsOf(subject.OU), organizations: textsOf(subject.O), dns: of('DNS'), emails: of('email'), uris: of('URI') }
}

const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : [])

/** Node writes `DNS:a, URI:"b, c"`: a name that holds a comma or quote is a JSON text, so that none can pass for two. */
function alternativeNames(text: string): readonly (readonly [kind: string, name: string])[] {
  const found: (readonly [string, string])[] = []
  const entry = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/y
  while (entry.lastIndex < text.length) {
    const match = entry.exec(text)
    if (match === null) throw new CertificateError('its alternative names cannot be read')
    const [, kind = '', name = ''] = match
    found.push([kind, name.startsWith('"') ? String(JSON.parse(name)) : name])
  }
  return found
}

/** Whether a PEM text holds certificates and, when a key is given, the first of them is the key's. */
export function certificatesFit(certificates: string, key?: string): boolean {
  try {
    const [first] = parseCertificates(certificates)
    return first !== undefined && (key === undefined || first.checkPrivateKey(createPrivateKey(key)))
  } catch {
    return false
  }
}
