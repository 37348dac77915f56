// Both ends of a move, and how one thing that is refused does not stop the others.

import { VaultRefusal, type VaultApi } from './api.ts'
import type { Progress } from './report.ts'

export interface Ends {
  readonly from: VaultApi
  readonly to: VaultApi
  readonly progress: Progress
}

/** One thing that may be refused without stopping the rest. What the connection says stops everything. */
export const attempt = async ({ progress }: Pick<Ends, 'progress'>, what: string, work: () => Promise<void>): Promise<void> => {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof VaultRefusal)) throw error
    progress.failed(what, error.message)
  }
}
