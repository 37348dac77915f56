// What supervisor and worker say to each other. Shares, the root key and the first token cross as raw bytes; everything
// else is JSON.

import type { Config } from '../../config/config.ts'
import type { InitResult } from '../../kernel/ports/seal-control.ts'
import type { ConnectionSettings } from '../../storage/pool.ts'
import type { RuntimeRole } from '../../storage/roles.ts'
import type { LogLevel } from '../../telemetry/logger.ts'

/** Supervisor to worker below 16, worker to supervisor from 16. */
export const operation = Object.freeze({
  configure: 1,
  unseal: 2,
  listen: 3,
  stop: 4,
  metrics: 5,
  replaceRoot: 6,
  notice: 9,
  sealStatus: 16,
  initialise: 17,
  submitShare: 18,
  resetUnseal: 19,
  seal: 20,
  collectMetrics: 21,
  announceStream: 22,
  ceremony: 23,
  spreadNotice: 30,
})

/** Something that concerns every process of this server. */
export type Notice = { readonly kind: 'reopen' } | { readonly kind: 'log-level'; readonly level: LogLevel }

/** How to reach the database as each role; `direct` goes past a transaction pooler. */
export interface DatabaseAccess {
  readonly pooled: Readonly<Record<RuntimeRole, ConnectionSettings>>
  readonly direct: Readonly<Record<RuntimeRole, ConnectionSettings>>
}

/** What a worker needs to know before it can be composed. */
export interface WorkerAssignment {
  /** As it is configured; `config` has the level that is in force. */
  readonly logLevel?: LogLevel
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

/** What is no secret as JSON, and shares beside it as the bytes that they are. */
export interface Parts<T> {
  readonly facts: T
  readonly shares: readonly Buffer[]
}

/** Length (u32) and text of the facts, then each share with its length (u16). The shares are wiped. */
export const encodeParts = ({ facts, shares }: Parts<unknown>): Buffer => {
  const text = encodeJson(facts ?? null)
  const out = Buffer.alloc(4 + text.length + shares.reduce((sum, share) => sum + 2 + share.length, 0))
  let at = out.writeUInt32BE(text.length, 0)
  at += text.copy(out, at)
  for (const share of shares) {
    at = out.writeUInt16BE(share.length, at)
    at += share.copy(out, at)
    share.fill(0)
  }
  text.fill(0)
  return out
}

/** Takes the body over and wipes it. */
export const decodeParts = <T>(body: Buffer): Parts<T> => {
  const shares: Buffer[] = []
  let at = 4 + body.readUInt32BE(0)
  const facts = decodeJson<T>(body.subarray(4, at))
  while (at < body.length) {
    const length = body.readUInt16BE(at)
    const share = Buffer.alloc(length)
    body.copy(share, 0, at + 2, at + 2 + length)
    shares.push(share)
    at += 2 + length
  }
  body.fill(0)
  return { facts, shares }
}

interface InitFacts {
  readonly rootToken: string
  /** How many of the shares are not for recovery. */
  readonly own: number
}

export const encodeInitResult = ({ shares, recoveryShares, rootToken }: InitResult): Buffer =>
  encodeParts({ facts: { rootToken, own: shares.length } satisfies InitFacts, shares: [...shares, ...recoveryShares] })

/** Takes the body over and wipes it. */
export const decodeInitResult = (body: Buffer): InitResult => {
  const { facts: { rootToken, own }, shares } = decodeParts<InitFacts>(body)
  return { shares: shares.slice(0, own), recoveryShares: shares.slice(own), rootToken }
}
