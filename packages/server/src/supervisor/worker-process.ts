// One worker process: started with nothing but its program and a socket, told everything over that socket.

import { spawn, type ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'
import { availableParallelism, cpus } from 'node:os'
import { workerEnvironment } from '../config/environment.ts'
import { programPath } from '../lib/node/places.ts'
import type { FamilySnapshot } from '../telemetry/metrics.ts'
import { Channel, type Handler } from './control/channel.ts'
import { decodeJson, encodeJson, encodeParts, operation, type Notice, type WorkerAssignment } from './control/protocol.ts'
import type { RootCopy } from './seal-keeper.ts'

export interface WorkerExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The descriptor of the control channel in the worker, after standard input, output and error. */
export const channelDescriptor = 3

export const workerProgram: string = programPath('worker')

/** Only what changes how modules are found and cached; never a debugger, a preload of somebody else's or a test runner's flag. */
const inheritedFlags = (): string[] => {
  const kept: string[] = []
  for (const [index, flag] of process.execArgv.entries()) {
    if (/^--(require|conditions)=/.test(flag)) kept.push(flag)
    if (flag === '--require' || flag === '-r' || flag === '--conditions' || flag === '-C') kept.push(flag, process.execArgv[index + 1] ?? '')
  }
  return kept
}

/**
 * V8 by itself lets the young generation grow to 32 MiB and the old one to several times what lives. Half of the one costs no measurable time
 * here, and collecting the old one when it has grown by two fifths happens every few seconds under full load.
 */
const heapFlags = [
  '--max-semi-space-size=8',
  '--heap-growing-percent=40',
  // V8's helpers mark on threads of their own. Where there is one core only, they take turns with the thread that answers: four of them, some milliseconds each,
  // kept requests waiting for 30 to 50 ms; the same work in small steps on the one thread, for 10.
  ...(availableParallelism() < 2 ? ['--single-threaded-gc'] : []),
] as const

/** Wipes the copy; the channel wipes what it sends. */
const encodeRoot = ({ rootKey, generation }: RootCopy): Buffer => encodeParts({ facts: { generation }, shares: [rootKey] })

/**
 * A process that loads what workers are made of, and then waits to be told what it is: half of a start is that, and can be done while the database is being opened. Throws when
 * the process cannot be made at all.
 */
export const spawnWorker = (program: string): ChildProcess =>
  spawn(process.execPath, [...inheritedFlags(), ...heapFlags, '--disable-sigusr1', program], {
    env: workerEnvironment(),
    // Standard output is for an audit device that asks for it; a worker prints nothing else there.
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  })

/** Starting more at once than there are processors only makes all of them late. */
export const startsAtOnce: number = Math.max(2, cpus().length)

/** Worker processes that are started ahead: they load their code while the database is being opened, and know nothing yet. */
export class Nursery {
  readonly #program: string
  readonly #waiting: ChildProcess[] = []

  constructor(program: string) {
    this.#program = program
  }

  /** Starts as many as can start at once. */
  fill(count: number): void {
    for (let made = 0; made < Math.min(count, startsAtOnce); made++) {
      const child = spawnWorker(this.#program)
      // Whoever takes it hears of its end; until then nobody has need of it.
      child.on('error', () => undefined)
      this.#waiting.push(child)
    }
  }

  /** One that waits, or a new one. Throws when the process cannot be made at all. */
  take(): ChildProcess {
    return this.#waiting.shift() ?? spawnWorker(this.#program)
  }

  /** Those that nobody has taken are ended. */
  close(): void {
    for (const child of this.#waiting.splice(0)) child.kill('SIGKILL')
  }
}

export class WorkerProcess {
  readonly exited: Promise<WorkerExit>
  readonly #child: ChildProcess
  readonly #channel: Channel
  /** The audit stream that it writes, once it has said so. */
  #stream: string | undefined
  #unsealing: Promise<void> | undefined

  constructor(child: ChildProcess, handlers: ReadonlyMap<number, Handler>, onStream: () => void = () => undefined) {
    this.#child = child
    this.exited = new Promise((resolve) => {
      // Of one that was started early, the end may have been seen before.
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) resolve({ code: child.exitCode, signal: child.signalCode })
      this.#child.once('exit', (code, signal) => resolve({ code, signal }))
      this.#child.once('error', () => resolve({ code: null, signal: null }))
    })
    const socket = this.#child.stdio[channelDescriptor]
    if (!(socket instanceof Socket)) throw new Error('The worker has no control channel')
    const announceStream: Handler = async (body) => {
      this.#stream = body.toString('utf8')
      onStream()
      return undefined
    }
    this.#channel = new Channel(socket, new Map([...handlers, [operation.announceStream, announceStream]]))
    socket.on('data', (chunk: Buffer) => this.#channel.feed(chunk))
    void this.exited.then(() => this.#channel.close())
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Resolves when the worker is composed: everything is in place but its keys and its listeners. */
  async configure(assignment: WorkerAssignment): Promise<void> {
    await this.#channel.request(operation.configure, encodeJson(assignment))
  }

  /** Hands over the root key, once; the bytes are wiped. Resolves when the worker can use it. */
  unseal(copy: () => RootCopy | undefined): Promise<void> {
    if (this.#unsealing === undefined) {
      const root = copy()
      if (root === undefined) return Promise.resolve()
      this.#unsealing = this.#channel.request(operation.unseal, encodeRoot(root)).then(() => undefined)
    }
    return this.#unsealing
  }

  /** Hands over the root key that follows; the bytes are wiped. */
  async replaceRoot(root: RootCopy): Promise<void> {
    await this.#channel.request(operation.replaceRoot, encodeRoot(root))
  }

  get stream(): string | undefined {
    return this.#stream
  }

  get hasKey(): boolean {
    return this.#unsealing !== undefined
  }

  async notice(notice: Notice): Promise<void> {
    await this.#channel.request(operation.notice, encodeJson(notice))
  }

  async listen(): Promise<void> {
    await this.#channel.request(operation.listen)
  }

  async metrics(): Promise<readonly FamilySnapshot[]> {
    return decodeJson(await this.#channel.request(operation.metrics))
  }

  /** Drains and ends; whatever has not ended by the deadline is killed. Resolves when the process is gone. */
  async stop(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.kill(), deadlineMs)
    this.#channel.request(operation.stop).catch(() => this.kill())
    await this.exited
    clearTimeout(timer)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
