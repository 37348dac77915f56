// What paths that look at the server ask of it, filled by compose.

import type { ProcessSnapshot } from '../../telemetry/metrics.ts'

export interface ShownFlight {
  readonly startTime: number
  readonly remoteAddress: string
  readonly path: string
  readonly method: string
}

export type Level = 'error' | 'warn' | 'info' | 'debug'

export interface ObservePort {
  readonly version: string
  metrics(): Promise<readonly ProcessSnapshot[]>
  /** What this worker answers now, by request id. */
  flights(): ReadonlyMap<string, ShownFlight>
  /** Undefined where there is no supervisor. */
  readonly logging: { readonly level: Level; readonly configured: Level; set(level: Level): Promise<void> } | undefined
  /** Has every worker of this node open its files anew. */
  reopen(): Promise<void>
  machine(now: number): Promise<Readonly<Record<string, unknown>>>
  /** When the database was initialised. */
  readonly installedAt: number
  /** Rows of an organization. */
  count(orgId: string, what: 'tokens' | 'entities'): Promise<number>
}
