// The wake-up after a commit: an empty NOTIFY outside the write's transaction, since NOTIFY holds a database-wide lock
// across the commit that carries it. One is under way at a time; all pokes meanwhile share the next. It may be lost:
// readers poll as well.

import type { Queryable } from '../../kernel/storage.ts'

export const changesChannel = 'coffer_changes'

export class Notifier {
  readonly #database: Queryable
  readonly #onFailure: (error: unknown) => void
  #sending = false
  #again = false

  constructor(database: Queryable, onFailure: (error: unknown) => void) {
    this.#database = database
    this.#onFailure = onFailure
  }

  poke(): void {
    if (this.#sending) this.#again = true
    else void this.#send()
  }

  async #send(): Promise<void> {
    this.#sending = true
    do {
      this.#again = false
      try {
        await this.#database.query('select pg_notify($1, $2)', [changesChannel, ''], { name: 'freshness_notify' })
      } catch (error) {
        this.#onFailure(error)
      }
    } while (this.#again)
    this.#sending = false
  }
}
