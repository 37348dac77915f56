// kill -9 of the supervisor, of workers and of the embedded database under writes and reveals: whatever was acknowledged
// is there afterwards, with its audit record, exactly once (architecture, sections 6 and 9.2, 9.3).

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { superuserOf } from '../support/database.ts'
import { client, type Client } from '../support/http.ts'
import { isAlive, killProcess, processesNaming } from '../support/processes.ts'
import { dataDirectoryOf, launchDurableServer, scratchDirectory, startDurableServer, type Server } from '../support/server.ts'
import { numberFromEnvironment, until } from '../support/wait.ts'
import { makeLedger, type Ledger } from './kill/ledger.ts'
import { runReader } from './kill/reader.ts'
import { Writer } from './kill/writer.ts'

const rounds = numberFromEnvironment('COFFER_TEST_KILL_ROUNDS', 50)
const flags = ['--workers', '2', '--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '64MiB']

type Victim = 'worker' | 'workers' | 'database' | 'supervisor'
/** Ten kills for two lives of the server; starts are what takes time. */
const order: readonly Victim[] = ['worker', 'database', 'worker', 'workers', 'supervisor', 'database', 'worker', 'database', 'workers', 'supervisor']

interface World {
  readonly t: TestContext
  readonly folder: string
  readonly rootToken: string
  readonly ledger: Ledger
  server: Server
}

test(`${rounds} times kill -9: no acknowledged write and no audit record is lost`, { timeout: 600_000 }, async (t) => {
  const folder = scratchDirectory(t)
  const { server, rootToken, root } = await startDurableServer(t, { folder, flags })
  const world: World = { t, folder, rootToken, ledger: makeLedger(), server }
  const stop = new AbortController()
  const common = { token: rootToken, ledger: world.ledger, address: () => world.server.address, stop: stop.signal }
  const writers = [0, 1, 2, 3].map((n) => new Writer({ ...common, name: `w${n}/secret` }))
  const readers = [0, 1].map(() => runReader({ ...common, writers }))
  const running = [...writers.map((writer) => writer.run()), ...readers]
  let failure: unknown
  for (const client of running) client.catch((error: unknown) => (failure = error))

  for (let round = 0; round < rounds; round += 1) {
    const goal = world.ledger.total + 12
    await until(() => failure !== undefined || world.ledger.total >= goal, `the service is back in round ${round}`)
    if (failure !== undefined) break
    if (round === 0) await refusesSecondServer(world)
    await kill(world, order[round % order.length] ?? 'worker')
  }
  const goal = world.ledger.total + 12
  await until(() => failure !== undefined || world.ledger.total >= goal, 'the service is back after the last round')
  stop.abort()
  await Promise.all(running)
  root.close()
  t.diagnostic(`answers: ${JSON.stringify(Object.fromEntries(world.ledger.outcomes))}`)
  assert.ifError(failure)
  assert.deepEqual(world.ledger.broken, [])

  const now = client(world.server.address, rootToken)
  for (const writer of writers) await everyValueIsThere(now, writer)
  await everyRecordIsThere(world, now)
  await until(async () => (await now.expect('POST', '/api/v1/audit/verify', {})).data.intact === true, 'the audit record is intact', 5_000).catch(async () => {
    assert.deepEqual((await now.expect('POST', '/api/v1/audit/verify', {})).data.findings, [])
  })
  now.close()
  assert.equal((await world.server.stop()).code, 0)
  await until(() => processesNaming(folder).length === 0, `nothing of it runs any more: ${JSON.stringify(processesNaming(folder))}`, 20_000)
})

const refusesSecondServer = async ({ t, folder, server }: World): Promise<void> => {
  const second = launchDurableServer(t, { folder, flags })
  assert.equal((await second.exited).code, 5)
  assert.match(second.stderr(), /Another server \(process \d+\)/)
  assert.ok(isAlive(server.pid))
}

const kill = async (world: World, victim: Victim): Promise<void> => {
  const { server } = world
  const workers = server.workers()
  if (victim === 'worker') killProcess(workers.find(isAlive) ?? 0)
  else if (victim === 'workers') for (const pid of workers) killProcess(pid)
  else if (victim === 'database') await killDatabase(server)
  else {
    const database = server.database()
    killProcess(server.pid)
    await server.exited
    world.server = (await startDurableServer(world.t, { folder: world.folder, flags }, world.rootToken)).server
    assert.deepEqual(workers.filter(isAlive), [], 'workers end with their supervisor')
    assert.ok(!isAlive(database) || world.server.database() !== database, 'the database of the killed server was stopped first')
    assert.equal(processesNaming(dataDirectoryOf(world.folder)).filter(({ command }) => /\bpostgres -D/.test(command)).length, 1, 'one database server')
  }
}

/** The postmaster and all of its backends at once, as the kernel does when memory is out. */
const killDatabase = async (server: Server): Promise<void> => {
  await until(() => server.database() > 1, 'the database runs')
  killProcess(server.database())
}

/** Every acknowledged version has its value; a deleted secret is brought back to be looked at. */
const everyValueIsThere = async (now: Client, writer: Writer): Promise<void> => {
  if (writer.state.deleted) await now.expect('POST', `/api/v1/secrets/${writer.path}/restore?environment=prod`, {})
  assert.ok(writer.values.size > 0)
  for (const [version, value] of writer.values) {
    const answer = await now.expect('GET', `/api/v1/secrets/${writer.path}?environment=prod&reveal=true&version=${version}`)
    assert.equal(answer.data.value, value, `${writer.path} version ${version}`)
  }
  const { data } = await now.expect('GET', `/api/v1/secrets/${writer.path}?environment=prod`)
  assert.equal(data.currentVersion, writer.state.current)
  assert.equal(data.aliases.next ?? 0, writer.state.next)
}

/** By the search that operators use, and by counting rows past every policy. */
const everyRecordIsThere = async ({ t, folder, ledger }: World, now: Client): Promise<void> => {
  let counts = new Map<string, number>()
  const missing = (): string[] => [...ledger.acknowledged.keys()].filter((id) => !counts.has(id))
  await until(async () => {
    counts = await searchAll(now)
    return missing().length === 0
  }, 'every acknowledged request is in the audit record', 40_000).catch(() => assert.deepEqual(missing().map((id) => `${id} ${ledger.acknowledged.get(id)}`).slice(0, 10), []))
  const twice = [...ledger.acknowledged].filter(([id]) => counts.get(id) !== 1)
  assert.deepEqual(twice, [], 'each exactly once')
  const { rows } = await superuserOf(t, dataDirectoryOf(folder)).query<{ n: number }>('select count(*)::int as n from (select id from coffer.audit_events group by id having count(*) > 1) as repeated')
  assert.equal(rows[0]?.n, 0, 'no event twice in the table')
  t.diagnostic(`${ledger.acknowledged.size} acknowledged requests, each with its record`)
}

const searchAll = async (now: Client): Promise<Map<string, number>> => {
  const counts = new Map<string, number>()
  for (let after = ''; ; ) {
    const { data } = await now.expect('GET', `/api/v1/audit/events?limit=500${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`)
    for (const { requestId } of data.items as { requestId: string }[]) counts.set(requestId, (counts.get(requestId) ?? 0) + 1)
    if (data.next === undefined) return counts
    after = data.next as string
  }
}
