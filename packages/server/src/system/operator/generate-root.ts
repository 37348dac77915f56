// sys/generate-root: a root token for a threshold of shares. It leaves under a one-time pad, byte by byte XOR and then
// base64 without padding, or encrypted to an OpenPGP key, as the clients of Vault decode it.

import { encryptTo } from '../../crypto/openpgp.ts'
import { makeBase62Text } from '../../crypto/random.ts'
import { reveal, secret, type Secret } from '../../crypto/secret.ts'
import { serviceTokenLength } from '../../crypto/token-format.ts'
import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'
import type { RootCover, RootStatus } from '../../kernel/ports/ceremonies.ts'
import { parseShare } from '../../kernel/ports/share-text.ts'
import { open, requireRoot, type OperatorPort } from './ports.ts'
import { pgpKeyField, readRecipient } from './recipients.ts'

const count = (describe: string) => f.int(describe, { min: 0, max: 1_000_000 })
const nonce = f.text('Nonce of the operation', { max: 128 })
const otp = f.secret('One-time pad, as long as a token', { max: 512 })
const output = {
  nonce, started: f.bool('Whether one is under way'), progress: count('Shares given'), required: count('Shares needed'), complete: f.bool('Whether that was the last share'),
  encodedToken: f.secret('The token under its cover', { max: 16_384 }), encodedRootToken: f.secret('The same', { max: 16_384 }), pgpFingerprint: f.text('Fingerprint of the OpenPGP key', { max: 128 }),
  otp, otpLength: count('Length of a one-time pad'),
}

export const rootTokenContracts = {
  status: operation({ ...open, id: 'operator.rootStatus', method: 'GET', path: '/v1/sys/generate-root/attempt', audit: 'operator.generate-root-status', summary: 'Progress of making a root token', input: {}, output }),
  start: operation({ ...open, id: 'operator.rootStart', method: 'POST', path: '/v1/sys/generate-root/attempt', audit: 'operator.generate-root-start', summary: 'Start making a root token', input: { otp: otp.optional(), pgpKey: pgpKeyField.optional() }, output }),
  cancel: operation({ ...open, id: 'operator.rootCancel', method: 'DELETE', path: '/v1/sys/generate-root/attempt', audit: 'operator.generate-root-cancel', status: 204, summary: 'Give it up', input: {}, output: {} }),
  share: operation({ ...open, id: 'operator.rootShare', method: 'POST', path: '/v1/sys/generate-root/update', audit: 'operator.generate-root-share', summary: 'Give a share for a root token', input: { nonce: nonce.default(''), key: f.secret('Share, hexadecimal or base64', { max: 4096 }).optional() }, output }),
  decode: operation({ ...open, id: 'operator.decodeToken', method: 'POST', path: '/v1/sys/decode-token', audit: 'operator.decode-token', summary: 'Take the one-time pad off a token', input: { encodedToken: f.secret('The token under its one-time pad', { max: 1024 }), otp }, output: { token: f.secret('The token', { max: 1024 }) } }),
}

const nothing = secret('')

const view = (status: RootStatus, more: { readonly complete?: boolean; readonly token?: Secret<string>; readonly otp?: Secret<string> } = {}) => ({
  nonce: status.nonce, started: status.started, progress: status.progress, required: status.required, complete: more.complete ?? false,
  encodedToken: more.token ?? nothing, encodedRootToken: more.token ?? nothing, pgpFingerprint: status.fingerprint, otp: more.otp ?? nothing, otpLength: serviceTokenLength,
})

/** @throws when the two differ in length */
const xor = (one: Buffer, other: Buffer): Buffer => {
  if (one.length !== other.length) throw fail('invalid_request', 'root.otp_length', `length of byte slices is not equivalent: ${one.length} != ${other.length}`, { field: 'otp' })
  return Buffer.from(one.map((byte, at) => byte ^ (other[at] ?? 0)))
}

const covered = async (token: Secret<string>, cover: RootCover): Promise<Secret<string>> => {
  const bytes = Buffer.from(reveal(token, 'a new root token, to be covered for its owner'))
  if ('otp' in cover) return secret(xor(Buffer.from(cover.otp), bytes).toString('base64').replace(/=+$/, ''))
  return secret((await encryptTo({ key: Buffer.from(cover.recipient.key, 'base64') }, bytes)).toString('base64'))
}

export const generateRootOperations = (port: OperatorPort): readonly Implemented[] => {
  const { ceremonies } = port
  return implement(rootTokenContracts, {
    async status(_input, call) {
      requireRoot(port, call)
      return view(await ceremonies.rootStatus())
    },
    async start(input, call) {
      requireRoot(port, call)
      const given = input.otp === undefined ? '' : reveal(input.otp, 'a one-time pad, for the supervisor to keep')
      if (given !== '') {
        if (Buffer.byteLength(given) !== serviceTokenLength) throw fail('invalid_request', 'root.otp_length', `OTP string is wrong length: it must be ${serviceTokenLength} bytes`, { field: 'otp' })
        return view(await ceremonies.startRoot({ otp: given }))
      }
      if (input.pgpKey !== undefined && input.pgpKey !== '') return view(await ceremonies.startRoot({ recipient: await readRecipient(input.pgpKey, 'pgp_key') }))
      const made = makeBase62Text(serviceTokenLength)
      return view(await ceremonies.startRoot({ otp: made }), { otp: secret(made) })
    },
    async cancel(_input, call) {
      requireRoot(port, call)
      await ceremonies.cancelRoot()
      return {}
    },
    async share(input, call) {
      requireRoot(port, call)
      const share = parseShare(input.key === undefined ? undefined : reveal(input.key, 'a share on its way to the supervisor'))
      const { status, cover } = await ceremonies.giveRootShare(input.nonce, share)
      call.audit.metadata = { complete: cover !== undefined }
      if (cover === undefined) return view(status)
      return view(status, { complete: true, token: await covered(await port.issueRootToken(call), cover) })
    },
    async decode(input, call) {
      requireRoot(port, call)
      const encoded = Buffer.from(reveal(input.encodedToken, 'to be decoded for whoever has its pad'), 'base64')
      return { token: secret(xor(encoded, Buffer.from(reveal(input.otp, 'the pad of a token'))).toString()) }
    },
  })
}
