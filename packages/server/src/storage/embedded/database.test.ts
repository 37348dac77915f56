import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from '../pool.ts'
import { findAccounts } from './account.ts'
import { spawnAs } from './process.ts'
import { startEmbeddedDatabase, type EmbeddedDatabase, type Log } from './database.ts'

const quiet: Log = () => undefined
const isRoot = process.getuid?.() === 0
const rootOnly = isRoot ? false : 'only root lends the database another account'

const temporary = async (t: TestContext): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-embedded-'))
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
  await chmod(directory, 0o755)
  return directory
}

const start = async (t: TestContext, dataDirectory: string, options: { log?: Log; outside?: string } = {}): Promise<EmbeddedDatabase> => {
  const database = await startEmbeddedDatabase({ dataDirectory, log: options.log ?? quiet, ...(options.outside === undefined ? {} : { outside: options.outside }) })
  t.after(() => database.stop())
  return database
}

/** One for the tests that only look, or that leave it running; with a path far too long for a socket. */
interface Shared {
  readonly top: string
  readonly directory: string
  readonly database: EmbeddedDatabase
}
let sharing: Promise<Shared> | undefined
const shared = (): Promise<Shared> => {
  sharing ??= (async () => {
    const top = await mkdtemp(join(tmpdir(), 'coffer-embedded-'))
    await chmod(top, 0o755)
    const directory = join(top, 'd'.repeat(100), 'e'.repeat(100), 'data')
    const database = await startEmbeddedDatabase({ dataDirectory: directory, log: quiet })
    return { top, directory, database }
  })()
  return sharing
}
after(async () => {
  if (sharing === undefined) return
  const { top, database } = await sharing
  await database.stop()
  await rm(top, { recursive: true, force: true })
})

const withPool = async <Result>(database: EmbeddedDatabase, use: (pool: Pool) => Promise<Result>, role = 'postgres'): Promise<Result> => {
  const pool = new Pool(database.connectionFor(role))
  try {
    return await use(pool)
  } finally {
    await pool.close()
  }
}

/** An orphan that ended stays a zombie until the system's first process gets round to it; it is dead all the same. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  for (let polls = 0; !(await condition()); polls += 1) {
    assert.ok(polls < 1_500, 'waited in vain')
    await sleep(20)
  }
}

/** A supervisor of its own, to be killed. It commits a row, says who is who, and holds the database. */
const startElsewhere = async (t: TestContext, dataDirectory: string, throwaway = false): Promise<{ child: ChildProcess; postmaster: number }> => {
  const script = `
    const { startEmbeddedDatabase } = await import(${JSON.stringify(new URL('./database.ts', import.meta.url).href)})
    const { Pool } = await import(${JSON.stringify(new URL('../pool.ts', import.meta.url).href)})
    const database = await startEmbeddedDatabase({ dataDirectory: ${JSON.stringify(dataDirectory)}, log() {}, throwaway: ${throwaway} })
    const pool = new Pool(database.connectionFor('postgres'))
    await pool.query('create table if not exists public.kept (n int)')
    await pool.query('insert into public.kept values (1)')
    console.log(database.pid)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer] // what the script prints
  return { child, postmaster: Number(line.toString()) }
}

const killAndReap = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** The shell that stops an orphaned server, recognised by its arguments. */
const findWatcher = async (postmaster: number): Promise<number> => {
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (words.includes('coffer-database-watch') && words.includes(String(postmaster))) return Number(pid)
  }
  throw new Error('nobody watches')
}

test('what was committed is there after a stop and a second start', async (t) => {
  const directory = join(await temporary(t), 'data')
  const first = await start(t, directory)
  assert.match(first.version, /^18\./)
  await withPool(first, async (pool) => {
    await pool.query('create table public.kept (n int)')
    await pool.query('insert into public.kept values (41)')
  })
  const { pid } = first
  await first.stop()
  assert.equal(isAlive(pid), false)

  const second = await start(t, directory)
  assert.deepEqual((await withPool(second, (pool) => pool.query('select n from public.kept'))).rows, [{ n: 41 }])
})

test('the running server is durable, local and verifies its pages', async () => {
  const { database } = await shared()
  const { rows } = await withPool(database, (pool) =>
    pool.query(`select name, setting from pg_settings where name in
      ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses', 'data_checksums', 'log_min_error_statement', 'log_error_verbosity') order by name`),
  )
  assert.deepEqual(rows, [
    { name: 'data_checksums', setting: 'on' },
    { name: 'fsync', setting: 'on' },
    { name: 'full_page_writes', setting: 'on' },
    { name: 'listen_addresses', setting: '' },
    { name: 'log_error_verbosity', setting: 'terse' },
    { name: 'log_min_error_statement', setting: 'panic' },
    { name: 'synchronous_commit', setting: 'on' },
  ])
})

test('each login role connects as itself, the owner and strangers not at all', async () => {
  const { database } = await shared()
  for (const role of ['coffer_app', 'coffer_jobs', 'coffer_audit', 'coffer_migrator']) {
    assert.deepEqual((await withPool(database, (pool) => pool.query('select current_user::text as who'), role)).rows, [{ who: role }])
  }
  for (const role of ['coffer_owner', 'nobody_at_all']) {
    await assert.rejects(withPool(database, (pool) => pool.query('select 1'), role), { kind: 'unavailable', code: 'storage.login_refused' })
  }
})

test('the socket is private, and another user is refused even where it can be reached', { skip: rootOnly }, async () => {
  const { database } = await shared()
  const { host, port } = database.connectionFor('coffer_app')
  const socketPath = join(host, `.s.PGSQL.${port}`)
  assert.equal((await stat(host)).mode & 0o777, 0o700)
  assert.ok(Buffer.byteLength(socketPath) <= 107)
  assert.ok(Buffer.byteLength(database.home) > 200)
  await chmod(host, 0o755)
  await chmod(socketPath, 0o777)

  process.seteuid?.('nobody') // the kernel tells the server who connects: the effective user at that moment
  const socket = createConnection({ path: socketPath })
  await once(socket, 'connect').finally(() => process.seteuid?.(0))
  const parameters = Buffer.from('user\0coffer_app\0database\0coffer\0\0')
  const header = Buffer.alloc(8)
  header.writeInt32BE(8 + parameters.length, 0)
  header.writeInt32BE(0x30000, 4)
  socket.write(Buffer.concat([header, parameters]))
  const [answer] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  assert.equal(answer.toString('latin1', 0, 1), 'E')
  assert.match(answer.toString('latin1'), /Peer authentication failed/)
  assert.doesNotMatch(await readFile(join(database.home, 'config', 'pg_hba.conf'), 'utf8'), /trust/)
})

test('a second server on the same directory is refused, and the first goes on', async () => {
  const { directory, database: first } = await shared()
  await assert.rejects(startEmbeddedDatabase({ dataDirectory: directory, log: quiet }), (error: Error & { kind?: string; code?: string }) => {
    assert.equal(error.kind, 'conflict')
    assert.equal(error.code, 'storage.directory_in_use')
    assert.match(error.message, new RegExp(`process ${process.pid}\\b`))
    return true
  })
  assert.deepEqual((await withPool(first, (pool) => pool.query('select 1 as n'))).rows, [{ n: 1 }])
})

test('of two servers that start at once on a new directory, one wins', async (t) => {
  const directory = join(await temporary(t), 'data')
  const results = await Promise.allSettled([start(t, directory), start(t, directory)])
  assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('a killed database server comes back by itself with all that was committed', async () => {
  const { database } = await shared()
  await withPool(database, async (pool) => {
    await pool.query('create table public.kept (n int)')
    await pool.query('insert into public.kept values (1)')
    const died = new Promise((resolve) => database.onExit(resolve))
    const back = new Promise<void>((resolve) => database.onRestart(resolve))
    const slow = assert.rejects(pool.query('select pg_sleep(60)'), { kind: 'unavailable' })
    const before = database.pid
    process.kill(before, 'SIGKILL')
    assert.deepEqual(await died, { code: null, signal: 'SIGKILL' })
    await back
    await slow
    assert.notEqual(database.pid, before)
    assert.deepEqual((await pool.query('select n from public.kept')).rows, [{ n: 1 }])
  })
})

test('when the supervisor is killed, the database stops, and a new start finds everything', async (t) => {
  const directory = join(await temporary(t), 'data')
  const { child, postmaster } = await startElsewhere(t, directory)
  await killAndReap(child)
  const database = await start(t, directory)
  assert.equal(isAlive(postmaster), false)
  assert.deepEqual((await withPool(database, (pool) => pool.query('select n from public.kept'))).rows, [{ n: 1 }])
})

test('a live server left behind is stopped before the new one starts', { skip: process.platform !== 'linux' && 'needs /proc' }, async (t) => {
  const directory = join(await temporary(t), 'data')
  const { child, postmaster } = await startElsewhere(t, directory)
  process.kill(await findWatcher(postmaster), 'SIGKILL')
  await killAndReap(child)
  assert.equal(isAlive(postmaster), true)

  const said: string[] = []
  const database = await start(t, directory, { log: (level, message) => level === 'warn' && said.push(message) })
  assert.equal(isAlive(postmaster), false)
  assert.match(said.join('\n'), new RegExp(`process ${postmaster}\\) is stopped first`))
  assert.deepEqual((await withPool(database, (pool) => pool.query('select n from public.kept'))).rows, [{ n: 1 }])
})

test('a pid file that names a process of somebody else harms nobody', async (t) => {
  const directory = join(await temporary(t), 'data')
  const first = await start(t, directory)
  await first.stop()
  const { database: account } = await findAccounts()
  const bystander = spawnAs(account, '/bin/sleep', ['60'], { stdio: 'ignore' }) // of the same account: PostgreSQL itself would think it a live server
  t.after(() => bystander.kill())
  assert.ok(bystander.pid !== undefined)
  await writeFile(join(first.home, 'cluster', 'postmaster.pid'), `${bystander.pid}\n${join(first.home, 'cluster')}\n`)
  await start(t, directory)
  assert.equal(isAlive(bystander.pid), true)
})

test('a throw-away database goes with its process, however that ends', async (t) => {
  const directory = join(await temporary(t), 'data')
  const { child, postmaster } = await startElsewhere(t, directory, true)
  await killAndReap(child)
  await until(async () => !isAlive(postmaster) && (await stat(directory).catch(() => undefined)) === undefined)
})

test('a cluster of another major version is refused', async (t) => {
  const directory = join(await temporary(t), 'data')
  const database = await start(t, directory)
  await database.stop()
  const marker = join(database.home, 'cluster', 'PG_VERSION')
  await writeFile(marker, '17\n')
  await assert.rejects(startEmbeddedDatabase({ dataDirectory: directory, log: quiet }), { code: 'storage.wrong_major_version' })
  assert.equal(await readFile(marker, 'utf8'), '17\n')
})

test('a start that fails leaves no process, lock or socket directory behind, and can be tried again', async (t) => {
  const directory = join(await temporary(t), 'data')
  const first = await start(t, directory)
  await first.stop()
  const control = join(first.home, 'cluster', 'global', 'pg_control')
  await rename(control, `${control}.away`)
  await assert.rejects(startEmbeddedDatabase({ dataDirectory: directory, log: quiet }), { kind: 'unavailable', code: 'storage.database_not_started' })
  const socketDirectory = (await readFile(join(first.home, 'socket-directory'), 'utf8')).trim()
  assert.equal(await stat(socketDirectory).catch(() => undefined), undefined)
  await rename(`${control}.away`, control)
  await start(t, directory)
})

test('a half-made cluster is made anew', async (t) => {
  const directory = join(await temporary(t), 'data')
  await mkdir(join(directory, 'database', 'cluster.new', 'base'), { recursive: true })
  const database = await start(t, directory)
  assert.deepEqual(await readdir(database.home).then((names) => names.filter((name) => name.startsWith('cluster'))), ['cluster'])
})

test('below a folder that its account cannot pass, the database lives outside, and is found again', { skip: rootOnly }, async (t) => {
  const top = await temporary(t)
  const [hidden, outside] = [join(top, 'private'), join(top, 'outside')]
  await mkdir(hidden, { mode: 0o700 })
  const said: string[] = []
  const options = { outside, log: (_: unknown, message: string) => void said.push(message) }
  const first = await start(t, join(hidden, 'data'), options)
  assert.ok(first.home.startsWith(`${outside}/`), first.home)
  assert.match(said.join('\n'), /is placed in .*cannot pass through .*private/)
  assert.equal((await stat(outside)).mode & 0o777, 0o711)
  assert.equal((await stat(hidden)).mode & 0o777, 0o700)
  await withPool(first, (pool) => pool.query('create table public.kept (n int)'))
  await first.stop()

  await chmod(hidden, 0o755) // reachable now: the pointer still decides, an empty second database would look like loss
  const second = await start(t, join(hidden, 'data'), options)
  assert.equal(second.home, first.home)
  await withPool(second, (pool) => pool.query('select n from public.kept'))
  await second.stop()

  await rm(first.home, { recursive: true })
  await assert.rejects(startEmbeddedDatabase({ dataDirectory: join(hidden, 'data'), log: quiet, outside }), { code: 'storage.database_missing' })
})

test('an existing database that became unreachable is not replaced by an empty one', { skip: rootOnly }, async (t) => {
  const top = await temporary(t)
  const parent = join(top, 'parent')
  const first = await start(t, join(parent, 'data'))
  await first.stop()
  await chmod(parent, 0o700)
  await assert.rejects(startEmbeddedDatabase({ dataDirectory: join(parent, 'data'), log: quiet, outside: join(top, 'outside') }), { code: 'storage.unreachable_database' })
})
