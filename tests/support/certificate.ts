// A certificate authority's and a server's certificate, made for one test: X.509 v3 (RFC 5280) in DER, signed with P-256.

import { createHash, generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto'

const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(parts)
  const { length } = content
  const header = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...header]), content])
}
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))
const integer = (bytes: Buffer): Buffer => der(0x02, bytes)
const utc = (time: Date): Buffer => der(0x17, Buffer.from(`${time.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`))
/** CN=… */
const name = (text: string): Buffer => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))))
const extension = (id: string, isCritical: boolean, value: Buffer): Buffer => sequence(oid(id), ...(isCritical ? [der(0x01, Buffer.from([255]))] : []), der(0x04, value))

const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
const DAY = 86_400_000

interface Subject {
  readonly name: string
  readonly publicKey: KeyObject
  readonly extensions: readonly Buffer[]
}

const issue = (subject: Subject, issuer: string, key: KeyObject): string => {
  const now = Date.now()
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)])
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))), integer(serial), ecdsaWithSha256, name(issuer), sequence(utc(new Date(now - DAY)), utc(new Date(now + DAY))), name(subject.name),
    subject.publicKey.export({ type: 'spki', format: 'der' }), der(0xa3, sequence(...subject.extensions)),
  )
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), sign('sha256', body, key)))
  return new X509Certificate(certificate).toString()
}

export interface Certified {
  /** PEM. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

export interface ServerCertificate extends Certified {
  /** SHA-256 of the server's public key, as a pin. */
  readonly pin: string
}

/** By an authority of its own, valid for a day. */
const certify = (subject: string, extensions: readonly Buffer[]): { readonly made: Certified; readonly publicKey: KeyObject } => {
  const [ca, holder] = [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ec', { namedCurve: 'P-256' })]
  const isAuthority = extension('551d13', true, sequence(der(0x01, Buffer.from([255]))))
  const made = {
    authority: issue({ name: 'Test authority', publicKey: ca.publicKey, extensions: [isAuthority] }, 'Test authority', ca.privateKey),
    certificate: issue({ name: subject, publicKey: holder.publicKey, extensions }, 'Test authority', ca.privateKey),
    key: holder.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
  return { made, publicKey: holder.publicKey }
}

/** For 127.0.0.1. */
export const makeServerCertificate = (): ServerCertificate => {
  const forLoopback = extension('551d11', false, sequence(der(0x87, Buffer.from([127, 0, 0, 1]))))
  const { made, publicKey } = certify('Test server', [forLoopback])
  return { ...made, pin: `sha256/${createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64')}` }
}

export const makeClientCertificate = (): Certified => certify('Test client', [extension('551d13', true, sequence())]).made
