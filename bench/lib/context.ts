// What a case gets: a seeded server, a way to offer load, and a place for its figures.

import type { Latencies } from './load/raw-client.ts'
import type { RawRequest } from './load/raw-client.ts'
import type { InstalledServer } from './server.ts'
import type { Vault } from './vault.ts'

export interface Settings {
  readonly runs: number
  readonly seconds: number
  /** Of the case `scale`: how many secrets, and versions of each. */
  readonly secrets: number
  readonly versions: number
  /** Of the case `scale`: the folder where filled databases are kept. */
  readonly keep?: string | undefined
}

export interface Bench {
  readonly settings: Settings
  readonly server: InstalledServer
  /** Of a service with a policy. */
  readonly token: string
  readonly echoPort: number
  readonly vault: Vault | undefined
  note(name: string, unit: string, value: number, note?: string): void
  /** Offers load to a port and notes throughput and latencies under the name. */
  measure(name: string, offer: Offer): Promise<Latencies>
}

export interface Offer {
  readonly port: number
  readonly requests: readonly RawRequest[]
  readonly connections: number
  readonly rate?: number
  /** The process whose processor time is accounted for. */
  readonly pid?: number
  /** Several of them, where there are several workers. */
  readonly pids?: readonly number[]
  /** Over TLS, trusting this. */
  readonly ca?: string
  /** A connection for each request. */
  readonly isFresh?: boolean
  /** Of the load generator; those that the server does not have, when absent. */
  readonly cores?: string
}

export interface Case {
  readonly name: string
  run(bench: Bench): Promise<void>
}

export const portOf = (origin: string): number => Number(new URL(origin).port)
