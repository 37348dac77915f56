// A malformed request never gets a 5xx or a stack trace, never brings a worker down and never changes anything
// (architecture, 9.7). Every operation with every kind of wrong input, as somebody who may do everything and as somebody
// who may do nothing.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { superuserOf } from '../support/database.ts'
import { exchange, type Answer, type Call, type Client } from '../support/http.ts'
import { isAlive } from '../support/processes.ts'
import { dataDirectoryOf, scratchDirectory, startDurableServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { bodies, headers, messages, queries, segments, values } from './corpus.ts'
import { build, httpOperations as all, pathFields } from './requests.ts'

/** Sealing takes no input and ignores what it gets, as in Vault; done once, it would end this test. */
const httpOperations = all.filter(({ id }) => id !== 'system.seal')

const scope = { after }
const folder = scratchDirectory(scope)
const { server, root, rootToken } = await startDurableServer(scope, { folder, flags: ['--limits-request-seconds', '3'] })
const superuser = superuserOf(scope, dataDirectoryOf(folder))
await root.expect('POST', '/api/v1/secrets/app/key?environment=prod', { value: 'x' })
const nobody: Client = root.as((await root.expect('POST', '/api/v1/tokens', { name: 'nobody' })).data.token as string)
after(() => nobody.close())
const workers = server.workers()

/** What requests could change; the audit record, leases and the feed change with time. */
const stateOf = async (): Promise<string> => {
  const tables = ['organizations', 'mounts', 'environments', 'secrets', 'secret_versions', 'secret_aliases', 'principals', 'groups', 'group_members', 'role_bindings', 'policies', 'tokens', 'keks', 'purpose_keys', 'seal_slots', 'entries', 'idempotency']
  const digests = await Promise.all(tables.map(async (table) => (await superuser.query<{ d: string }>(`select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') as d from coffer.${table} as t`)).rows[0]?.d))
  return digests.join()
}
const before = await stateOf()

const traces = /\bat [\w.<>]+ \(|node:internal|node_modules|\.ts:\d+|\.js:\d+|SQLSTATE|syntax error at|invalid input syntax|relation "|TypeError|undefined is not|Cannot read/

const bad: string[] = []
const judge = (what: string, { status, text }: Answer): void => {
  if (status >= 500 || traces.test(text)) bad.push(`${what.slice(0, 300)}: ${status} ${text.slice(0, 200)}`)
}

const many = async <Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> => {
  const queue = [...items]
  const runner = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
  }
  await Promise.all([runner(), runner(), runner(), runner()])
}

/** A refusal may come before the whole request was read; the connection is then cut, which is an answer too. */
const send = async (what: string, method: string, target: string, call: Call): Promise<void> => {
  try {
    judge(what, await exchange(root.address, method, target, { ...call, timeoutMs: 20_000 }))
  } catch (error) {
    if (!(error instanceof Error) || !/ECONNRESET|EPIPE|socket hang up|ECONNABORTED|Parse Error/.test(error.message)) bad.push(`${what}: ${String(error)}`)
  }
}

const nothingHappened = async (): Promise<void> => {
  assert.deepEqual(server.entries().filter(({ level, message }) => level === 'error' || message === 'request failed').slice(0, 3), [])
  assert.deepEqual(bad.splice(0).slice(0, 20), [])
  assert.deepEqual(server.workers(), workers)
  assert.ok(workers.every(isAlive))
  assert.equal(await stateOf(), before, 'nothing changed')
}

// Begun first, because the limit is looked at every half minute only.
const slow = [`POST /api/v1/me/renew HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{`, 'GET /v1/sys/health HTTP/1.1\r\nHost'].map((text) => talk(Buffer.from(text), 60_000))

test('bodies that are no JSON object, to every operation', async () => {
  const writes = httpOperations.filter(({ method }) => method !== 'GET')
  await many(writes.flatMap((operation) => bodies.map((body) => ({ operation, body }))), async ({ operation, body }) => {
    const { target } = build(operation, { environment: 'prod', key: 'app/key' })
    const answer = await root.call(operation.method, target, body).catch(() => undefined)
    if (answer === undefined) return
    judge(`${operation.id} ${String(body).slice(0, 60)}`, answer)
    if (answer.status < 400) bad.push(`${operation.id} took ${String(body).slice(0, 60)}`)
  })
  await nothingHappened()
})

test('values of every kind in every field of every operation', async () => {
  const cases = httpOperations.flatMap((operation) => Object.keys(operation.input).flatMap((field) => values.map((value) => ({ operation, field, value }))))
  await many(cases, async ({ operation, field, value }) => {
    const { target, body } = build(operation, { environment: 'prod', key: 'app/key', [field]: value })
    judge(`${operation.id} ${field}=${JSON.stringify(value).slice(0, 60)}`, await nobody.call(operation.method, target, body))
    // With everything allowed, one field too many makes sure that nothing is done.
    if (operation.method === 'GET') judge(`${operation.id} ${field}=${JSON.stringify(value).slice(0, 60)} as root`, await root.call('GET', target))
    else judge(`${operation.id} ${field} as root`, await root.call(operation.method, `${target}${target.includes('?') ? '&' : '?'}zz=1`, body))
  })
  await nothingHappened()
})

test('paths and queries that try to be read in two ways', async () => {
  const targets = httpOperations.flatMap((operation) => {
    const { target } = build(operation, { environment: 'prod', key: 'MARK', project: 'MARK', accessor: 'MARK', binding: 'MARK', name: 'MARK', secretId: 'MARK', path: 'MARK', alias: 'MARK' })
    const [path = ''] = target.split('?')
    const inPath = pathFields(operation).length > 0 ? segments.map((segment) => path.replaceAll('MARK', segment)) : []
    return [...inPath, ...queries.map((query) => `${path}${query}`)].map((hostile) => ({ operation, hostile: hostile.replaceAll(/[^\x21-\x7e]/g, '') }))
  })
  await many(targets, ({ operation, hostile }) => send(`${operation.method} ${hostile}`, operation.method, hostile, operation.method === 'GET' ? { token: 'hvs.nobody' } : { body: {} }))
  await many(targets.filter(({ operation }) => operation.method === 'GET'), async ({ hostile }) => judge(`GET ${hostile}`, await root.call('GET', hostile)))
  await nothingHappened()
})

test('headers', async () => {
  await many(headers.flatMap((each) => ['/api/v1/me', '/api/v1/secrets/app/key?environment=prod&reveal=true', '/v1/secrets/prod/app/key', '/v1/sys/health', '/v1/secret/data/prod/app/key'].map((target) => ({ each, target }))), async ({ each, target }) => {
    await send(`${target} ${JSON.stringify(each).slice(0, 80)}`, 'GET', target, { headers: each })
    const repeated = Object.values(each).some(Array.isArray)
    if (!repeated && !Object.hasOwn(each, 'x-vault-token') && !Object.hasOwn(each, 'authorization')) judge(`${target} ${JSON.stringify(each).slice(0, 80)} as root`, await root.call('GET', target, undefined, { headers: { 'x-vault-token': rootToken, ...each } }).catch(() => ({ status: 400, text: '' }) as Answer))
  })
  await nothingHappened()
})

test('messages that are none, or more than one', async () => {
  for (const { name, bytes, mostAnswers } of messages) {
    const said = await talk(Buffer.from(bytes as string), 1_500)
    const answers = [...said.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status))
    if (answers.length > mostAnswers) bad.push(`${name}: ${answers.length} answers`)
    // 501 is Node's own word for a transfer encoding or method that it does not know.
    if (answers.some((status) => status >= 500) || traces.test(said)) bad.push(`${name}: ${said.slice(0, 200)}`)
  }
  await nothingHappened()
})

test('bytes without meaning at the gRPC listener', async () => {
  const port = Number(/:(\d+)$/.exec(String(server.entries().find(({ message }) => message === 'ready')?.['grpcAddress']))?.[1])
  for (const { bytes } of messages) await talk(Buffer.from(bytes as string), 200, port)
  await nothingHappened()
})

test('every record of all this can be shipped', async () => {
  const { requestId } = await root.expect('GET', '/api/v1/me')
  await until(async () => (await root.expect('GET', `/api/v1/audit/events?requestId=${requestId}`)).data.items.length === 1, 'the last record has arrived behind all others', 30_000)
  assert.deepEqual(server.entries().filter(({ message }) => message === 'an audit sink failed').slice(0, 3), [])
})

test('a request that never ends is ended', async () => {
  for (const said of await Promise.all(slow)) assert.match(said, /^HTTP\/1\.1 408|\[closed\]$/)
  await nothingHappened()
})

/** Sends bytes and returns what came back until the other side closed or the time was over. */
function talk(bytes: Buffer, ms: number, port = Number(new URL(server.address).port)): Promise<string> {
  return new Promise((resolve) => {
    let said = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const timer = setTimeout(() => finish(''), ms)
    const finish = (end: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(said + end)
    }
    socket.on('data', (chunk) => (said += chunk.toString('latin1')))
    socket.on('error', () => finish('[closed]'))
    socket.on('close', () => finish('[closed]'))
  })
}
