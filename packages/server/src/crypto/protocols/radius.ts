/**
 * RADIUS Access-Request by password (RFC 2865, 5.2) and the proof of its answer. MD5 is what the protocol has; what holds is HMAC-MD5 over
 * the whole message (Message-Authenticator, RFC 3579, 3.2): it is the first attribute of every request and must be in every answer, because
 * an answer without it can be forged (CVE-2024-3596).
 */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { equalBytes } from '../compare.ts'
import { reveal, type Secret } from '../secret.ts'

export type RadiusAnswer = 'accept' | 'reject' | 'challenge'

export interface RadiusRequest {
  readonly packet: Buffer
  /** What the bytes say; undefined when they are not a proved answer to this request, which is then as if nothing had come. */
  readAnswer(bytes: Buffer): RadiusAnswer | undefined
}

export interface RadiusLogin {
  readonly secret: Secret<string>
  readonly username: string
  readonly password: Secret<string>
  readonly nasPort: number
  /** Empty: none. */
  readonly nasIdentifier: string
}

const ACCESS_REQUEST = 1
const CODES: ReadonlyMap<number, RadiusAnswer> = new Map([[2, 'accept'], [3, 'reject'], [11, 'challenge']])
const [USER_NAME, USER_PASSWORD, NAS_PORT, NAS_IDENTIFIER, MESSAGE_AUTHENTICATOR] = [1, 2, 5, 32, 80]
const HEADER = 20
const MAX_PACKET = 4096
const MAX_ATTRIBUTE = 253
/** Of a password, in bytes (RFC 2865, 5.2). */
export const maxRadiusPassword = 128

const md5 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const attribute = (type: number, value: Uint8Array): Buffer => {
  if (value.length > MAX_ATTRIBUTE) throw new RangeError('An attribute holds at most 253 bytes')
  return Buffer.concat([Buffer.from([type, value.length + 2]), value])
}

const hidePassword = (password: Buffer, secret: Buffer, authenticator: Buffer): Buffer => {
  const padded = Buffer.alloc(Math.max(16, Math.ceil(password.length / 16) * 16))
  password.copy(padded)
  const hidden = Buffer.alloc(padded.length)
  let before: Buffer = authenticator
  for (let at = 0; at < padded.length; at += 16) {
    const mask = md5(secret, before)
    for (let index = 0; index < 16; index += 1) hidden[at + index] = (padded[at + index] ?? 0) ^ (mask[index] ?? 0)
    before = hidden.subarray(at, at + 16)
  }
  padded.fill(0)
  return hidden
}

/** Where the value of the one Message-Authenticator is; undefined unless the attributes are well-formed and have exactly one. */
const authenticatorAt = (packet: Buffer): number | undefined => {
  let found: number | undefined
  for (let at = HEADER; at < packet.length; ) {
    const [type, length] = [packet[at], packet[at + 1] ?? 0]
    if (length < 2 || at + length > packet.length) return undefined
    if (type === MESSAGE_AUTHENTICATOR) {
      if (found !== undefined || length !== 18) return undefined
      found = at + 2
    }
    at += length
  }
  return found
}

/** The answer's own authenticator and its Message-Authenticator, both over the request's (RFC 2865, 3; RFC 3579, 3.2). */
const isProved = (answer: Buffer, requestAuthenticator: Buffer, secret: Buffer): boolean => {
  const at = authenticatorAt(answer)
  if (at === undefined) return false
  const header = Buffer.concat([answer.subarray(0, 4), requestAuthenticator])
  const isOfServer = equalBytes(md5(header, answer.subarray(HEADER), secret), answer.subarray(4, HEADER))
  const blank = Buffer.from(answer.subarray(HEADER))
  blank.fill(0, at - HEADER, at - HEADER + 16)
  const mac = createHmac('md5', secret).update(header).update(blank).digest()
  return equalBytes(mac, answer.subarray(at, at + 16)) && isOfServer
}

/** Throws RangeError for a name of more than 253 bytes or a password of more than 128. */
export function makeRadiusRequest(login: RadiusLogin): RadiusRequest {
  const secret = Buffer.from(reveal(login.secret, 'to prove messages of RADIUS'))
  const password = Buffer.from(reveal(login.password, 'to be tried by the RADIUS server'))
  if (password.length > maxRadiusPassword) throw new RangeError('A password holds at most 128 bytes')
  const authenticator = randomBytes(16)
  const port = Buffer.alloc(4)
  port.writeUInt32BE(login.nasPort)
  const attributes = Buffer.concat([
    attribute(MESSAGE_AUTHENTICATOR, Buffer.alloc(16)),
    attribute(USER_NAME, Buffer.from(login.username)),
    attribute(USER_PASSWORD, hidePassword(password, secret, authenticator)),
    ...(login.nasIdentifier === '' ? [] : [attribute(NAS_IDENTIFIER, Buffer.from(login.nasIdentifier))]),
    attribute(NAS_PORT, port),
  ])
  password.fill(0)
  const header = Buffer.alloc(4)
  header[0] = ACCESS_REQUEST
  header[1] = randomBytes(1)[0] ?? 0
  header.writeUInt16BE(HEADER + attributes.length, 2)
  const packet = Buffer.concat([header, authenticator, attributes])
  createHmac('md5', secret).update(packet).digest().copy(packet, HEADER + 2)
  return {
    packet,
    readAnswer(bytes) {
      const length = bytes.length >= HEADER ? bytes.readUInt16BE(2) : 0
      if (length < HEADER || length > bytes.length || length > MAX_PACKET || bytes[1] !== packet[1]) return undefined
      const answer = bytes.subarray(0, length)
      return isProved(answer, authenticator, secret) ? CODES.get(answer[0] ?? 0) : undefined
    },
  }
}
