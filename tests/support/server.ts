// Real servers through bin/coffer, as a person or a service manager starts them. What a test starts is stopped when the
// test ends (or the file: one `{ after }` of node:test for all of it), and its directory removed.

import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterwards, type Scope } from './cleanup.ts'
import { client, type Client } from './http.ts'
import { until } from './wait.ts'

export const repository = dirname(dirname(import.meta.dirname))
export const coffer = join(repository, 'bin', 'coffer')

export interface LogEntry {
  readonly level: string
  readonly message: string
  readonly pid?: number
  readonly worker?: number
  readonly [field: string]: unknown
}

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

export interface Server {
  /** Of the supervisor. */
  readonly pid: number
  /** http://host:port */
  readonly address: string
  readonly exited: Promise<Exit>
  stdout(): string
  stderr(): string
  entries(): readonly LogEntry[]
  /** Pids of the workers that listen now. */
  workers(): readonly number[]
  /** Pid of the embedded database that runs now; 0 while there is none. */
  database(): number
  /** Ends it (SIGTERM unless told otherwise) and waits for the end of its output. */
  stop(signal?: NodeJS.Signals): Promise<Exit>
}

export interface ServerOptions {
  /** After `bin/coffer`. `--listen 127.0.0.1:0` is added unless a listen flag is there. */
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** A directory for one test; other accounts may pass through it, as the database's must. */
export const scratchDirectory = (scope: Scope): string => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-blackbox-'))
  chmodSync(folder, 0o711)
  afterwards(scope, () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

const running = new Set<ChildProcess>()
// When the runner ends this process early, its servers must not stay.
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

/**
 * Starts bin/coffer without waiting; for starts that are expected to fail, see `exited`.
 * Where temporary files are in memory or in a container's overlay, so is the spool of a test.
 */
export const launch = (scope: Scope, options: ServerOptions): Server => {
  const args = options.args.includes('--listen') ? options.args : [...options.args, '--listen', '127.0.0.1:0']
  const child = spawn(coffer, args, {
    env: { PATH: process.env['PATH'] ?? '', TMPDIR: tmpdir(), HOME: process.env['HOME'] ?? tmpdir(), COFFER_LOG_FORMAT: 'json', COFFER_AUDIT_ALLOW_EPHEMERAL: 'true', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const exited = new Promise<Exit>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> => {
    child.kill(signal)
    const force = setTimeout(() => child.kill('SIGKILL'), 15_000)
    const exit = await exited
    clearTimeout(force)
    return exit
  }
  afterwards(scope, async () => void (await stop()))
  const entries = (): readonly LogEntry[] => output.stderr.split('\n').flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line) as LogEntry] : [])) // our own log's lines
  return {
    pid: child.pid ?? 0,
    get address() {
      const address = /^coffer: ready at (\S+)/m.exec(output.stdout)?.[1]
      if (address === undefined) throw new Error(`The server is not ready:\n${output.stderr}`)
      return address
    },
    exited,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    entries,
    workers: () => workersOf(entries()),
    database: () => databaseOf(entries()),
    stop,
  }
}

/** The last worker that listens in each slot. */
const workersOf = (entries: readonly LogEntry[]): readonly number[] => {
  const bySlot = new Map(entries.filter(({ message }) => message === 'worker listens').map(({ worker, pid }) => [worker ?? 0, pid ?? 0]))
  return [...bySlot.values()]
}

/** From PostgreSQL's own file: the server is started again when it dies. */
const databaseOf = (entries: readonly LogEntry[]): number => {
  const home = entries.find(({ message }) => message === 'embedded database runs')?.['home']
  const file = join(String(home), 'cluster', 'postmaster.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0
}

/** Starts and waits until it says that it is ready; fails with its output when it ends instead. */
export const startServer = async (scope: Scope, options: ServerOptions): Promise<Server> => {
  const server = launch(scope, options)
  let isOver = false
  void server.exited.then(() => (isOver = true))
  await until(() => isOver || /^coffer: ready at /m.test(server.stdout()), 'the server is ready or has ended')
  if (isOver) throw new Error(`The server ended instead:\n${server.stderr()}`)
  return server
}

export interface OpenServer {
  readonly server: Server
  /** With the root token. */
  readonly root: Client
  readonly rootToken: string
}

/** `server --dev`: throw-away, unsealed. Its root token is one that no other text contains by accident. */
export const startDevServer = async (scope: Scope, flags: readonly string[] = [], rootToken = 'root-of-the-tests'): Promise<OpenServer> => {
  const server = await startServer(scope, { args: ['server', '--dev', `--dev-root-token-id=${rootToken}`, ...flags] })
  return opened(scope, server, rootToken)
}

export interface DurableOptions {
  /** Holds `data` and, in `home`, the key file. A second start in it finds everything again. */
  readonly folder: string
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export const dataDirectoryOf = (folder: string): string => join(folder, 'data')

const durable = ({ folder, flags = [], env = {} }: DurableOptions): ServerOptions => ({
  args: ['server', '--data-dir', dataDirectoryOf(folder), '--seal', 'keyfile', ...flags],
  env: { HOME: folder, ...env },
})

export const launchDurableServer = (scope: Scope, options: DurableOptions): Server => launch(scope, durable(options))

/** A real server with durability on and the key-file seal; the first start in a folder initialises it. */
export const startDurableServer = async (scope: Scope, options: DurableOptions, rootToken?: string): Promise<OpenServer> => {
  const server = await startServer(scope, durable(options))
  const bare = client(server.address)
  const token = rootToken ?? ((await bare.expect('PUT', '/v1/sys/init', {})).json.root_token as string)
  await until(async () => (await bare.call('GET', '/v1/sys/health')).status === 200, 'the server is healthy')
  bare.close()
  return opened(scope, server, token)
}

const opened = (scope: Scope, server: Server, rootToken: string): OpenServer => {
  const root = client(server.address, rootToken)
  afterwards(scope, () => root.close())
  return { server, root, rootToken }
}

/** Where the embedded database's files are: inside the data directory wherever its account can get there. */
export const databaseHomeOf = (dataDirectory: string): string => {
  const pointer = join(dataDirectory, 'database-location')
  return existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : join(dataDirectory, 'database')
}

export const socketDirectoryOf = (dataDirectory: string): string => readFileSync(join(databaseHomeOf(dataDirectory), 'socket-directory'), 'utf8').trim()
