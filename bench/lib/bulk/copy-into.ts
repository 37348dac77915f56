// COPY FROM STDIN over the driver's own hooks for it (PostgreSQL's documentation, "COPY Operations" of the frontend/backend protocol). A batch is some
// megabytes that are in memory anyway, so nothing is streamed.

import type { Client, Connection, Submittable } from 'pg'

/** What the driver has besides what its types say. */
interface CopyingConnection extends Connection {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

class Copy implements Submittable {
  readonly done: Promise<void>
  readonly #sql: string
  readonly #pieces: readonly Buffer[]
  readonly #settle: { readonly resolve: () => void; readonly reject: (error: Error) => void }

  constructor(sql: string, pieces: readonly Buffer[]) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.done = promise
    this.#settle = { resolve, reject }
    this.#sql = sql
    this.#pieces = pieces
  }

  submit(connection: Connection): void {
    connection.query(this.#sql)
  }

  handleCopyInResponse(connection: CopyingConnection): void {
    for (const piece of this.#pieces) connection.sendCopyFromChunk(piece)
    connection.endCopyFrom()
  }

  handleCommandComplete(): void {
    // what counts is that the server is ready for the next
  }

  handleError(error: Error): void {
    this.#settle.reject(error)
  }

  /** Also after an error, when it comes too late to matter. */
  handleReadyForQuery(): void {
    this.#settle.resolve()
  }
}

/** Copies rows in the binary format into a table with its columns. */
export const copyInto = (client: Client, table: string, pieces: readonly Buffer[]): Promise<void> => client.query(new Copy(`copy ${table} from stdin (format binary)`, pieces)).done
