// A Coffer of its own for the bench: `server --dev` on a fixed core, ready when /v1/sys/health says so.

import { setTimeout as sleep } from 'node:timers/promises'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from './ask.ts'
import type { CertificateFiles } from './certificate.ts'
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
  readonly workers?: number
  readonly tls?: CertificateFiles
  /** Statuses of /v1/sys/health that count as ready. */
  readonly ready?: readonly number[]
}

export interface BenchServer {
  readonly origin: string
  readonly process: Started
  readonly startedMs: number
  family(): readonly ProcessFacts[]
  worker(): ProcessFacts
  workers(): readonly ProcessFacts[]
  stop(): Promise<void>
}

export const isDatabase = ({ title }: ProcessFacts): boolean => /postgres/.test(title)

export const waitReady = async (origin: string, process: Started, ready: readonly number[] = [200]): Promise<void> => {
  for (;;) {
    try {
      if (ready.includes((await ask(`${origin}/v1/sys/health`)).status)) return
    } catch {
      // not listening yet
    }
    if (process.child.exitCode !== null) throw new Error(`the server ended: ${process.output()}`)
    await sleep(10)
  }
}

const answers = (origin: string): Promise<boolean> => ask(origin).then(() => true, () => false)

/** Without the database, which is measured by itself. */
export const ownProcesses = (family: readonly ProcessFacts[]): readonly ProcessFacts[] => family.filter((each) => !isDatabase(each) && !each.title.startsWith('taskset'))

export const startServer = async (options: ServerOptions): Promise<BenchServer> => {
  const { port, cores, databaseCores, args = ['--dev', `--dev-root-token-id=${rootToken}`], profiled = false, workers: workerCount = 1, tls } = options
  const origin = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  if (await answers(origin)) throw new Error(`something listens on port ${port} already`)
  const began = performance.now()
  const flags = profiled ? [`--require=${join(import.meta.dirname, 'profile-hook.cjs')}`] : []
  const child = start(node, [...flags, '--conditions=coffer-source', join(repository, 'packages/server/src/main.ts'), 'server', ...args, '--listen', `127.0.0.1:${port}`, '--workers', String(workerCount), ...(tls === undefined ? [] : ['--tls-cert', tls.cert, '--tls-key', tls.key])], { cores })
  await waitReady(origin, child, options.ready)
  const startedMs = performance.now() - began
  const family = (): readonly ProcessFacts[] => familyOf(child.pid)
  const workers = (): readonly ProcessFacts[] => family().filter(({ title }) => title.startsWith('coffer: worker'))
  if (databaseCores !== undefined) for (const { pid } of family().filter(isDatabase)) spawnSync('taskset', ['-a', '-p', '-c', databaseCores, String(pid)])
  return {
    origin,
    process: child,
    startedMs,
    family,
    workers,
    worker() {
      const [found] = workers()
      if (found === undefined) throw new Error('no worker process')
      return found
    },
    stop: () => child.stop(),
  }
}

export interface InstalledServer extends BenchServer {
  /** Of its own: only `--dev` takes one that is given. */
  readonly root: string
  readonly data: string
  readonly keyFile: string
  /** Stopped and started anew over the same data: its caches are empty. */
  restarted(): Promise<InstalledServer>
}

interface InstalledOptions extends Omit<ServerOptions, 'args' | 'ready'> {
  /** Flags of its own. */
  readonly settings?: readonly string[]
  /** Where its data are kept; without one they are removed when it stops. */
  readonly folder?: string | undefined
}

/** A server as somebody would install it: data of its own, a key file, any number of workers. */
export const startInstalled = async (options: InstalledOptions): Promise<InstalledServer> => {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'coffer-bench-installed-'))
  mkdirSync(folder, { recursive: true })
  // The embedded database runs as another user when we are root.
  chmodSync(folder, 0o711)
  const server = await startIn(folder, options, [200, 501])
  const { text } = await ask(`${server.origin}/v1/sys/init`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{}' })
  const { root_token: root } = JSON.parse(text) as { root_token: string } // Vault's answer
  await waitReady(server.origin, server.process)
  return installed(server, { folder, options, root })
}

/** The same over data that were kept. */
export const startKept = async (options: InstalledOptions & { readonly folder: string }, root: string): Promise<InstalledServer> => installed(await startIn(options.folder, options, [200]), { folder: options.folder, options, root })

const startIn = (folder: string, options: InstalledOptions, ready: readonly number[]): Promise<BenchServer> =>
  startServer({ ...options, args: ['--data-dir', join(folder, 'data'), '--seal', 'keyfile', '--seal-key-file', join(folder, 'key'), ...(options.settings ?? [])], ready })

const installed = (server: BenchServer, given: { readonly folder: string; readonly options: InstalledOptions; readonly root: string }): InstalledServer => {
  const { folder, options, root } = given
  return {
    ...server,
    root,
    data: join(folder, 'data'),
    keyFile: join(folder, 'key'),
    async restarted() {
      await server.stop()
      return installed(await startIn(folder, options, [200]), given)
    },
    async stop() {
      await server.stop()
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}
