// What the numbers were measured on, and which cores who gets.

import { cpus, loadavg, release, totalmem } from 'node:os'
import { readFileSync } from 'node:fs'

const cores = cpus().length

/** The first core is the server's, the rest the client's and the database's. On one core everybody shares. */
export const serverCores: string | undefined = cores > 1 ? '0' : undefined
export const clientCores: string | undefined = cores > 1 ? (cores === 2 ? '1' : `1-${cores - 1}`) : undefined

export interface Machine {
  readonly at: string
  readonly cores: number
  readonly cpu: string
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  /** One-minute load before the run: what others were doing. */
  readonly load: number
  readonly coffer: string
}

export const describeMachine = (coffer: string): Machine => ({
  at: new Date().toISOString(), cores, cpu: cpus()[0]?.model.trim() ?? 'unknown', memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: release(), node: process.version, load: Math.round((loadavg()[0] ?? 0) * 10) / 10, coffer,
})

/** The share of the time, on all cores, that somebody had taken between two readings. */
export const busyJiffies = (): { readonly busy: number; readonly all: number } => {
  const fields = (/^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '').split(' ').map(Number)
  const all = fields.slice(0, 8).reduce((sum, each) => sum + each, 0)
  return { busy: all - (fields[3] ?? 0) - (fields[4] ?? 0), all }
}
