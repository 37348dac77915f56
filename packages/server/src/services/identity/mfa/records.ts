// What is stored of second steps, sealed, in an area of its own in each organization. Methods and enforcements are few and read
// by every login, so each is one entry that workers remember; the rest is by method and entity.

import type { Enforcement, TotpMethod } from '../../../kernel/ports/mfa.ts'
import type { LoginVerdict } from '../../../kernel/auth/method.ts'
import type { JsonValue } from '../../../lib/json.ts'
import type { SealedEntry, SealedView } from '../../../kernel/ports/sealed-store.ts'

export const METHODS = 'methods'
export const ENFORCEMENTS = 'enforcements'

export const secretKey = (methodId: string, entityId: string): string => `secret/${methodId}/${entityId}`
export const usesKey = (methodId: string, entityId: string): string => `uses/${methodId}/${entityId}`

/** What a code is made by. */
export type CodeForm = Pick<TotpMethod, 'algorithm' | 'digits' | 'periodSeconds'>

/** An entity's secret of one method. */
export interface StoredSecret {
  /** Base64. */
  readonly key: string
  /** As the method was when the secret was made, and as the person's program knows it. Secrets of older releases go by the method of now. */
  readonly form?: CodeForm
}

/** What keeps a code from working twice, and from being guessed. */
export interface Uses {
  /** The stretch of time of the last code that was taken. */
  readonly lastCounter: number
  readonly failures: number
  /** When the failures began to count, in milliseconds. */
  readonly since: number
}

/** A login that a method found good and that waits for its second step. */
export interface PendingLogin {
  readonly mountId: string
  readonly verdict: LoginVerdict
  readonly issuePath: string
  readonly entityId: string
  /** The version of the user's or role's record when the login was good; a login that waited since an older release has none. */
  readonly recordVersion?: number | undefined
  /** One method of each must be satisfied. */
  readonly constraints: readonly { readonly name: string; readonly methodIds: readonly string[] }[]
  readonly expiresAt: number
}

/** Where second steps keep their state: what is remembered, and the rest. */
export interface MfaStore extends Pick<SealedView, 'get' | 'put' | 'delete' | 'list'> {
  /** As this worker may say it from memory. */
  recall(key: string): Promise<SealedEntry | undefined>
}

// What comes out of a sealed entry is what this folder put in: nobody else can make one that opens.
const listOf = <T>(entry: SealedEntry | undefined): readonly T[] => (entry === undefined ? [] : (entry.value as unknown as readonly T[]))

export const methodsOf = async (store: MfaStore): Promise<readonly TotpMethod[]> => listOf<TotpMethod>(await store.recall(METHODS))
export const enforcementsOf = async (store: MfaStore): Promise<readonly Enforcement[]> => listOf<Enforcement>(await store.recall(ENFORCEMENTS))

export const asJson = (value: object): JsonValue => value as unknown as JsonValue
