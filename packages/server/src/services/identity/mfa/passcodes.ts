// Whether a passcode is the one of now. Each works once, and only so many may be tried in a period; both hold across workers,
// because they are one compare-and-swap on the entity's entry.

import { equalText } from '../../../crypto/compare.ts'
import { counterAt, deriveCode } from '../../../crypto/totp.ts'
import type { TotpMethod } from '../../../kernel/ports/mfa.ts'
import { isCofferError } from '../../../kernel/errors.ts'
import { asJson, secretKey, usesKey, type CodeForm, type MfaStore, type StoredSecret, type Uses } from './records.ts'

/** Why a passcode is not taken, in words that clients show. */
export type PasscodeVerdict = { readonly good: true } | { readonly good: false; readonly why: string }

const bad = (why: string): PasscodeVerdict => ({ good: false, why })

const NOT_VALID = 'failed to validate TOTP passcode'

interface OpenSecret {
  readonly key: Buffer
  readonly form: CodeForm
}

/** The stretch of time whose code this is; undefined: none that counts. Every candidate is compared, whichever fits. */
const matching = (method: TotpMethod, { key, form }: OpenSecret, passcode: string, now: number): number | undefined => {
  const current = counterAt(now, form.periodSeconds)
  let found: number | undefined
  for (let counter = current - method.skew; counter <= current + method.skew; counter++) if (equalText(deriveCode(key, counter, form), passcode)) found = counter
  return found
}

interface Judged {
  readonly verdict: PasscodeVerdict
  readonly uses: Uses
}

const judge = (method: TotpMethod, secret: OpenSecret, passcode: string, before: Uses, now: number): Judged => {
  const isOver = now - before.since >= method.periodSeconds * 1000
  const uses = isOver ? { ...before, failures: 0, since: now } : before
  if (uses.failures >= method.maxAttempts) return { verdict: bad(`maximum TOTP validation attempts ${uses.failures + 1} exceeded the allowed attempts ${method.maxAttempts}. Please try again in ${Math.ceil((uses.since + method.periodSeconds * 1000 - now) / 1000)} seconds`), uses }
  const counter = matching(method, secret, passcode, now)
  if (counter === undefined) return { verdict: bad(NOT_VALID), uses: { ...uses, failures: uses.failures + 1 } }
  if (counter <= uses.lastCounter) return { verdict: bad(`code already used; new code is available in ${secret.form.periodSeconds} seconds`), uses: { ...uses, failures: uses.failures + 1 } }
  return { verdict: { good: true }, uses: { lastCounter: counter, failures: 0, since: uses.since } }
}

const TRIES = 5

export const checkPasscode = async (store: MfaStore, method: TotpMethod, entityId: string, passcode: string, now: number): Promise<PasscodeVerdict> => {
  const found = await store.get(secretKey(method.id, entityId))
  if (found === undefined) return bad(NOT_VALID)
  const { key: text, form = method } = found.value as unknown as StoredSecret // put in by this folder
  const key = Buffer.from(text, 'base64')
  try {
    for (let attempt = 1; ; attempt++) {
      const entry = await store.get(usesKey(method.id, entityId))
      const before: Uses = entry === undefined ? { lastCounter: 0, failures: 0, since: now } : (entry.value as unknown as Uses)
      const { verdict, uses } = judge(method, { key, form }, passcode, before, now)
      try {
        await store.put(usesKey(method.id, entityId), asJson(uses), { cas: entry?.version ?? 0 })
        return verdict
      } catch (error) {
        // Somebody else tried at the same moment: theirs counts first. Of a crowd not all are judged, and those are told no more than that.
        if (!isCofferError(error) || error.kind !== 'conflict') throw error
        if (attempt >= TRIES) return bad(NOT_VALID)
      }
    }
  } finally {
    key.fill(0)
  }
}
