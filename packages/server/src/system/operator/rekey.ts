// sys/rekey and sys/rekey-recovery-key: new shares for old ones, in Vault's form.

import { secret, type Secret } from '../../crypto/secret.ts'
import { fail } from '../../kernel/errors.ts'
import { allOptional, f } from '../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'
import { parseShare } from '../../kernel/ports/share-text.ts'
import type { RekeyAnswer, RekeyStatus, RekeyTarget } from '../../kernel/ports/ceremonies.ts'
import { wipe } from '../../lib/bytes.ts'
import { reveal } from '../../crypto/secret.ts'
import { askingOf, open, requireRoot, type OperatorPort } from './ports.ts'
import { pgpKeyField, readRecipients } from './recipients.ts'

const MOST_SHARES = 255
const count = (describe: string) => f.int(describe, { min: 0, max: 1_000_000 })
const nonce = f.text('Nonce of the operation', { max: 128 })
const fingerprints = f.list('Fingerprints of the OpenPGP keys', f.text('Fingerprint', { max: 128 }), { max: MOST_SHARES }).nullable()
const keys = (describe: string) => f.list(describe, f.secret('Share', { max: 8192 }), { max: MOST_SHARES })
const progressOutput = { nonce, started: f.bool('Whether one is under way'), t: count('New threshold'), n: count('New shares'), progress: count('Shares given') }
const statusOutput = {
  ...progressOutput, required: count('Shares needed'), pgpFingerprints: fingerprints, backup: f.bool('Whether encrypted shares are kept'),
  verificationRequired: f.bool('Whether new shares are tried first'), verificationNonce: nonce.optional(),
}
const doneOutput = { complete: f.bool('Whether that was the last share').optional(), keys: keys('New shares, hexadecimal').optional(), keysBase64: keys('New shares, base64').optional() }
const planInput = {
  secretShares: count('New shares').default(0), secretThreshold: count('How many of them are needed').default(0), storedShares: count('Ignored').optional(),
  pgpKeys: f.list('As many OpenPGP keys as shares', pgpKeyField, { max: MOST_SHARES }).default([]), backup: f.bool('Keep the encrypted shares').default(false), requireVerification: f.bool('Change nothing until the new shares were given back').default(false),
}
const shareInput = { nonce: nonce.default(''), key: f.secret('Share, hexadecimal or base64', { max: 4096 }).optional() }

/** The contracts for one kind of share. */
const contractsFor = (target: RekeyTarget) => {
  const base = `/v1/sys/${target === 'barrier' ? 'rekey' : 'rekey-recovery-key'}`
  const named = <const Name extends string>(name: Name) => `operator.${target === 'barrier' ? 'rekey' : 'rekeyRecovery'}${name}` as const
  const of = target === 'barrier' ? 'a rekey' : 'a rekey of the recovery shares'
  return {
    status: operation({ ...open, id: named('Status'), method: 'GET', path: `${base}/init`, audit: 'operator.rekey-status', summary: `Progress of ${of}`, input: {}, output: statusOutput }),
    start: operation({ ...open, id: named('Start'), method: 'POST', path: `${base}/init`, audit: 'operator.rekey-start', summary: `Start ${of}`, input: planInput, output: statusOutput }),
    cancel: operation({ ...open, id: named('Cancel'), method: 'DELETE', path: `${base}/init`, audit: 'operator.rekey-cancel', status: 204, summary: `Give ${of} up`, input: { nonce: nonce.in('body').default('') }, output: {} }),
    share: operation({ ...open, id: named('Share'), method: 'POST', path: `${base}/update`, audit: 'operator.rekey-share', summary: `Give a present share for ${of}`, input: shareInput, output: { ...allOptional(statusOutput), ...doneOutput } }),
    verification: operation({ ...open, id: named('Verification'), method: 'GET', path: `${base}/verify`, audit: 'operator.rekey-status', summary: `Progress of the verification of ${of}`, input: {}, output: progressOutput }),
    restart: operation({ ...open, id: named('RestartVerification'), method: 'DELETE', path: `${base}/verify`, audit: 'operator.rekey-restart-verification', summary: `Start the verification of ${of} over`, input: {}, output: progressOutput }),
    verify: operation({ ...open, id: named('Verify'), method: 'POST', path: `${base}/verify`, audit: 'operator.rekey-verify', summary: `Give a new share back, for ${of}`, input: shareInput, output: { ...allOptional(progressOutput), complete: doneOutput.complete } }),
  }
}

export const rekeyContracts = Object.values(contractsFor('barrier'))
export const rekeyRecoveryContracts = Object.values(contractsFor('recovery'))

const listed = (texts: readonly string[]): readonly string[] | null => (texts.length === 0 ? null : texts)
const later = (verificationNonce: string): { readonly verificationNonce?: string } => (verificationNonce === '' ? {} : { verificationNonce })

const statusView = (status: RekeyStatus) => ({
  nonce: status.nonce, started: status.started, t: status.threshold, n: status.shares, progress: status.progress, required: status.required,
  pgpFingerprints: listed(status.fingerprints), backup: status.backup, verificationRequired: status.verify, ...later(status.verificationNonce),
})

const verificationView = (status: RekeyStatus) => {
  if (!status.started) throw fail('invalid_request', 'rekey.not_started', 'no rekey configuration found')
  return { nonce: status.verificationNonce, started: status.verificationNonce !== '', t: status.threshold, n: status.shares, progress: status.verificationProgress }
}

const doneView = ({ status, nonce: given, shares }: RekeyAnswer) => {
  const texts = (encoding: 'hex' | 'base64'): readonly Secret<string>[] => shares.map((share) => secret(share.toString(encoding)))
  try {
    return {
      nonce: given, complete: true, keys: texts('hex'), keysBase64: texts('base64'), pgpFingerprints: listed(status.fingerprints), backup: status.backup,
      verificationRequired: status.verify, ...later(status.verificationNonce),
    }
  } finally {
    shares.forEach(wipe)
  }
}

/** As Vault takes it: the text is revealed to be decoded, and the bytes cross to the supervisor, which wipes them. */
const shareOf = (key: Secret<string> | undefined): Buffer => parseShare(key === undefined ? undefined : reveal(key, 'a share on its way to the supervisor'))

export const rekeyOperations = (port: OperatorPort, target: RekeyTarget): readonly Implemented[] => {
  const { ceremonies } = port
  return implement(contractsFor(target), {
    async status(_input, call) {
      requireRoot(port, call)
      return statusView(await ceremonies.rekeyStatus(target))
    },
    async start({ secretShares, secretThreshold, pgpKeys, backup, requireVerification }, call) {
      requireRoot(port, call)
      if (backup && pgpKeys.length === 0) throw fail('invalid_request', 'rekey.backup_without_keys', 'cannot request a backup of the new keys without providing PGP keys for encryption', { field: 'pgp_keys' })
      if (pgpKeys.length > 0 && pgpKeys.length !== secretShares) throw fail('invalid_request', 'rekey.key_count', 'incorrect number of PGP keys for rekey', { field: 'pgp_keys' })
      const recipients = await readRecipients(pgpKeys, 'pgp_keys')
      return statusView(await ceremonies.startRekey(target, { shares: secretShares, threshold: secretThreshold, recipients, backup, verify: requireVerification }))
    },
    async cancel(input, call) {
      requireRoot(port, call)
      await ceremonies.cancelRekey(target, input.nonce)
      return {}
    },
    async share(input, call) {
      requireRoot(port, call)
      const answer = await ceremonies.giveRekeyShare(target, input.nonce, shareOf(input.key), askingOf(call))
      call.audit.metadata = { complete: answer.done }
      if (!answer.done) return statusView(answer.status)
      port.expectDelivery(call.requestId)
      return doneView(answer)
    },
    async verification(_input, call) {
      requireRoot(port, call)
      return verificationView(await ceremonies.rekeyStatus(target))
    },
    async restart(_input, call) {
      requireRoot(port, call)
      return verificationView(await ceremonies.restartVerification(target))
    },
    async verify(input, call) {
      requireRoot(port, call)
      const answer = await ceremonies.giveNewShare(target, input.nonce, shareOf(input.key), askingOf(call))
      call.audit.metadata = { complete: answer.done }
      return answer.done ? { nonce: answer.nonce, complete: true } : verificationView(answer.status)
    },
  })
}
