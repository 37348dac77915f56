// Messages over the wire: headers, bodies, envelopes and errors in the form of each door.

import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, test } from 'node:test'
import { startTestWorker } from '../../compose/testing/worker.ts'
import { bodyHmac } from '../../crypto/body-hmac.ts'

const worker = await startTestWorker({ after })
const { origin, rootToken } = worker

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly text: string
  readonly json: { readonly error?: boolean; readonly message?: string; readonly data?: Readonly<Record<string, unknown>> | null; readonly errors?: readonly string[] }
}

/** Headers as pairs, so that one can be sent twice. */
const send = (method: string, path: string, options: { readonly headers?: readonly (readonly [string, string])[]; readonly body?: string } = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = (options.headers ?? []).flat()
    const outgoing = request(origin, { method, path, headers: ['host', 'localhost', ...headers, ...(options.body === undefined ? [] : ['content-length', String(Buffer.byteLength(options.body))])] }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: text.startsWith('{') ? (JSON.parse(text) as Answer['json']) : {} })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(options.body)
  })
const token = ['x-vault-token', rootToken] as const
const json = ['content-type', 'application/json'] as const
const put = (path: string, body: string, headers: readonly (readonly [string, string])[] = [json]) => send('POST', `/api/v1/secrets/${path}?environment=dev`, { headers: [token, ...headers], body })
const me = (...headers: (readonly [string, string])[]) => send('GET', '/api/v1/me', { headers })

test('a token comes as X-Vault-Token or as a bearer, or as both when they are the same', async () => {
  assert.equal((await me(token)).status, 200)
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) assert.equal((await me(['authorization', `${scheme} ${rootToken}`])).status, 200)
  assert.equal((await me(token, ['authorization', `Bearer ${rootToken}`])).status, 200)
  const two = await me(token, ['authorization', 'Bearer another'])
  assert.deepEqual([two.status, two.json.data?.['code']], [400, 'request.two_tokens'])
  for (const headers of [[], [['x-vault-token', '']], [['authorization', 'Bearer ']], [['authorization', `Basic ${rootToken}`]], [['x-vault-token', 'wrong']]] as (readonly [string, string])[][]) {
    const none = await me(...headers)
    assert.deepEqual([none.status, none.json.data?.['code'], none.headers['www-authenticate']], [401, 'token.invalid', 'Bearer'])
  }
})

test('a header that is given twice is refused, whichever of the two would count', async () => {
  for (const name of ['x-vault-token', 'authorization', 'x-coffer-project', 'x-coffer-organization', 'idempotency-key', 'X-Vault-Token']) {
    const value = name === 'authorization' ? `Bearer ${rootToken}` : name.toLowerCase() === 'x-vault-token' ? rootToken : 'secret'
    const headers = [...(name === 'authorization' || name.toLowerCase() === 'x-vault-token' ? [] : [token]), [name, value], [name.toUpperCase(), value]] as (readonly [string, string])[]
    const answer = await me(...headers)
    assert.deepEqual([answer.status, answer.json.data?.['code'], answer.json.data?.['field']], [400, 'request.bad_header', name.toLowerCase()])
  }
  assert.equal((await put('twice', '{"value":"v"}', [json, ['Content-Type', 'text/plain']])).status, 400)
})

test('headers of one meaning may both be given when they agree', async () => {
  assert.equal((await me(token, ['x-coffer-organization', 'root'], ['x-vault-namespace', 'root'])).status, 200)
  assert.equal((await me(token, ['x-coffer-organization', 'root'], ['x-vault-namespace', 'other'])).json.data?.['code'], 'request.both')
})

test('headers that are malformed are refused by name', async () => {
  for (const [name, value, field] of [['idempotency-key', 'a b', 'Idempotency-Key'], ['idempotency-key', 'x'.repeat(256), 'Idempotency-Key'], ['x-coffer-project', '../x', 'X-Coffer-Project'], ['x-vault-token', 'x'.repeat(9001), 'x-vault-token']] as const) {
    const answer = await me(...(name === 'x-vault-token' ? [] : [token]), [name, value])
    assert.deepEqual([answer.status, answer.json.data?.['field']], [400, field])
  }
})

test('a query names each thing once, and nothing unknown', async () => {
  for (const [query, code] of [['environment=dev&environment=prod', 'request.repeated_parameter'], ['environment=dev&Environment=x', 'request.unknown_field'], ['environment=%zz', 'request.bad_escape'], ['environment=%ff', 'request.bad_escape'], ['environment=a%00b', 'request.invalid_field']] as const) {
    const answer = await send('GET', `/api/v1/secrets?${query}`, { headers: [token] })
    assert.deepEqual([answer.status, answer.json.data?.['code']], [400, code], query)
  }
})

test('a body that was changed on its way is found by its HMAC', async () => {
  const body = '{"value":"v"}'
  const hmac = bodyHmac(rootToken, Buffer.from(body))
  assert.equal((await put('hmac', body, [json, ['x-coffer-body-hmac', hmac]])).status, 200)
  for (const [sent, given] of [['{"value":"w"}', hmac], [body, bodyHmac('another', Buffer.from(body))], [body, 'nonsense'], [body, hmac.slice(1)]] as const) {
    const answer = await put('hmac', sent, [json, ['x-coffer-body-hmac', given]])
    assert.deepEqual([answer.status, answer.json.data?.['code']], [400, 'request.body_hmac'])
  }
  assert.equal((await me(token, ['x-coffer-body-hmac', bodyHmac(rootToken, Buffer.alloc(0))])).status, 200, 'an empty body has one, too')
  assert.equal((await me(token, ['x-coffer-body-hmac', hmac])).status, 400)
})

test('a body is JSON, said to be or said to be nothing else', async () => {
  for (const type of ['application/json', 'application/json; charset=utf-8', 'application/merge-patch+json', 'application/x-www-form-urlencoded', 'APPLICATION/JSON']) assert.equal((await put('types', '{"value":"v"}', [['content-type', type]])).status, 200, type)
  assert.equal((await put('types', '{"value":"v"}', [])).status, 200)
  for (const type of ['text/plain', 'application/xml', 'multipart/form-data', 'application/jsonx']) {
    const answer = await put('types', '{"value":"v"}', [['content-type', type]])
    assert.deepEqual([answer.status, answer.json.data?.['code']], [415, 'request.media_type'], type)
  }
})

test('what is no JSON object is a 400 that repeats nothing of it', async () => {
  for (const body of ['swordfish', '"swordfish"', '[]', '1', 'null', '{"value":"swordfish"', '{"value":"swordfish","value":"x"}', `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`, '{"value":"\\ud800swordfish"}']) {
    const answer = await put('broken', body)
    assert.deepEqual([answer.status, answer.json.error], [400, true], body)
    assert.ok(!answer.text.includes('swordfish'))
  }
})

test('a body that is too large is a 413 before it is read', async () => {
  const answer = await put('large', `{"value":"${'x'.repeat(1024 * 1024 + 1)}"}`)
  assert.deepEqual([answer.status, answer.json.data?.['code']], [413, 'request.too_large'])
})

test('the native door answers error, message and data, and errors with code, field and request id', async () => {
  const good = await put('shape', '{"value":"v"}')
  assert.deepEqual(Object.keys(good.json), ['error', 'message', 'data'])
  assert.equal(good.json.error, false)
  const bad = await send('GET', '/api/v1/secrets/none?environment=dev', { headers: [token] })
  assert.deepEqual([bad.status, bad.json.error, bad.json.data?.['code'], bad.json.data?.['requestId']], [404, true, 'secret.not_found', bad.headers['x-request-id']])
  for (const answer of [good, bad]) {
    assert.deepEqual([answer.headers['cache-control'], answer.headers['x-content-type-options'], answer.headers['content-type']], ['no-store', 'nosniff', 'application/json; charset=utf-8'])
    assert.match(String(answer.headers['x-request-id']), /^req_[0-9a-f-]{36}$/)
  }
})

test('the flat door answers bare bodies, and errors in the native form', async () => {
  const body = JSON.stringify({ environment: 'dev', path: 'flat/x', ownerTeam: 'core', rotationStrategy: 'manual' })
  const made = await send('POST', '/v1/secrets', { headers: [token, json], body })
  assert.equal(made.status, 201)
  assert.deepEqual(Object.keys(made.json).sort(), ['createdAt', 'path', 'secretId', 'status'])
  const again = await send('POST', '/v1/secrets', { headers: [token, json], body })
  assert.deepEqual([again.status, again.json.error, again.json.data?.['code']], [409, true, 'secret.exists'])
})

test('the Vault door answers errors as Vault does', async () => {
  for (const [path, headers, status] of [['/v1/secret/data/dev/none', [token], 404], ['/v1/secret/data/dev/none', [], 403], ['/v1/sys/nothing', [token], 404]] as const) {
    const answer = await send('GET', path, { headers })
    assert.equal(answer.status, status, path)
    assert.ok(Array.isArray(answer.json.errors))
  }
})

test('a path with other methods is a 405, one with nothing a 404, one that reads two ways a 400', async () => {
  for (const [method, path, status] of [
    ['PUT', '/api/v1/me', 405], ['HEAD', '/api/v1/me', 405], ['OPTIONS', '/api/v1/me', 405], ['GET', '/api/v1/nothing', 404], ['GET', '/api/v1/me/', 404], ['GET', '/', 404],
    ['GET', '/api/v1/secrets/../me', 400], ['GET', '/api//v1/me', 400], ['GET', '/api/v1/%6de', 200], ['GET', '/api/v1/ME', 404],
  ] as const) assert.equal((await send(method, path, { headers: [token] })).status, status, `${method} ${path}`)
})

test('reads and deletions take no body', async () => {
  assert.equal((await send('DELETE', '/api/v1/secrets/shape?environment=dev', { headers: [token, json], body: '{"environment":"prod"}' })).status, 400)
})

test('health needs no token, tells its state by status, and each can be another number', async () => {
  const health = await send('GET', '/v1/sys/health')
  assert.equal(health.status, 200)
  for (const [name, value] of Object.entries({ initialized: true, sealed: false, standby: false, performance_standby: false })) assert.equal((health.json as Record<string, unknown>)[name], value)
  for (const name of ['version', 'cluster_name', 'server_time_utc', 'replication_performance_mode', 'replication_dr_mode']) assert.ok(name in health.json, name)
  assert.equal((await send('GET', '/v1/sys/health?activecode=299&standbyok=true&sealedcode=299')).status, 299)
  const head = await send('HEAD', '/v1/sys/health')
  assert.deepEqual([head.status, head.text], [200, ''])
  for (const code of ['99', '600', '2x0', '']) assert.equal((await send('GET', `/v1/sys/health?activecode=${code}`)).status, 400, code)
  assert.equal((await send('DELETE', '/v1/sys/health')).status, 405)
})

test('liveness, readiness and metrics are there for whoever watches', async () => {
  assert.deepEqual((await send('GET', '/healthz')).json, { status: 'alive' })
  assert.deepEqual((await send('GET', '/readyz')).json, { status: 'ready' })
  assert.match((await send('GET', '/metrics')).text, /^# HELP coffer_/m)
  assert.equal((await send('POST', '/metrics')).status, 405)
})
