// A throw-away PostgreSQL cluster from given binaries: fresh data, a random password, gone when it is stopped or when
// this process dies. PostgreSQL refuses to run as root, so as root it runs as `postgres`, else `nobody`.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'

export type Cluster = { password: string; folder: string; socketFolder: string; stop(): Promise<void> }
export type ClusterOptions = { binaries: string; settings?: Record<string, string> }

type Account = { uid: number; gid: number }

const gibibyte = 1024 ** 3

function findAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'))
  const entry = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody')
  if (entry === undefined) throw new Error('no account to run PostgreSQL as: neither postgres nor nobody is in /etc/passwd')
  return { uid: Number(entry[2]), gid: Number(entry[3]) }
}

/** Memory where there is enough of it: the same code path as on a disk, without waiting for one. */
function parentFolder(): string {
  if (!existsSync('/dev/shm')) return tmpdir()
  const { bavail, bsize } = statfsSync('/dev/shm')
  return bavail * bsize > 4 * gibibyte ? '/dev/shm' : tmpdir()
}

function makeFolders(account: Account | undefined): { folder: string; data: string; sockets: string } {
  const folder = mkdtempSync(join(parentFolder(), 'coffer-pg-'))
  chmodSync(folder, 0o711)
  // The account's own, so that the shell below can remove it when this process is gone.
  if (account !== undefined) chownSync(folder, account.uid, account.gid)
  const [data, sockets] = [join(folder, 'data'), join(folder, 's')]
  for (const path of [data, sockets]) {
    mkdirSync(path, { mode: 0o700 })
    if (account !== undefined) chownSync(path, account.uid, account.gid)
  }
  return { folder, data, sockets }
}

/** A clone below a 0700 folder is out of reach for the other account: it gets a copy that it can reach. */
function reachableBinaries(binaries: string, folder: string, account: Account | undefined): string {
  const probe = spawnSync(join(binaries, 'postgres'), ['--version'], { ...account, cwd: '/' })
  if (probe.status === 0) return binaries
  cpSync(dirname(binaries), join(folder, 'pg'), { recursive: true, verbatimSymlinks: true })
  if (account !== undefined) spawnSync('chown', ['-R', `${account.uid}:${account.gid}`, join(folder, 'pg')])
  return join(folder, 'pg', 'bin')
}

function initialise(binaries: string, data: string, password: string, account: Account | undefined): void {
  // Below the data folder's parent, readable by the account only; initdb wants a file, not standard input.
  const passwordFile = join(dirname(data), 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (account !== undefined) chownSync(passwordFile, account.uid, account.gid)
  const args = ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8', '--locale=C']
  const result = spawnSync(join(binaries, 'initdb'), args, { ...account, cwd: '/', encoding: 'utf8' })
  rmSync(passwordFile)
  if (result.status !== 0) throw new Error(`initdb failed: ${result.stderr}`, { cause: result.error })
}

async function waitUntilReady(data: string, hasExited: () => boolean): Promise<void> {
  const pidFile = join(data, 'postmaster.pid')
  for (;;) {
    // The eighth line of postmaster.pid is the postmaster's own word on its state.
    if (existsSync(pidFile) && readFileSync(pidFile, 'utf8').split('\n')[7]?.trim() === 'ready') return
    if (hasExited()) throw new Error(`PostgreSQL did not start: ${readFileSync(join(dirname(data), 'log'), 'utf8')}`)
    await delay(20)
  }
}

// The shell stops PostgreSQL and removes its folder when its standard input closes, which happens whatever way this process ends. The input is
// moved to descriptor 3 first, because a background job's own one is /dev/null.
const keeper = `folder=$1; shift; exec 3<&0
"$@" >"$folder/log" 2>&1 3<&- & child=$!
(read -r _ <&3; kill -INT "$child"; wait; while kill -0 "$child" 2>&-; do sleep 0.1; done; rm -rf "$folder") &
wait "$child"`

/** Starts a cluster; resolves when it takes connections as `postgres` on its socket (and on what `settings` add). */
export async function startCluster({ binaries, settings = {} }: ClusterOptions): Promise<Cluster> {
  const account = findAccount()
  const { folder, data, sockets } = makeFolders(account)
  const password = randomBytes(18).toString('hex')
  const reachable = reachableBinaries(binaries, folder, account)
  initialise(reachable, data, password, account)
  const all = { listen_addresses: '', max_connections: '300', unix_socket_directories: sockets, ...settings }
  const command = [join(reachable, 'postgres'), '-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const shell = spawn('/bin/sh', ['-c', keeper, 'sh', folder, ...command], {
    ...account, cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'inherit'],
  })
  const exit = once(shell, 'exit')
  let hasExited = false
  void exit.then(() => (hasExited = true))
  await waitUntilReady(data, () => hasExited)
  return {
    password, folder, socketFolder: sockets,
    async stop() {
      shell.stdin.end()
      await exit
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
