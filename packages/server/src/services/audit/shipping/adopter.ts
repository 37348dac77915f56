// Writes whose worker died between the commit and the spool frame: their records are in the table but in no chain. Any
// node takes them into its own stream after a grace, marked as adopted. Two nodes may adopt the same event; both links
// then stand, which is harmless and visible.
import type { Database } from '../../../kernel/storage.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { AuditSpool } from '../spool/spool.ts'
import { unchainedEvents } from '../repository.ts'

export interface AdopterOptions {
  /** As the jobs role: ids, times and digests across organizations. */
  readonly database: Database
  readonly spool: AuditSpool
  readonly clock: Clock
  /** How long a write's own worker has to chain it and ship the link. */
  readonly graceMs?: number
  /** How far back the first run looks. */
  readonly lookbackMs?: number
  readonly limit?: number
}

const minute = 60_000
// A request may run for 90 s before its write commits under the time that it began with.
const overlapMs = 10 * minute

export class LinkAdopter {
  readonly #options: AdopterOptions
  readonly #adopted = new Map<string, number>()
  #since: number

  constructor(options: AdopterOptions) {
    this.#options = options
    this.#since = options.clock.wall() - (options.lookbackMs ?? 30 * 24 * 60 * minute)
  }

  /** Chains what is overdue. Returns how many events it took; as many as `limit` means that there may be more. */
  async run(): Promise<number> {
    const { database, spool, clock, graceMs = 30_000, limit = 1000 } = this.#options
    const until = clock.wall() - graceMs
    const overdue = await unchainedEvents(database, { since: this.#since, until, limit })
    let adopted = 0
    const appends = overdue.filter(({ id }) => !this.#adopted.has(id)).map((link) => new Promise<void>((resolve, reject) => {
      spool.adoptDigest(link, (error) => {
        if (error !== undefined) return reject(error)
        // Its link reaches the table with the next shipping; until then it still looks unchained.
        this.#adopted.set(link.id, link.at)
        adopted += 1
        return resolve()
      })
    }))
    const failed = (await Promise.allSettled(appends)).find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    if (overdue.length < limit) this.#since = Math.max(this.#since, until - overlapMs)
    for (const [id, at] of this.#adopted) if (at < this.#since) this.#adopted.delete(id)
    return adopted
  }
}
