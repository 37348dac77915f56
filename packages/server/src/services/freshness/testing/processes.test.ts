// Workers as processes of their own: blocked, stopped, cut off, killed. Each runs this file as its program.

import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { testDatabase, type TestDatabase, type TestScope } from '../../../kernel/testing/database.ts'
import { listen } from '../../../storage/listen.ts'
import { Pool, type ConnectionSettings } from '../../../storage/pool.ts'
import { changesChannel } from '../notifier.ts'
import { makeReader, staleReads, type ConfirmedWrite, type ReadHistory } from './history.ts'
import { createRegisters, makeWorker, type TestWorker } from './rig.ts'
import { lastFirst } from '../../../kernel/testing/scope.ts'

const keys = ['a', 'b']
const role = 'freshness-worker'

type Command = { readonly do: 'block'; readonly ms: number } | { readonly do: 'report' }

const openWorker = (settings: ConnectionSettings): { worker: TestWorker; pool: Pool } => {
  const pool = new Pool(settings, { max: 6 })
  const worker = makeWorker({ database: pool, listen: (onWake) => listen(settings, { channel: changesChannel, onWake }) })
  return { worker, pool }
}

/** The child: reads all the time, also inside of what blocks its event loop. */
const runWorker = async (settings: ConnectionSettings): Promise<void> => {
  const { worker } = openWorker(settings)
  const reader = makeReader()
  const loading = new Set<string>()
  const readOnce = (key: string): void => {
    const beganAt = process.hrtime.bigint()
    const value = worker.registers.peek(key)
    if (value !== undefined) {
      reader.hit()
      return reader.saw(key, value, beganAt)
    }
    if (loading.has(key)) return
    loading.add(key)
    const loaded = worker.read(key).then((read) => reader.saw(key, read, beganAt))
    void loaded.catch(() => undefined).finally(() => loading.delete(key))
  }
  process.on('message', (command: Command) => {
    if (command.do === 'report') return process.send?.(reader.history())
    const end = performance.now() + command.ms
    while (performance.now() < end) keys.forEach(readOnce)
    return process.send?.('unblocked')
  })
  process.on('disconnect', () => process.exit())
  await worker.freshness.start()
  process.send?.('ready')
  for (;;) {
    keys.forEach(readOnce)
    await turn()
  }
}

const message = async (child: ChildProcess): Promise<unknown> => (await once(child, 'message'))[0] as unknown // the tuple is what our own child sends

const startProcess = async (scope: TestScope, settings: ConnectionSettings): Promise<ChildProcess> => {
  const { NODE_TEST_CONTEXT: _runner, ...env } = process.env
  const child = fork(import.meta.filename, [role, JSON.stringify(settings)], { env, execArgv: [] })
  scope.after(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  assert.equal(await message(child), 'ready')
  return child
}

const report = async (child: ChildProcess): Promise<ReadHistory> => {
  child.send({ do: 'report' } satisfies Command)
  return (await message(child)) as ReadHistory // what runWorker sends on report
}

interface Stage {
  readonly scope: TestScope
  readonly database: TestDatabase
  readonly writes: ConfirmedWrite[]
  readonly delays: number[]
  start(settings?: ConnectionSettings): Promise<ChildProcess>
  /** No read of this process, ever, saw what had been replaced. */
  check(child: ChildProcess): Promise<ReadHistory>
  /** Waits until this many more writes have been confirmed. */
  more(writes: number): Promise<void>
}

const scenario = (name: string, play: (stage: Stage) => Promise<void>): void =>
  void test(name, { timeout: 60_000 }, async (t) => {
    const scope = lastFirst(t)
    const database = await testDatabase(scope)
    await createRegisters(database.superuser, keys)
    const settings = database.settingsFor('coffer_app')
    const { worker, pool } = openWorker(settings)
    scope.after(() => pool.close())
    scope.after(() => worker.freshness.close())
    await worker.freshness.start()
    const writes: ConfirmedWrite[] = []
    const delays: number[] = []
    const over = new AbortController()
    const writing = write(worker, over.signal, { writes, delays })
    try {
      await play({
        scope,
        database,
        writes,
        delays,
        start: (own = settings) => startProcess(scope, own),
        async check(child) {
          const history = await report(child)
          assert.deepEqual(staleReads(writes, history), [])
          return history
        },
        async more(count) {
          const goal = writes.length + count
          while (writes.length < goal) await sleep(5)
        },
      })
    } finally {
      over.abort()
      await writing
    }
  })

const write = async (worker: TestWorker, signal: AbortSignal, { writes, delays }: { writes: ConfirmedWrite[]; delays: number[] }): Promise<void> => {
  for (let n = 0; !signal.aborted; n += 1) {
    const key = keys[n % keys.length] ?? ''
    const from = performance.now()
    const value = await worker.revoke(key).catch(() => undefined)
    if (value !== undefined) writes.push({ key, value, confirmedAt: process.hrtime.bigint() })
    delays.push(performance.now() - from)
    await sleep(10)
  }
}

/** A way to the database that can go silent, as a network does that drops packets. */
const startProxy = async (scope: TestScope, settings: ConnectionSettings) => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-proxy-'))
  const name = `.s.PGSQL.${settings.port}`
  const sockets = new Set<Socket>()
  let silent = false
  const server = createServer((client) => {
    const upstream = connect(join(settings.host, name))
    for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(from)
      from.on('data', (data) => void (silent || to.write(data)))
      from.on('close', () => to.destroy())
      from.on('error', () => to.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(join(directory, name), resolve))
  const dropAll = (): void => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  scope.after(async () => {
    dropAll()
    server.close()
    await rm(directory, { recursive: true, force: true })
  })
  return {
    settings: { ...settings, host: directory },
    cut: () => void (silent = true),
    restore: () => {
      silent = false
      dropAll()
    },
  }
}

const main = (): void => {
  scenario('processes that follow serve only what is current', async ({ start, check, more }) => {
    const children = await Promise.all([start(), start()])
    await more(50)
    for (const child of children) assert.ok((await check(child)).hits > 100)
  })

  scenario('a process whose event loop is blocked for 3 s loses its lease while it is blocked', async ({ start, check, more }) => {
    const [blocked, free] = await Promise.all([start(), start()])
    await more(10)
    blocked.send({ do: 'block', ms: 3_000 } satisfies Command)
    assert.equal(await message(blocked), 'unblocked')
    await more(20)
    await Promise.all([check(blocked), check(free)])
  })

  scenario('a process that was stopped for 5 s wakes up without a lease', async ({ start, check, more }) => {
    const [stopped, free] = await Promise.all([start(), start()])
    await more(10)
    for (let round = 0; round < 2; round += 1) {
      stopped.kill('SIGSTOP')
      await Promise.all([sleep(round === 0 ? 5_000 : 1_000), more(5)])
      stopped.kill('SIGCONT')
      await more(20)
    }
    await Promise.all([check(stopped), check(free)])
  })

  scenario('a process cut off from the database stops serving from its cache, and comes back with the connection', async ({ scope, database, start, check, more }) => {
    const proxy = await startProxy(scope, database.settingsFor('coffer_app'))
    const child = await start(proxy.settings)
    await more(10)
    proxy.cut()
    await Promise.all([sleep(4_000), more(5)])
    const { hits } = await check(child)
    await sleep(200)
    assert.equal((await check(child)).hits, hits, 'it answered from its cache without a lease')
    proxy.restore()
    for (let hitsAgain = hits; hitsAgain === hits; await sleep(50)) hitsAgain = (await check(child)).hits
    await more(20)
    await check(child)
  })

  scenario('a process that was killed delays a revocation by no more than its lease', async ({ start, more, delays }) => {
    const child = await start()
    await more(10)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await more(20)
    assert.ok(Math.max(...delays) < 5_000)
  })
}

if (process.argv[2] === role) await runWorker(JSON.parse(process.argv[3] ?? '') as ConnectionSettings) // written by startProcess
else main()
