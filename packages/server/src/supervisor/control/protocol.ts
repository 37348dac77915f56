// What supervisor and worker say to each other. Shares, the root key and the first token cross as raw bytes; everything
// else is JSON.

import type { Config } from '../../config/config.ts'
import type { InitResult } from '../../kernel/ports/seal-control.ts'
import type { ConnectionSettings } from '../../storage/pool.ts'
import type { RuntimeRole } from '../../storage/roles.ts'

/** Supervisor to worker below 16, worker to supervisor from 16. */
export const operation = Object.freeze({
  configure: 1,
  unseal: 2,
  listen: 3,
  stop: 4,
  metrics: 5,
  sealStatus: 16,
  initialise: 17,
  submitShare: 18,
  resetUnseal: 19,
  seal: 20,
  collectMetrics: 21,
  announceStream: 22,
})

/** How to reach the database as each role; `direct` goes past a transaction pooler. */
export interface DatabaseAccess {
  readonly pooled: Readonly<Record<RuntimeRole, ConnectionSettings>>
  readonly direct: Readonly<Record<RuntimeRole, ConnectionSettings>>
}

/** What a worker needs to know before it can be composed. */
export interface WorkerAssignment {
  readonly config: Config
  /** 0, 1, ...: a replacement takes the slot of the one before, and with it the care for its spools. */
  readonly slot: number
  /** With more than one, each listens with `reusePort`. */
  readonly workers: number
  /** This installation's directory of data, for life. */
  readonly nodeId: string
  /** This worker process. */
  readonly bootId: string
  readonly version: string
  readonly database: DatabaseAccess
}

export const encodeJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

/** Both ends are of one release, so the shape is the sender's type. */
export const decodeJson = <T>(body: Buffer): T => JSON.parse(body.toString('utf8')) as T

/** Count of shares (u16), each with its length (u16), then the token. Nothing of it becomes text on the way but the token. */
export const encodeInitResult = ({ shares, rootToken }: InitResult): Buffer => {
  const token = Buffer.from(rootToken, 'utf8')
  const out = Buffer.alloc(2 + shares.reduce((sum, share) => sum + 2 + share.length, 0) + token.length)
  let at = out.writeUInt16BE(shares.length, 0)
  for (const share of shares) {
    at = out.writeUInt16BE(share.length, at)
    at += share.copy(out, at)
    share.fill(0)
  }
  token.copy(out, at)
  token.fill(0)
  return out
}

/** Takes the body over and wipes it. */
export const decodeInitResult = (body: Buffer): InitResult => {
  const shares: Buffer[] = []
  let at = 2
  for (let left = body.readUInt16BE(0); left > 0; left -= 1) {
    const length = body.readUInt16BE(at)
    const share = Buffer.alloc(length)
    body.copy(share, 0, at + 2, at + 2 + length)
    shares.push(share)
    at += 2 + length
  }
  const rootToken = body.subarray(at).toString('utf8')
  body.fill(0)
  return { shares, rootToken }
}
