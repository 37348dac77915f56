// Logins that began and are not finished: kept sealed, so that another worker can finish them, for ten minutes, and taken
// out when they are used, so that a state works once.

import { equalText } from '../../../crypto/compare.ts'
import type { SealedStore } from '../../../kernel/ports/sealed-store.ts'

export interface OidcRequest {
  readonly role: string
  readonly redirectUri: string
  readonly nonce: string
  /** PKCE, RFC 7636. */
  readonly verifier: string
  /** Empty: none was given. */
  readonly clientNonce: string
  readonly expiresAt: number
}

const LIFE_MS = 10 * 60_000
const FOLDER = 'oidc-requests/'
/** Of one sweep: what is left over waits for the next. */
const MOST_SWEPT = 500

const keyOf = (state: string): string | undefined => {
  const [, bucket, rest] = /^(\d{1,9})-([A-Za-z0-9_-]{16,128})$/.exec(state) ?? []
  return bucket === undefined || rest === undefined ? undefined : `${FOLDER}${bucket}/${rest}`
}

/** Requests whose time is over lie in buckets of their own, so nobody has to open them to know. */
const sweep = async (store: SealedStore, bucket: number): Promise<void> => {
  const { keys } = await store.list(FOLDER, { limit: 100 })
  for (const name of keys.filter((each) => Number(each.replace('/', '')) < bucket - 1)) {
    const old = await store.list(`${FOLDER}${name}`, { limit: MOST_SWEPT })
    for (const key of old.keys) await store.delete(`${FOLDER}${name}${key}`)
  }
}

/** Returns the state: the name under which the issuer's answer finds the request. */
export const begin = async (store: SealedStore, now: number, random: string, request: Omit<OidcRequest, 'expiresAt'>): Promise<string> => {
  const bucket = Math.floor(now / LIFE_MS)
  await sweep(store, bucket)
  const state = `${bucket}-${random}`
  await store.put(keyOf(state) ?? '', { ...request, expiresAt: now + LIFE_MS }, { cas: 0 })
  return state
}

/** Undefined: no such request, or no more. Of two who bring the same state, one gets it. */
export const take = async (store: SealedStore, now: number, state: string): Promise<OidcRequest | undefined> => {
  const key = keyOf(state)
  const found = key === undefined ? undefined : await store.get(key)
  if (key === undefined || found === undefined || !(await store.delete(key))) return undefined
  // What comes out of a sealed entry is what this file put in.
  const request = found.value as unknown as OidcRequest
  return request.expiresAt > now ? request : undefined
}

export const hasNonce = ({ clientNonce }: OidcRequest, given: string): boolean => clientNonce === '' || equalText(clientNonce, given)
