// One run of the PostgreSQL server: started as a child in its own session (a Ctrl-C in the terminal must not
// stop it before its clients), watched, stopped. A small shell watches for the death of this process and stops
// the server then; if it was killed too, the next start stops what is left before it touches the files.

import { spawn, type ChildProcess } from 'node:child_process'
import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from '../../kernel/errors.ts'
import { clusterDirectory, type ClusterRequest, type Configuration } from './cluster.ts'
import { postgresLines, type Log } from './log.ts'
import { run, spawnAs } from './process.ts'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Postmaster {
  readonly pid: number
  readonly exited: Promise<Exit>
  stop(): Promise<void>
}

export interface PostmasterRequest extends ClusterRequest {
  readonly configuration: Configuration
  readonly log: Log
  /** Directories that the watching shell removes after this process is gone; only of a throw-away database. */
  readonly removeAfterwards: readonly string[]
}

/** Starts the server and waits until it accepts connections, through crash recovery if need be. */
export const startPostmaster = async (request: PostmasterRequest): Promise<Postmaster> => {
  const cluster = clusterDirectory(request.home)
  const child = spawnAs(request.account, request.binaries.postgres, ['-D', cluster, '-c', `config_file=${request.configuration.configFile}`], { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  let lastFatal = ''
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  })
  child.stderr?.on('data', postgresLines((level, message) => {
    if (/\b(FATAL|PANIC):/.test(message)) lastFatal = message
    request.log(level, message)
  }))
  const { pid } = child
  const ready = pid !== undefined && (await waitUntilReady(cluster, pid, exited, request.log))
  if (!ready) throw fail('unavailable', 'storage.database_not_started', `The embedded database did not start${lastFatal === '' ? '' : ` (${lastFatal})`}.`)
  const watcher = watchParent(cluster, pid, request)
  void exited.then(() => watcher.kill('SIGKILL'))
  unreference(child)
  return { pid, exited, stop: () => stopChild(child, exited) }
}

/** The handles must not keep a process alive that has nothing else to do. */
const unreference = (child: ChildProcess): void => {
  child.unref()
  for (const stream of [child.stdin, child.stderr]) {
    if (stream !== null && 'unref' in stream && typeof stream.unref === 'function') stream.unref()
  }
}

const readPidFile = async (cluster: string): Promise<{ pid: number; status: string } | undefined> => {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => undefined)
  const lines = text?.split('\n')
  const pid = Number(lines?.[0])
  return Number.isSafeInteger(pid) && pid > 1 ? { pid, status: lines?.[7]?.trim() ?? '' } : undefined
}

/** The eighth line of postmaster.pid is how pg_ctl sees it too; false when the process ended instead. */
const waitUntilReady = async (cluster: string, pid: number, exited: Promise<Exit>, log: Log): Promise<boolean> => {
  let ended = false
  void exited.then(() => (ended = true))
  for (let polls = 1; !ended; polls += 1) {
    const state = await readPidFile(cluster)
    if (state?.pid === pid && state.status === 'ready') return true
    if (polls % 1_000 === 0) log('info', 'The embedded database is still recovering.')
    await sleep(10)
  }
  return false
}

/** Arguments: postmaster.pid, the pid expected in it, signal, then directories to remove when all is over. The wait is bounded: a zombie that nobody reaps still has its pid. */
const watchScript = `read -r _
pid=; { read -r pid; } < "$1" 2>/dev/null
[ "$pid" = "$2" ] && kill -"$3" "$2" && { n=0; while [ $n -lt 100 ] && kill -0 "$2" 2>/dev/null; do sleep 0.1; n=$((n + 1)); done; }
shift 3
[ $# -eq 0 ] || rm -rf -- "$@"`

/** Its input is a socket that only we hold the other end of: it ends when we die, however that happens. */
const watchParent = (cluster: string, pid: number, { throwaway, removeAfterwards }: PostmasterRequest): ChildProcess => {
  const watcher = spawn('/bin/sh', ['-c', watchScript, 'coffer-database-watch', join(cluster, 'postmaster.pid'), String(pid), throwaway ? 'QUIT' : 'INT', ...removeAfterwards], {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watcher.on('error', () => undefined) // no shell: the next start does its work
  watcher.stdin?.on('error', () => undefined)
  unreference(watcher)
  return watcher
}

/** Fast shutdown; immediate when something holds it up; both leave a cluster that recovers. */
const stopChild = async (child: ChildProcess, exited: Promise<Exit>): Promise<void> => {
  for (const [signal, patience] of [['SIGINT', 8_000], ['SIGQUIT', 4_000], ['SIGKILL', 4_000]] as const) {
    child.kill(signal)
    const timer = new AbortController()
    const gone = await Promise.race([exited.then(() => true), sleep(patience, false, { signal: timer.signal }).catch(() => false)])
    timer.abort()
    if (gone) return
  }
}

/**
 * Stops a server that an earlier, killed supervisor left on these files. Never raced: a start over a live one would be
 * refused by PostgreSQL at best. The pid may since belong to somebody else, so the process must be at work in this cluster.
 */
export const stopLeftover = async (request: ClusterRequest, log: Log): Promise<void> => {
  const cluster = clusterDirectory(request.home)
  const left = await readPidFile(cluster)
  if (left === undefined) return
  if (!(await worksIn(left.pid, cluster))) return forgetReusedPid(left.pid, cluster)
  log('warn', `A database server left running by an earlier start (process ${left.pid}) is stopped first.`)
  for (const [signal, patience] of [['SIGINT', 10_000], ['SIGQUIT', 5_000], ['SIGKILL', 5_000]] as const) {
    signalIfAlive(left.pid, signal)
    for (let waited = 0; waited < patience; waited += 20) {
      if (!(await worksIn(left.pid, cluster))) return
      await sleep(20)
    }
  }
  throw fail('unavailable', 'storage.leftover_database', `A database server left by an earlier start (process ${left.pid}) does not stop.`)
}

/**
 * The pid now belongs to another process of the same account, as after a restart of a container. PostgreSQL would take
 * it for a live server for ever, so the file goes, once no process at all (a backend that outlived its postmaster) works
 * in the cluster. Nobody else can be about to: the caller holds the directory's lock.
 */
const forgetReusedPid = async (pid: number, cluster: string): Promise<void> => {
  if (platform !== 'linux' || !isRunning(pid)) return
  for (let waited = 0; waited < 5_000; waited += 50) {
    const busy = await Promise.all((await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map((name) => worksIn(Number(name), cluster)))
    if (!busy.includes(true)) return rm(join(cluster, 'postmaster.pid'), { force: true })
    await sleep(50)
  }
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const signalIfAlive = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // it has just ended
  }
}

/** The postmaster's working directory is its cluster. A process that is gone, or a zombie, has none. */
const worksIn = async (pid: number, cluster: string): Promise<boolean> => {
  if (platform === 'linux') {
    const [at, expected] = await Promise.all([readlink(`/proc/${pid}/cwd`).catch(() => ''), realpath(cluster)])
    return at === expected
  }
  const self = { name: '', uid: 0, gid: 0, separate: false }
  const outcome = await run(self, '/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)])
  return outcome.ok && outcome.output.includes('postgres') && outcome.output.includes(cluster)
}
