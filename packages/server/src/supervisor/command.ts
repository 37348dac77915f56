// A command from its arguments to its exit code: read the configuration, start, say so, wait for a signal, drain.

import { loadConfig, type Config } from '../config/config.ts'
import { processEnvironment } from '../config/environment.ts'
import { asCofferError, kindFacts } from '../kernel/errors.ts'
import { createLogger, type LogControl, type Logger } from '../telemetry/logger.ts'
import { devGuide, newcomersGuide, readyLine } from './announce.ts'
import { makeDevDirectory } from './dev-directory.ts'
import { describeCommand, describeCommands } from './help.ts'
import { excludeMemoryFromDumps, refuseDebugger, reportCrashes } from './hardening.ts'
import type { InitialisePlatform } from './seal-keeper.ts'
import { startServer, type RunningServer } from './supervisor.ts'

/** Of the ten seconds that a stop may take, what the workers get to drain; the rest is the database's. */
const drainMs = 6_000
const longestStopMs = 9_500

/** What the product puts in, and a test of the supervisor something else. */
export interface CommandParts {
  readonly loadPlatform: () => Promise<InitialisePlatform>
  readonly workerProgram?: string
}

/** The whole program: reads the command line, runs, ends the process. Errors go to standard error in words for a person. */
export const runMain = async (parts: CommandParts): Promise<void> => {
  refuseDebugger()
  excludeMemoryFromDumps()
  const [command, ...argv] = process.argv.slice(2)
  // The title takes the place of the arguments in /proc, where a database URL might stand.
  process.title = 'coffer: supervisor'
  try {
    process.exitCode = await dispatch(command, argv, parts)
  } catch (error) {
    const known = asCofferError(error)
    if (known.kind === 'internal') createLogger().error('the server did not start', { error })
    process.stderr.write(`coffer: ${known.message}\n`)
    process.exitCode = kindFacts[known.kind].cliExit
  }
  // Sockets that are only kept for reuse must not hold the process back; everything that matters has been closed.
  process.exit()
}

const dispatch = async (command: string | undefined, argv: readonly string[], parts: CommandParts): Promise<number> => {
  if (command !== 'server' && command !== 'start') {
    process.stderr.write(`coffer: \`server\` or \`start\` is needed\n\n${describeCommands()}`)
    return 2
  }
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(describeCommand(command))
    return 0
  }
  return runServer(loadConfig({ command, argv, environment: processEnvironment(), makeDevDirectory }), parts)
}

/** Runs until told to stop. Resolves with the exit code. */
const runServer = async (config: Config, parts: CommandParts): Promise<number> => {
  const logControl: LogControl = { level: config.log.level }
  const logger = createLogger({ control: logControl, format: config.log.format })
  reportCrashes(logger)
  process.stdout.on('error', () => undefined) // nobody reads any more: no reason to stop serving

  const signals = watchSignals(logger)
  const server = await startServer({ config, logger, logControl, ...parts, stopping: signals.first }).catch((error: unknown) => {
    if (signals.first.aborted) return undefined
    throw error
  })
  if (server === undefined) return 0
  announce(server)
  signals.onHangUp(() => void server.workers.notice({ kind: 'reopen' }))
  await signals.received
  return stop(server, signals, logger)
}

interface Signals {
  readonly first: AbortSignal
  readonly second: AbortSignal
  readonly received: Promise<void>
  /** What a hang-up means once the server is up; before, nothing. */
  onHangUp(reopen: () => void): void
}

const watchSignals = (logger: Logger): Signals => {
  const first = new AbortController()
  const second = new AbortController()
  const received = new Promise<void>((resolve) => first.signal.addEventListener('abort', () => resolve()))
    let reopen = (): void => undefined
  // A closed terminal ends what runs in it; a server without one is told to open its files anew, as log rotation does it.
  const isAttended = process.stdin.isTTY === true
  if (!isAttended) process.on('SIGHUP', () => (logger.info('told to open files anew', { signal: 'SIGHUP' }), reopen()))
  for (const signal of isAttended ? (['SIGINT', 'SIGTERM', 'SIGHUP'] as const) : (['SIGINT', 'SIGTERM'] as const)) {
    process.on(signal, () => {
      logger.info(first.signal.aborted ? 'told to stop again; not waiting any longer' : 'told to stop', { signal })
      if (first.signal.aborted) second.abort()
      else first.abort()
    })
  }
  return { first: first.signal, second: second.signal, received, onHangUp: (work) => void (reopen = work) }
}

const stop = async (server: RunningServer, { second }: Signals, logger: Logger): Promise<number> => {
  second.addEventListener('abort', () => server.hurry())
  const overdue = setTimeout(() => {
    logger.error('the server did not stop in time and is ended')
    process.exit(1)
  }, longestStopMs)
  await server.stop(drainMs)
  clearTimeout(overdue)
  logger.info('stopped')
  return 0
}

const announce = (server: RunningServer): void => {
  const isTerminal = process.stdout.isTTY === true
  process.stdout.write(readyLine(server))
  if (server.config.mode === 'start') process.stdout.write(newcomersGuide(server, isTerminal))
  if (server.config.mode === 'dev') process.stdout.write(devGuide(server, isTerminal))
}
