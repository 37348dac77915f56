// Logins that wait for a passcode: kept sealed for five minutes, as in Vault, so that any worker can finish them.

import { makeUuidV4 } from '../../../crypto/random.ts'
import { asJson, type MfaStore, type PendingLogin } from './records.ts'

const LIFE_MS = 5 * 60_000
const FOLDER = 'pending/'
const MOST_SWEPT = 500

const keyOf = (requestId: string): string | undefined => {
  const [, bucket, id] = /^(\d{1,9})-([0-9a-f-]{36})$/.exec(requestId) ?? []
  return bucket === undefined || id === undefined ? undefined : `${FOLDER}${bucket}/${id}`
}

/** What nobody finished lies in buckets by time, so that it can be removed without opening it. */
const sweep = async (store: MfaStore, bucket: number): Promise<void> => {
  const { keys } = await store.list(FOLDER, { limit: 100 })
  for (const name of keys.filter((each) => Number(each.replace('/', '')) < bucket - 1)) {
    for (const key of (await store.list(`${FOLDER}${name}`, { limit: MOST_SWEPT })).keys) await store.delete(`${FOLDER}${name}${key}`)
  }
}

export const hold = async (store: MfaStore, now: number, login: Omit<PendingLogin, 'expiresAt'>): Promise<string> => {
  const bucket = Math.floor(now / LIFE_MS)
  await sweep(store, bucket)
  const requestId = `${bucket}-${makeUuidV4()}`
  await store.put(keyOf(requestId) ?? '', asJson({ ...login, expiresAt: now + LIFE_MS }), { cas: 0 })
  return requestId
}

/** Undefined: none such, or its time is over. */
export const look = async (store: MfaStore, now: number, requestId: string): Promise<PendingLogin | undefined> => {
  const key = keyOf(requestId)
  const entry = key === undefined ? undefined : await store.get(key)
  if (entry === undefined) return undefined
  const login = entry.value as unknown as PendingLogin // put in by this folder
  return login.expiresAt > now ? login : undefined
}

/** True for exactly one of all who finish the same login. */
export const take = async (store: MfaStore, requestId: string): Promise<boolean> => {
  const key = keyOf(requestId)
  return key !== undefined && store.delete(key)
}
