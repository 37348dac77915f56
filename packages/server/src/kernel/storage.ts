// The database as services see it: statements with typed rows, and transactions bound to one organization.
// What PostgreSQL refuses arrives as a CofferError whose cause is a StatementError; neither carries SQL
// text, parameters or row values, because PostgreSQL's own messages quote all three.

/** What may be bound to `$1`, `$2`, ...; arrays become PostgreSQL arrays, plain objects JSON. */
export type SqlValue = string | number | bigint | boolean | Date | Buffer | Uint8Array | null | undefined | readonly SqlValue[] | { readonly [key: string]: unknown }

export interface QueryOptions {
  /** Prepares the statement once per connection under this name. One name belongs to one text. */
  readonly name?: string
  /**
   * Outside a transaction: it changes something, and commits by itself. When it was sent and its answer is lost, nobody knows whether it did,
   * and the error says so; when it never reached the database, the error is that of any other statement.
   */
  readonly commits?: boolean
}

export interface QueryResult<Row> {
  readonly rows: readonly Row[]
  /** Rows returned, inserted, updated or deleted. */
  readonly count: number
}

/**
 * Runs one statement. Row shapes are the caller's claim about its own SQL. Types arrive as: bytea Buffer;
 * int8 number when it is a safe integer, else bigint; timestamptz Date; numeric, uuid, xid8 and snapshots string; json parsed.
 */
export interface Queryable {
  query<Row = Record<string, never>>(text: string, values?: readonly SqlValue[], options?: QueryOptions): Promise<QueryResult<Row>>
}

/** An open transaction. It is valid only until the function that received it settles. */
export interface Transaction extends Queryable {
  /** The organization that row-level security confines this transaction to; null for work that belongs to none. */
  readonly orgId: string | null
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable'
  readonly readOnly?: boolean
}

/**
 * How often the database was asked. Statements of one flight that do not wait for each other are one round trip.
 * Plain numbers, so that a test can take the difference of two copies.
 */
export interface QueryCounters {
  statements: number
  roundTrips: number
  transactions: number
  retries: number
}

/** One database under one role. */
export interface Database extends Queryable {
  readonly counters: Readonly<QueryCounters>
  /**
   * Runs `work` in a transaction confined to `orgId`. After a serialization failure or deadlock `work` runs again
   * from the start, so it must have no effect outside the transaction.
   */
  transaction<Result>(orgId: string | null, work: (transaction: Transaction) => Promise<Result>, options?: TransactionOptions): Promise<Result>
}

export interface StatementFacts {
  readonly sqlstate: string
  readonly constraint?: string | undefined
  readonly table?: string | undefined
  readonly column?: string | undefined
  /** For errors that our own SQL functions raise (class CF): their message, which the function's author keeps free of values. */
  readonly raised?: string | undefined
}

/** What PostgreSQL said about a refused statement, less everything that could quote data. */
export class StatementError extends Error {
  readonly sqlstate: string
  readonly constraint: string | undefined
  readonly table: string | undefined
  readonly column: string | undefined
  readonly raised: string | undefined

  constructor(facts: StatementFacts) {
    const on = facts.constraint ?? facts.table
    super(`SQLSTATE ${facts.sqlstate}${on === undefined ? '' : ` on ${on}`}${facts.raised === undefined ? '' : `: ${facts.raised}`}`)
    this.name = 'StatementError'
    this.sqlstate = facts.sqlstate
    this.constraint = facts.constraint
    this.table = facts.table
    this.column = facts.column
    this.raised = facts.raised
  }
}

/** The refusal behind an error that a query threw, or undefined when the database refused nothing. */
export const statementErrorOf = (error: unknown): StatementError | undefined => {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof StatementError) return at
  }
  return undefined
}

/** The five-letter SQLSTATE behind an error, for branches on our own SQL functions' codes. */
export const sqlstateOf = (error: unknown): string | undefined => statementErrorOf(error)?.sqlstate

/** True when a unique constraint (this one, if named) refused the row. */
export const isUniqueViolation = (error: unknown, constraint?: string): boolean => {
  const refused = statementErrorOf(error)
  return refused?.sqlstate === '23505' && (constraint === undefined || refused.constraint === constraint)
}

/** True when the same transaction may well succeed if run again: serialization failure, deadlock. */
export const isRetryable = (error: unknown): boolean => {
  const state = sqlstateOf(error)
  return state === '40001' || state === '40P01'
}
