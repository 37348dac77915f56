// A whole server in its own processes: supervisor, embedded PostgreSQL, workers over the real channel. Linux only, as
// /proc shows what no program can say about itself.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, utimesSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { SealStatus } from '../kernel/ports/seal-control.ts'
import { startEmbeddedDatabase } from '../storage/embedded/database.ts'
import { Pool } from '../storage/pool.ts'
import { ask, isAlive, launch, realProgram, scratch, until, type Launched } from './testing/harness.ts'

interface Self {
  readonly pid: number
  readonly slot: number
  readonly unsealed: boolean
  readonly nodeId: string
}

/** What the real worker says of itself. */
interface Health {
  readonly sealed: boolean
}

interface Refusal {
  readonly kind: string
  readonly code: string
  readonly field?: string
}

const anyPort = ['--listen', '127.0.0.1:0']

/** Pids of the workers that listen now, by slot; the last entry of each slot counts. */
const listeningPids = (server: Launched): Map<number, number> =>
  new Map(server.entries().filter(({ message }) => message === 'worker listens').map(({ worker, pid }) => [worker ?? -1, pid ?? 0]))

const startServer = (t: TestContext, folder: string, flags: readonly string[] = []): Launched =>
  launch(t, ['server', ...anyPort, '--data-dir', join(folder, 'data'), '--seal', 'shamir', ...flags], { env: { HOME: folder } })

/** Initialised with three shares of which two open it. */
const initialise = (address: string): Promise<{ shares: readonly string[]; rootToken: string }> => ask(address, '/init', JSON.stringify({ shares: 3, threshold: 2 }))

test('`start` initialises once, keeps its secrets to files, and later starts find everything again', async (t) => {
  const folder = scratch(t)
  const options = { cwd: folder, env: { HOME: folder }, program: realProgram }
  const first = launch(t, ['start', ...anyPort], options)
  const address = await first.ready()
  assert.equal((await ask<Health>(address, '/v1/sys/health')).sealed, false)
  const data = join(folder, 'data')
  const nodeId = readFileSync(join(data, 'node-id'), 'utf8').trim()
  const token = readFileSync(join(data, 'login'), 'utf8').trim()
  assert.match(token, /^hvs\./)
  assert.ok(!`${first.stdout()}${first.stderr()}`.includes(token), 'the token is in the file only')
  assert.match(first.stdout(), /coffer login --data-dir \.\/data/)
  assert.equal(readFileSync(join(data, 'address'), 'utf8'), `${address}\n`)
  for (const name of ['login', 'node-id', 'address']) assert.equal(statSync(join(data, name)).mode & 0o777, 0o600, name)
  assert.equal(statSync(data).mode & 0o066, 0)
  const keys = join(folder, '.coffer', 'seal-keys')
  assert.equal(statSync(keys).mode & 0o777, 0o700)
  assert.deepEqual(readdirSync(keys), [`${nodeId}.key`])
  assert.equal(statSync(join(keys, `${nodeId}.key`)).mode & 0o777, 0o600)
  const pids = [...listeningPids(first).values()]
  first.kill('SIGTERM')
  assert.deepEqual(await first.exited, { code: 0, signal: null })
  assert.equal(existsSync(join(data, 'address')), false)
  assert.deepEqual(pids.filter(isAlive), [])

  // As a crash between initialising and naming the token's file leaves it; the next start completes that.
  const login = join(data, 'login')
  renameSync(login, `${login}.pending`)
  const second = launch(t, ['start', ...anyPort], options)
  assert.equal((await ask<Health>(await second.ready(), '/v1/sys/health')).sealed, false)
  assert.equal(readFileSync(join(data, 'node-id'), 'utf8').trim(), nodeId)
  assert.equal(readFileSync(login, 'utf8').trim(), token)
  assert.equal(existsSync(`${login}.pending`), false)
  assert.equal(second.entries().some(({ message }) => message === 'initialised'), false)
  const me = await fetch(`${await second.ready()}/api/v1/me`, { headers: { 'x-vault-token': token, connection: 'close' } })
  assert.equal(me.status, 200, 'the token opens the server')
})

test('`start` without a home directory says which setting is missing, and makes nothing', async (t) => {
  const folder = scratch(t)
  const server = launch(t, ['start', ...anyPort], { cwd: folder })
  assert.equal((await server.exited).code, 2)
  assert.match(server.stderr(), /seal\.key_file \(flag --seal-key-file, environment variable COFFER_SEAL_KEY_FILE\)/)
  assert.equal(existsSync(join(folder, 'data', 'database')), false)
})

test('--dev is unsealed with the given token and removes everything at exit, what a killed one left included', async (t) => {
  const temporary = scratch(t)
  const options = { env: { TMPDIR: temporary }, program: realProgram }
  const ours = (): readonly string[] => readdirSync(temporary).filter((name) => name.startsWith('coffer-dev-'))
  const killed = launch(t, ['server', '--dev', ...anyPort], options)
  await killed.ready()
  killed.kill('SIGKILL')
  await killed.exited
  const left = ours()
  assert.equal(left.length, 1)
  // What ends its database takes the data away; before that the directory is not old, whatever is said of it.
  await until(() => left.every((name) => !existsSync(join(temporary, name, 'data'))), 'the data of the killed one is gone')
  for (const name of left) utimesSync(join(temporary, name), 0, 0)

  const server = launch(t, ['server', '--dev', '--dev-root-token-id=any text', ...anyPort], options)
  const address = await server.ready()
  assert.equal((await ask<Health>(address, '/v1/sys/health')).sealed, false)
  const me = await fetch(`${address}/api/v1/me`, { headers: { 'x-vault-token': 'any text', connection: 'close' } })
  assert.equal(me.status, 200)
  const [base] = ours()
  assert.equal(ours().length, 1)
  assert.ok(base !== undefined && !left.includes(base))
  assert.equal(readFileSync(join(temporary, base, 'data', 'login'), 'utf8'), 'any text\n')
  assert.ok(!`${server.stdout()}${server.stderr()}`.includes('any text'))
  assert.ok(!readFileSync(`/proc/${server.pid}/cmdline`, 'utf8').includes('any text'), 'arguments are hidden')
  server.kill('SIGINT')
  assert.equal((await server.exited).code, 0)
  assert.deepEqual(readdirSync(temporary), [])
})

test('init, unseal and seal reach all workers whichever is asked; sealed workers are processes that never saw the key', async (t) => {
  const folder = scratch(t)
  const server = startServer(t, folder, ['--workers', '2'])
  const address = await server.ready()
  assert.deepEqual({ ...(await ask<SealStatus>(address, '/status')), version: '' }, { initialized: false, type: 'shamir', recoverySeal: false, shares: 0, threshold: 0, progress: 0, nonce: '', sealed: true, version: '' })
  const { shares, rootToken } = await initialise(address)
  assert.match(rootToken, /^hvs\./)
  assert.equal(shares.length, 3)
  assert.equal((await ask<Refusal>(address, '/init', '{"shares":1,"threshold":1}')).code, 'seal.already_initialised')
  assert.deepEqual(await ask<Refusal>(address, '/share', '00'.repeat(33)).then(({ kind, code, field }) => ({ kind, code, field })), { kind: 'invalid_request', code: 'seal.share_unknown', field: 'key' })

  assert.equal((await ask<SealStatus>(address, '/share', shares[0])).progress, 1)
  const open = await ask<SealStatus>(address, '/share', shares[2])
  assert.deepEqual([open.sealed, open.progress], [false, 0])
  const seen = new Map<number, boolean>()
  await until(async () => {
    const { pid, unsealed } = await ask<Self>(address, '/self')
    seen.set(pid, unsealed)
    return seen.size === 2
  }, 'both workers answer on the one port')
  assert.deepEqual([...seen.values()], [true, true])

  const before = listeningPids(server)
  await ask(address, '/seal', '')
  assert.equal((await ask<SealStatus>(address, '/status')).sealed, true)
  await until(() => [...listeningPids(server)].every(([slot, pid]) => before.get(slot) !== pid), 'both workers are replaced')
  await until(() => [...before.values()].every((pid) => !isAlive(pid)), 'the workers that had the key are gone')
  const after = new Set(listeningPids(server).values())
  assert.equal(after.size, 2)
  const given = server.entries().filter(({ message }) => message === 'worker unsealed').map(({ pid }) => pid)
  assert.equal(given.length, 2)
  assert.equal(given.some((pid) => after.has(pid ?? 0)), false)
  assert.equal((await ask<Self>(address, '/self')).unsealed, false)

  for (const share of shares.slice(0, 2)) await ask(address, '/share', share)
  assert.equal((await ask<Self>(address, '/self')).unsealed, true)
  for (const share of shares) assert.ok(!server.stderr().includes(share))
  assert.ok(!server.stderr().includes(rootToken))
})

test('a killed worker is replaced and gets the key again', async (t) => {
  const folder = scratch(t)
  const server = launch(t, ['start', ...anyPort], { cwd: folder, env: { HOME: folder } })
  const address = await server.ready()
  const { pid } = await ask<Self>(address, '/self')
  for (let round = 0; round < 3; round += 1) {
    const [victim] = [...listeningPids(server).values()]
    process.kill(victim ?? 0, 'SIGKILL')
    await until(() => ![...listeningPids(server).values()].includes(victim ?? 0), 'another worker listens')
  }
  const self = await ask<Self>(address, '/self')
  assert.notEqual(self.pid, pid)
  assert.deepEqual([self.slot, self.unsealed], [0, true])
  assert.match(await ask<string>(address, '/metrics'), /^coffer_worker_restarts_total\{worker="supervisor"\} 3$/m)
})

test('when the supervisor is killed its workers end, and the next start takes over', async (t) => {
  const folder = scratch(t)
  const server = startServer(t, folder, ['--workers', '2'])
  const address = await server.ready()
  await initialise(address)
  const pids = [...listeningPids(server).values()]
  assert.equal(pids.length, 2)
  server.kill('SIGKILL')
  await until(() => pids.every((pid) => !isAlive(pid)), 'the workers are gone')
  const next = startServer(t, folder)
  assert.equal((await ask<SealStatus>(await next.ready(), '/status')).initialized, true)
})

test('a second server on the same data directory or address is refused and harms nothing', async (t) => {
  const folder = scratch(t)
  const server = startServer(t, folder)
  const address = await server.ready()
  const sameData = startServer(t, folder)
  assert.equal((await sameData.exited).code, 5)
  assert.match(sameData.stderr(), /Another server \(process \d+\)/)
  mkdirSync(join(folder, 'other'))
  const sameAddress = launch(t, ['server', '--listen', new URL(address).host, '--data-dir', join(folder, 'other', 'data')], { env: { HOME: folder } })
  assert.equal((await sameAddress.exited).code, 5)
  assert.match(sameAddress.stderr(), /already|Another Coffer server/)
  assert.equal((await ask<Self>(address, '/self')).slot, 0)
})

test('a worker has nothing of ours in its environment, arguments or limits, and takes no signal meant for others', async (t) => {
  const folder = scratch(t)
  const secret = 'kestrel-42'
  const server = launch(t, ['start', ...anyPort], { cwd: folder, env: { HOME: folder, COFFER_TOKEN: secret, AWS_SECRET_ACCESS_KEY: secret, NODE_OPTIONS: '--no-deprecation' } })
  const address = await server.ready()
  const { pid } = await ask<Self>(address, '/self')
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  assert.deepEqual(environment.map((entry) => entry.split('=')[0]).filter((name) => name !== '').sort(), ['HOME', 'PATH', 'TMPDIR'])
  assert.ok(!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder))
  for (const process of [pid, server.pid]) {
    assert.match(readFileSync(`/proc/${process}/limits`, 'utf8'), /^Max core file size +0 +0 /m)
    assert.equal(Number.parseInt(readFileSync(`/proc/${process}/coredump_filter`, 'utf8'), 16), 0)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const) process.kill(pid, signal)
  process.kill(server.pid, 'SIGUSR1')
  assert.equal((await ask<Self>(address, '/self')).pid, pid)
  assert.doesNotMatch(server.stderr(), /Debugger listening/)
})

test('SIGTERM lets requests under way finish; a second one does not wait', async (t) => {
  const folder = scratch(t)
  const patient = startServer(t, folder)
  const address = await patient.ready()
  const { pid } = await ask<Self>(address, '/self')
  const slow = fetch(`${address}/slow`)
  await until(() => patient.entries().some(({ message }) => message === 'a slow request begins'), 'the request is under way')
  patient.kill('SIGTERM')
  assert.deepEqual(await (await slow).json(), { pid })
  assert.equal((await patient.exited).code, 0)

  const hurried = startServer(t, folder)
  const hanging = fetch(`${await hurried.ready()}/hang`).then(() => 'answered', () => 'cut off')
  await until(() => hurried.entries().some(({ message }) => message === 'a request hangs'), 'the request is under way')
  hurried.kill('SIGTERM')
  await until(() => hurried.entries().some(({ message }) => message === 'told to stop'), 'the first signal is taken')
  hurried.kill('SIGTERM')
  assert.equal((await hurried.exited).code, 0)
  assert.equal(await hanging, 'cut off')
})

test('an external database is brought to the schema and used; its password is nowhere', async (t) => {
  const folder = scratch(t)
  // A durable one: a server whose fsync is off, like the tests' own, is refused.
  const database = await startEmbeddedDatabase({ dataDirectory: join(folder, 'elsewhere'), log: () => undefined })
  t.after(() => database.stop())
  const { host, port, database: name, user } = database.connectionFor('postgres')
  const url = `postgresql://${user}:kestrel-42@localhost:${port}/${name}?host=${encodeURIComponent(host)}`
  const flagged = startServer(t, folder, ['--database-url', url])
  const address = await flagged.ready()
  await initialise(address)
  assert.equal(existsSync(join(folder, 'data', 'database')), false)
  const pool = new Pool(database.connectionFor('postgres'), { max: 1 })
  assert.equal((await pool.query<{ n: number }>('select count(*)::int as n from coffer.cluster')).rows[0]?.n, 1)
  await pool.close()
  const { pid } = await ask<Self>(address, '/self')
  for (const process of [flagged.pid, pid]) assert.ok(!readFileSync(`/proc/${process}/cmdline`, 'utf8').includes('kestrel'))
  assert.ok(!readFileSync(`/proc/${pid}/environ`, 'utf8').includes('kestrel'))
  assert.ok(!`${flagged.stdout()}${flagged.stderr()}`.includes('kestrel'))
  flagged.kill('SIGTERM')
  assert.equal((await flagged.exited).code, 0)
})

test('a start that fails leaves none of the workers behind that load their code meanwhile', async (t) => {
  const folder = scratch(t)
  // A database that never says a word, until it hangs up.
  const held: Socket[] = []
  const database = createServer((socket) => held.push(socket.on('error', () => undefined))).listen(0, '127.0.0.1')
  await once(database, 'listening')
  t.after(() => database.close())
  const { port } = database.address() as AddressInfo // listens on TCP
  const server = launch(t, ['server', ...anyPort, '--data-dir', join(folder, 'data'), '--seal', 'shamir', '--workers', '2'], { env: { HOME: folder, COFFER_DATABASE_URL: `postgresql://someone@127.0.0.1:${port}/nothing` } })
  const workers = (): readonly number[] => readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim().split(' ').map(Number)
  await until(() => held.length > 0, 'the database is asked')
  const ahead = workers()
  assert.equal(ahead.length, 2)
  database.close()
  for (const socket of held) socket.destroy()
  assert.notEqual((await server.exited).code, 0)
  await until(() => !ahead.some(isAlive), 'they have ended')
})

test('when the embedded database is killed it comes back and the server with it', async (t) => {
  const folder = scratch(t)
  const server = launch(t, ['start', ...anyPort], { cwd: folder, env: { HOME: folder }, program: realProgram })
  const address = await server.ready()
  const token = readFileSync(join(folder, 'data', 'login'), 'utf8').trim()
  const before = [...listeningPids(server).values()]
  process.kill(server.entries().find(({ message }) => message === 'embedded database runs')?.pid ?? 0, 'SIGKILL')
  await until(() => server.entries().some(({ message }) => message === 'The embedded database runs again.'), 'the database is started again')
  await until(async () => (await fetch(`${address}/api/v1/projects`, { headers: { 'x-vault-token': token, connection: 'close' } })).status === 200, 'the server answers again')
  assert.deepEqual([...listeningPids(server).values()], before, 'by the same workers')
})

test('a signal during the start stops the start', async (t) => {
  const folder = scratch(t)
  const server = startServer(t, folder)
  await until(() => server.entries().some(({ message }) => message === 'starting'), 'it has begun')
  server.kill('SIGTERM')
  assert.equal((await server.exited).code, 0)
  assert.equal(server.stdout(), '')
})

test('a wrong command line ends with code 2 and says why; --help with 0', async (t) => {
  const wrong = launch(t, ['server', '--listne', 'x'])
  assert.equal((await wrong.exited).code, 2)
  assert.match(wrong.stderr(), /--listne; did you mean --listen\?/)
  const help = launch(t, ['server', '--help'])
  assert.equal((await help.exited).code, 0)
  assert.match(help.stdout(), /--data-dir/)
  assert.equal((await launch(t, []).exited).code, 2)
})
