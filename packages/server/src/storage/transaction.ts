// Transactions bound to one organization. The setting that row-level security reads is transaction-local, so a
// pooled connection can never carry it into the next request. BEGIN and the setting travel with the first
// statement; a one-statement transaction is two round trips.

import { setTimeout as sleep } from 'node:timers/promises'
import { asCofferError, fail } from '../kernel/errors.ts'
import { isRetryable } from '../kernel/storage.ts'
import { commitUnknown } from './errors.ts'
import type { QueryCounters, QueryOptions, QueryResult, SqlValue, Transaction, TransactionOptions } from '../kernel/storage.ts'

interface TransactionConnection {
  query<Row>(text: string, values?: readonly SqlValue[], options?: QueryOptions): Promise<QueryResult<Row> & { readonly command: string }>
  release(broken?: boolean): void
}

interface Source {
  connect(): Promise<TransactionConnection>
  readonly counters: QueryCounters
}

interface Task<Result> {
  readonly orgId: string | null
  readonly work: (transaction: Transaction) => Promise<Result>
  readonly options: TransactionOptions
}

const maxAttempts = 5
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Runs a task, again after serialization failures and deadlocks, whose loser PostgreSQL has already rolled back. */
export const runTransaction = async <Result>(source: Source, task: Task<Result>): Promise<Result> => {
  const begin = beginStatement(task.orgId, task.options)
  for (let attempt = 1; ; attempt += 1) {
    source.counters.transactions += 1
    try {
      return await attemptTransaction(await source.connect(), begin, task)
    } catch (error) {
      if (attempt >= maxAttempts || !isRetryable(error)) throw error
      source.counters.retries += 1
      await sleep(2 ** attempt * 2)
    }
  }
}

/** One simple query, so it must be free of parameters; the id is checked to be a UUID before it becomes text of it. */
const beginStatement = (orgId: string | null, options: TransactionOptions): string => {
  if (orgId !== null && !uuid.test(orgId)) throw fail('internal', 'storage.bad_organization', 'A transaction needs an organization id.')
  const isolation = options.isolation === undefined ? '' : ` isolation level ${options.isolation}`
  const mode = options.readOnly === true ? ' read only' : ''
  return `begin${isolation}${mode}; select set_config('coffer.org', '${orgId ?? ''}', true)`
}

const attemptTransaction = async <Result>(connection: TransactionConnection, begin: string, task: Task<Result>): Promise<Result> => {
  let open = true
  const begun = connection.query(begin)
  begun.catch(() => undefined) // awaited below; `work` may reject first
  const transaction: Transaction = {
    orgId: task.orgId,
    async query<Row>(text: string, values?: readonly SqlValue[], options?: QueryOptions): Promise<QueryResult<Row>> {
      if (!open) throw fail('internal', 'storage.transaction_over', 'A statement came after the end of its transaction.')
      return connection.query<Row>(text, values, options)
    },
  }
  try {
    const result = await task.work(transaction)
    open = false
    await begun
    await commit(connection)
    connection.release()
    return result
  } catch (error) {
    open = false
    await rollback(connection)
    throw error
  }
}

/** COMMIT of a failed transaction answers ROLLBACK without an error, so the answer is checked. */
const commit = async (connection: TransactionConnection): Promise<void> => {
  let command: string
  try {
    command = (await connection.query('commit')).command
  } catch (error) {
    throw commitUnknown(asCofferError(error))
  }
  if (command !== 'COMMIT') throw fail('internal', 'storage.not_committed', 'The change was rolled back because one of its statements had failed.')
}

const rollback = async (connection: TransactionConnection): Promise<void> => {
  try {
    await connection.query('rollback')
    connection.release()
  } catch {
    connection.release(true) // the error that led here is the one that matters; a closed connection rolls back by itself
  }
}
