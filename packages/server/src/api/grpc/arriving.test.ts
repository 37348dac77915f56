// What the calls of all connections take, against a listener with real clients: those whose message is not whole, those that send none, and those that are under way.

import assert from 'node:assert/strict'
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { test, type TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { credentials, makeClientConstructor, Metadata, status, type ServiceError } from '@grpc/grpc-js'
import { allContracts } from '../../platform/contracts.ts'
import { fail } from '../../kernel/errors.ts'
import type { Runner } from '../../request/pipeline.ts'
import { loadService, rpcPath } from './contract.ts'
import { startGrpc } from './server.ts'

const MESSAGE = 120_000
/** Of such messages that find room: 48 MiB, and 8 KiB for each call. */
const MOST = Math.floor((48 * 1_048_576) / (MESSAGE + 8192))

interface Stage {
  readonly port: number
  /** Of a message with so long a name. */
  call(nameBytes: number): Promise<string>
  session(): ClientHttp2Session
}

const start = async (t: TestContext, { requestSeconds = 30, runner }: { readonly requestSeconds?: number; readonly runner?: Runner } = {}): Promise<Stage> => {
  const id = allContracts.find(({ operation }) => operation.path === rpcPath('GetSecret'))?.operation.id ?? ''
  const door = await startGrpc({
    listen: { host: '127.0.0.1', port: 0 }, reusePort: false, requestSeconds, operations: allContracts, logger: { error: () => undefined },
    runners: () => (runner === undefined ? undefined : new Map([[id, runner]])),
    refuser: () => undefined,
    stream: () => undefined,
  })
  const sessions: ClientHttp2Session[] = []
  const rpc = loadService()['GetSecret']
  if (rpc === undefined) throw new Error('no GetSecret')
  const Client = makeClientConstructor(loadService(), 'SecretDeliveryService')
  const client = new Client(`localhost:${door.port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_retries': 0 })
  t.after(async () => {
    client.close()
    for (const session of sessions) session.destroy()
    await door.close(100)
  })
  const said = (error: ServiceError | null): string => (error === null ? 'answered' : `${status[error.code]} ${String(error.metadata?.get('x-coffer-error-code')[0] ?? '')}`)
  return {
    port: door.port,
    call: (nameBytes) => new Promise((resolve) => {
      client.makeUnaryRequest(rpc.path, rpc.requestSerialize, rpc.responseDeserialize, { secret_path: 'a'.repeat(nameBytes), client_token: 'b' }, new Metadata(), { deadline: Date.now() + 60_000 }, (error) => resolve(said(error)))
    }),
    session() {
      const session = connect(`http://127.0.0.1:${door.port}`)
      session.on('error', () => undefined)
      sessions.push(session)
      return session
    },
  }
}

/** A call that says nothing yet. */
const open = (session: ClientHttp2Session): ClientHttp2Stream => {
  const stream = session.request({ ':method': 'POST', ':path': rpcPath('GetSecret'), 'content-type': 'application/grpc', te: 'trailers' })
  stream.on('error', () => undefined).resume()
  return stream
}

const begun = (announced: number, sent: number): Buffer => {
  const bytes = Buffer.alloc(5 + sent)
  bytes.writeUInt32BE(announced, 1)
  return bytes
}

/** `grpc-status`, when the call is answered. */
const answer = (stream: ClientHttp2Stream): Promise<unknown> => new Promise((resolve) => stream.once('response', (headers) => resolve(headers['grpc-status'])).once('close', () => resolve(undefined)))

/** Asked again until it says this: what was sent before may not have arrived. */
const until = async (ask: () => Promise<string>, wanted: string): Promise<void> => {
  let said = ''
  for (let tries = 0; tries < 200 && said !== wanted; tries++) {
    if (tries > 0) await wait(25)
    said = await ask()
  }
  assert.equal(said, wanted)
}

const SEALED = 'UNAVAILABLE seal.sealed'
const BUSY = 'UNAVAILABLE server.busy'

test('messages that are not whole fill the room of all connections: then large ones are refused and small ones answered, until it is free again', async (t) => {
  const { call, session } = await start(t)
  const sessions = Array.from({ length: 5 }, session)
  for (let i = 0; i < MOST; i++) {
    const of = sessions[i % sessions.length]
    if (of !== undefined) open(of).write(begun(MESSAGE, MESSAGE - 5))
  }
  await until(() => call(100_000), BUSY)
  assert.equal(await call(1000), SEALED)
  for (const each of sessions.slice(1)) each.destroy()
  await until(() => call(100_000), SEALED)
})

test('calls that send nothing count, and so do their headers', async (t) => {
  const { call, session } = await start(t)
  for (let of = 0; of < 9; of++) {
    const each = session()
    for (let i = 0; i < 1000; i++) open(each)
  }
  await until(() => call(1), BUSY)
})

test('a message that does not come in time ends its call', async (t) => {
  const { session } = await start(t, { requestSeconds: 1 })
  const [silent, slow] = [open(session()), open(session())]
  slow.write(begun(MESSAGE, 100))
  assert.deepEqual(await Promise.all([answer(silent), answer(slow)]), [String(status.DEADLINE_EXCEEDED), String(status.DEADLINE_EXCEEDED)])
})

test('a call is closed whose message is too large, and takes no room for what it goes on to send', async (t) => {
  const { call, session } = await start(t)
  const of = session()
  for (let i = 0; i < 10; i++) {
    const stream = open(of)
    const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()))
    const answered = answer(stream)
    stream.write(begun(200_000, 100_000))
    for (let j = 0; j < 60 && !stream.closed; j++) {
      stream.write(Buffer.alloc(100_000))
      await wait(1)
    }
    assert.equal(await answered, String(status.RESOURCE_EXHAUSTED))
    await closed
  }
  assert.equal(await call(100_000), SEALED)
})

test('a message counts until its request is answered, also when its client has gone meanwhile', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  let running = 0
  const { call, session } = await start(t, {
    async runner({ raw: { body } }) {
      if (String(body?.['secret_path']).length >= MESSAGE) {
        running += 1
        await promise
      }
      throw fail('not_found', 'test.answered', 'There is nothing here.')
    },
  })
  const message = Buffer.from(loadService()['GetSecret']?.requestSerialize({ secret_path: 'a'.repeat(MESSAGE), client_token: 'b' }) ?? '')
  const leaving = session()
  for (let i = 0; i < 10; i++) open(leaving).end(Buffer.concat([begun(message.length, 0), message]))
  while (running < 10) await wait(5)
  const calls: Promise<string>[] = []
  let refused = 0
  while (refused === 0) {
    const [before, said] = [running, call(MESSAGE)]
    calls.push(said)
    void said.then((text) => { if (text === BUSY) refused += 1 })
    while (running === before && refused === 0) await wait(1)
  }
  assert.ok(running > MOST - 10 && running <= MOST, `${running} are running`)
  leaving.destroy()
  for (let i = 0; i < 5; i++) {
    await wait(20)
    assert.equal(await call(MESSAGE - 1), BUSY)
  }
  assert.equal(await call(1), 'NOT_FOUND test.answered')
  resolve()
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(['NOT_FOUND test.answered', BUSY]))
  assert.equal(await call(MESSAGE - 1), 'NOT_FOUND test.answered')
})
