// Against a small HTTP server that answers as a server in trouble does; the real server is used by the suites under tests/.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { parseAddress } from './caller.ts'
import { createClient, type Client } from './client.ts'
import { isCofferError } from './errors.ts'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

type Answer = (response: ServerResponse, seen: Seen) => void

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => (response) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
const written = { error: false, message: 'ok', data: { version: 1 } }

/** Answers in turn; the last answer goes on for ever. */
const serve = async (context: TestContext, ...answers: Answer[]): Promise<{ address: string; seen: Seen[] }> => {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() }
      seen.push(one)
      answers[Math.min(seen.length, answers.length) - 1]?.(response, one)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

const clientOf = (address: string, more: object = {}): Client => createClient({ address, token: 't0k-en!', retry: { baseSeconds: 0.001, maxSeconds: 0.002 }, ...more })

test('a body goes with its checksum, keyed with the token, over the very bytes that are sent', async (context) => {
  const { address, seen } = await serve(context, json(200, written))
  await clientOf(address, { organization: 'acme', project: 'api' }).secrets.put({ key: 'ü', value: 'wert ✓' })
  const [request] = seen
  assert.equal(request?.headers['x-coffer-body-hmac'], `sha256=${createHmac('sha256', 't0k-en!').update(request?.body ?? '').digest('hex')}`)
  assert.equal(request?.headers['x-coffer-organization'], 'acme')
  assert.equal(request?.headers['x-coffer-project'], 'api')
  assert.match(String(request?.headers['idempotency-key']), /^[0-9a-f-]{36}$/)
})

test('a write is tried again with the same key until it is answered', async (context) => {
  const { address, seen } = await serve(context, json(503, { error: true, message: 'busy', data: { code: 'queue.full' } }, { 'retry-after': '0' }), (response) => response.destroy(), json(200, written))
  assert.equal((await clientOf(address).secrets.put({ key: 'x', value: 'v' })).version, 1)
  assert.equal(seen.length, 3)
  assert.equal(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size, 1)
})

test('an operation without a key is sent once when its answer is lost', async (context) => {
  const { address, seen } = await serve(context, (response) => response.destroy())
  await assert.rejects(clientOf(address).tokens.create({ name: 'ci' }), { kind: 'unavailable', code: 'client.unreachable' })
  assert.equal(seen.length, 1)
})

test('retries end, and the last error is the one that is told', async (context) => {
  const { address, seen } = await serve(context, json(429, { error: true, message: 'slow down', data: { code: 'limit.rate' } }))
  await assert.rejects(clientOf(address, { retry: { retries: 2, baseSeconds: 0.001 } }).projects.list(), { kind: 'rate_limited', code: 'limit.rate', message: 'slow down' })
  assert.equal(seen.length, 3)
})

test('an error carries kind, code, field and request id', async (context) => {
  const { address } = await serve(context, json(400, { error: true, message: 'Name it.', data: { code: 'environment.unnamed', field: 'environment', requestId: 'req_1' } }))
  await assert.rejects(clientOf(address).secrets.list(), { name: 'CofferError', kind: 'invalid_request', code: 'environment.unnamed', field: 'environment', requestId: 'req_1', status: 400 })
})

test('the Vault form of errors is read too, and sealed is told apart from busy', async (context) => {
  const { address, seen } = await serve(context, json(503, { errors: ['Vault is sealed'] }))
  await assert.rejects(clientOf(address).system.health(), { kind: 'sealed', message: 'Vault is sealed' })
  assert.equal(seen.length, 1)
})

test('a page of something else is not taken for an answer, and is not repeated in the error', async (context) => {
  const { address } = await serve(context, (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'))
  await assert.rejects(clientOf(address).projects.list(), (error) => isCofferError(error) && error.code === 'client.answer' && !error.message.includes('Welcome'))
})

test('a redirect is not followed: it would carry the token elsewhere', async (context) => {
  const elsewhere = await serve(context, json(200, written))
  const { address } = await serve(context, (response) => response.writeHead(307, { location: `${elsewhere.address}/api/v1/projects` }).end())
  await assert.rejects(clientOf(address, { retry: { retries: 0 } }).projects.list(), { name: 'CofferError' })
  assert.equal(elsewhere.seen.length, 0)
})

test('a silent server ends in a time-out that names the address', async (context) => {
  const { address } = await serve(context, () => undefined)
  await assert.rejects(clientOf(address, { timeoutSeconds: 0.05, retry: { retries: 1, baseSeconds: 0.001 } }).projects.list(), (error) => isCofferError(error) && error.code === 'client.timeout' && error.message.includes(address))
})

test('the caller can end a call, also between two tries', async (context) => {
  const arrived = Promise.withResolvers<undefined>()
  const { address, seen } = await serve(context, (response, request) => {
    json(503, {}, { 'retry-after': '3600' })(response, request)
    arrived.resolve(undefined)
  })
  const controller = new AbortController()
  const call = assert.rejects(clientOf(address).projects.list({}, { signal: controller.signal }), { code: 'client.aborted' })
  await Promise.race([arrived.promise, call])
  controller.abort()
  await call
  assert.equal(seen.length, 1)
})

test('the token is asked for at each request, so a renewed one is used', async (context) => {
  const { address, seen } = await serve(context, json(200, { error: false, message: '', data: { items: [] } }))
  const tokens = ['first', 'second']
  const client = createClient({ address, token: () => Promise.resolve(tokens.shift()) })
  await client.projects.list()
  await client.projects.list()
  await client.projects.list()
  assert.deepEqual(seen.map(({ headers }) => headers['x-vault-token']), ['first', 'second', undefined])
})

test('a token that cannot be one is refused without being sent or quoted', async (context) => {
  const { address, seen } = await serve(context, json(200, written))
  for (const token of ['two words', 'line\nbreak', 'tök€n']) {
    await assert.rejects(createClient({ address, token }).projects.list(), (error) => isCofferError(error) && error.code === 'client.token' && !error.message.includes(token))
  }
  assert.equal(seen.length, 0)
})

test('an address with credentials, a path or another scheme is refused without being quoted', () => {
  for (const address of ['http://u:s3cret@host', 'https://host/path', 'ftp://host', 'host:8200', 'https://host?x=1', '']) {
    assert.throws(() => parseAddress(address), (error) => isCofferError(error) && error.code === 'client.address' && !error.message.includes('s3cret'))
  }
  assert.equal(parseAddress('https://Host.Example:443/'), 'https://host.example')
})
