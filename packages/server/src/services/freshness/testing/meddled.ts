// The real database, with a hand on what comes before and after each statement, and on its text.

import type { QueryOptions, QueryResult, Queryable, SqlValue } from '../../../kernel/storage.ts'

export type Step = 'renew' | 'read' | 'record' | 'look' | 'other'

const stepOf = (text: string): Step => {
  if (text.includes('join worker_leases')) return 'look'
  if (text.includes('changes')) return 'read'
  if (text.includes('lease_until')) return 'renew'
  return text.includes('applied_snapshot') ? 'record' : 'other'
}

export class Meddled implements Queryable {
  before: (step: Step) => void | Promise<void> = () => undefined
  after: (step: Step) => void | Promise<void> = () => undefined
  rewrite: (text: string) => string = (text) => text
  readonly #database: Queryable

  constructor(database: Queryable) {
    this.#database = database
  }

  async query<Row = Record<string, never>>(text: string, values?: readonly SqlValue[], options?: QueryOptions): Promise<QueryResult<Row>> {
    await this.before(stepOf(text))
    const rewritten = this.rewrite(text)
    const result = await this.#database.query<Row>(rewritten, values, rewritten === text ? options : undefined)
    await this.after(stepOf(text))
    return result
  }
}
