import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeRadiusRequest } from './radius.ts'
import { secret } from '../secret.ts'

const SECRET = 'xyzzy5461'
const request = (password = 'arctangent') => makeRadiusRequest({ secret: secret(SECRET), username: 'nemo', password: secret(password), nasPort: 3, nasIdentifier: 'coffer' })

/** What the server does: RFC 2865, 5.2, backwards. */
const shownPassword = (packet: Buffer): string => {
  let at = 20
  while (packet[at] !== 2) at += packet[at + 1] ?? 2
  const hidden = packet.subarray(at + 2, at + (packet[at + 1] ?? 0))
  let before = packet.subarray(4, 20)
  const parts: Buffer[] = []
  for (let block = 0; block < hidden.length; block += 16) {
    const mask = createHash('md5').update(SECRET).update(before).digest()
    before = hidden.subarray(block, block + 16)
    parts.push(Buffer.from(before.map((byte, index) => byte ^ (mask[index] ?? 0))))
  }
  return Buffer.concat(parts).toString().replace(/\0+$/, '')
}

const answerTo = (packet: Buffer, code: number, options: { readonly attributes?: Buffer; readonly authenticator?: boolean; readonly key?: string; readonly twice?: boolean } = {}): Buffer => {
  const { attributes = Buffer.alloc(0), authenticator = true, key = SECRET, twice = false } = options
  const blank = Buffer.concat([Buffer.from([80, 18]), Buffer.alloc(16)])
  const all = Buffer.concat([...(authenticator ? [blank] : []), ...(twice ? [blank] : []), attributes])
  const header = Buffer.from([code, packet[1] ?? 0, 0, 0])
  header.writeUInt16BE(20 + all.length, 2)
  if (authenticator) createHmac('md5', key).update(header).update(packet.subarray(4, 20)).update(all).digest().copy(all, 2)
  const own = createHash('md5').update(header).update(packet.subarray(4, 20)).update(all).update(key).digest()
  return Buffer.concat([header, own, all])
}

test('a request begins with a Message-Authenticator over all of it, and hides the password', () => {
  for (const password of ['arctangent', 'x', 'exactly 16 bytes', 'y'.repeat(128), 'ünïcode']) {
    const { packet } = request(password)
    assert.deepEqual([packet[0], packet.readUInt16BE(2), packet[20], packet[21]], [1, packet.length, 80, 18])
    const blank = Buffer.from(packet)
    blank.fill(0, 22, 38)
    assert.deepEqual(createHmac('md5', SECRET).update(blank).digest(), packet.subarray(22, 38))
    assert.equal(shownPassword(packet), password)
    assert.ok(password.length < 2 || !packet.includes(password))
  }
  assert.throws(() => request('z'.repeat(129)), RangeError)
})

test('an answer counts when both proofs are right', () => {
  const one = request()
  for (const [code, said] of [[2, 'accept'], [3, 'reject'], [11, 'challenge'], [5, undefined]] as const) assert.equal(one.readAnswer(answerTo(one.packet, code)), said)
  assert.equal(one.readAnswer(answerTo(one.packet, 2, { attributes: Buffer.from([18, 4, 104, 105]) })), 'accept')
  assert.equal(one.readAnswer(Buffer.concat([answerTo(one.packet, 2), Buffer.from('padding')])), 'accept', 'what is behind the length is padding')
})

test('an answer without Message-Authenticator, with two, of another secret or to another request does not', () => {
  const [one, other] = [request(), request()]
  const reject = answerTo(one.packet, 3)
  const turned = Buffer.from(reject)
  turned[0] = 2
  const wrong = [answerTo(one.packet, 2, { authenticator: false }), answerTo(one.packet, 2, { twice: true }), answerTo(one.packet, 2, { key: 'other' }), answerTo(other.packet, 2), turned, answerTo(one.packet, 2).subarray(0, 30), answerTo(one.packet, 2, { attributes: Buffer.from([18, 1]) }), answerTo(one.packet, 2, { attributes: Buffer.from([18, 50, 1]) }), Buffer.alloc(0)]
  for (const bytes of wrong) assert.equal(one.readAnswer(bytes), undefined, bytes.toString('hex'))
})

test('no byte of an answer can be changed, and nothing makes the reader fail', () => {
  const one = request()
  const good = answerTo(one.packet, 2)
  for (let at = 0; at < good.length; at += 1) {
    const changed = Buffer.from(good)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.equal(one.readAnswer(changed), undefined, `byte ${at}`)
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => one.readAnswer(Buffer.from(bytes)) === undefined))
})
