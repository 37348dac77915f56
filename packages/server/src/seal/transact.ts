// Transactions whose outcome decides what is done outside the database: shares handed out, a key file kept or removed. When the acknowledgement
// of a commit is lost, the outcome is looked up before anything is decided.

import { setTimeout as sleep } from 'node:timers/promises'
import { fail, isCofferError } from '../kernel/errors.ts'
import type { Database, Transaction } from '../kernel/storage.ts'
import { lockSeal } from './repository.ts'

export interface SealChange<Result> {
  /** The organization that the transaction is confined to, or null. */
  readonly orgId: string | null
  readonly work: (tx: Transaction) => Promise<Result>
  /** Whether the change is in the database. Asked under the same lock, so a commit still under way is waited for. */
  readonly landed: (tx: Transaction) => Promise<boolean>
}

const lookups = 5
const lookupPauseMs = 200

/** True for the one failure after which nobody knows; what was made outside the database must then be kept. */
export const isOutcomeUnknown = (error: unknown): boolean => isCofferError(error) && error.code === 'seal.outcome_unknown'

/** Runs a change of cluster or slots, one at a time in the whole cluster. */
export const changeSeal = async <Result>(database: Database, change: SealChange<Result>): Promise<Result> => {
  let made: { readonly result: Result } | undefined
  try {
    return await database.transaction(change.orgId, async (tx) => {
      await lockSeal(tx)
      const result = await change.work(tx)
      made = { result }
      return result
    })
  } catch (error) {
    if (made === undefined || !isCofferError(error) || error.code !== 'storage.commit_unknown') throw error
    if (await lookUp(database, change)) return made.result
    throw error
  }
}

const lookUp = async <Result>(database: Database, change: SealChange<Result>): Promise<boolean> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.transaction(null, async (tx) => {
        await lockSeal(tx)
        return change.landed(tx)
      })
    } catch (error) {
      if (attempt === lookups) throw fail('unavailable', 'seal.outcome_unknown', 'The database went away while the change was being committed. Look at the seal status once it is back.', { cause: error })
      await sleep(attempt * lookupPauseMs)
    }
  }
}
