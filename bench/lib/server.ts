// A Coffer of its own for the bench: `server --dev` on a fixed core, ready when /v1/sys/health says so.

import { setTimeout as sleep } from 'node:timers/promises'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { familyOf, start, type ProcessFacts, type Started } from './processes.ts'
import { node, repository } from './places.ts'

export const rootToken = 'root'

export interface ServerOptions {
  readonly port: number
  readonly cores?: string | undefined
  /** Where the database runs; the server's cores when absent. */
  readonly databaseCores?: string | undefined
  readonly args?: readonly string[]
  readonly profiled?: boolean
  /** Statuses of /v1/sys/health that count as ready. */
  readonly ready?: readonly number[]
}

export interface BenchServer {
  readonly origin: string
  readonly process: Started
  readonly startedMs: number
  family(): readonly ProcessFacts[]
  worker(): ProcessFacts
  stop(): Promise<void>
}

const isDatabase = ({ title }: ProcessFacts): boolean => /postgres/.test(title)

export const waitReady = async (origin: string, process: Started, ready: readonly number[] = [200]): Promise<void> => {
  for (;;) {
    try {
      const response = await fetch(`${origin}/v1/sys/health`)
      await response.arrayBuffer()
      if (ready.includes(response.status)) return
    } catch {
      // not listening yet
    }
    if (process.child.exitCode !== null) throw new Error(`the server ended: ${process.output()}`)
    await sleep(10)
  }
}

const answers = (origin: string): Promise<boolean> => fetch(origin).then(() => true, () => false)

/** Without the database, which is measured by itself. */
export const ownProcesses = (family: readonly ProcessFacts[]): readonly ProcessFacts[] => family.filter((each) => !isDatabase(each) && !each.title.startsWith('taskset'))

export const startServer = async (options: ServerOptions): Promise<BenchServer> => {
  const { port, cores, databaseCores, args = ['--dev', `--dev-root-token-id=${rootToken}`], profiled = false } = options
  if (await answers(`http://127.0.0.1:${port}`)) throw new Error(`something listens on port ${port} already`)
  const began = performance.now()
  const flags = profiled ? [`--require=${join(import.meta.dirname, 'profile-hook.cjs')}`] : []
  const child = start(node, [...flags, '--conditions=coffer-source', join(repository, 'packages/server/src/main.ts'), 'server', ...args, '--listen', `127.0.0.1:${port}`], { cores })
  const origin = `http://127.0.0.1:${port}`
  await waitReady(origin, child, options.ready)
  const startedMs = performance.now() - began
  const family = (): readonly ProcessFacts[] => familyOf(child.pid)
  if (databaseCores !== undefined) for (const { pid } of family().filter(isDatabase)) spawnSync('taskset', ['-a', '-p', '-c', databaseCores, String(pid)])
  return {
    origin,
    process: child,
    startedMs,
    family,
    worker() {
      const found = family().find(({ title }) => title.startsWith('coffer: worker'))
      if (found === undefined) throw new Error('no worker process')
      return found
    },
    stop: () => child.stop(),
  }
}
