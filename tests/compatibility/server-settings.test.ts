// Settings that change while the server runs, and what looks at the running server: in Vault's statuses and shapes.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { scratchDirectory, startDevServer, startDurableServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const { root, server } = await startDevServer({ after })
await root.expect('POST', '/v1/secret/data/dev/x', { data: { a: 1 } })

test('pages of other origins are refused as a whole until they are allowed, also from a warm plan', async () => {
  const read = (origin: string) => root.call('GET', '/v1/secret/data/dev/x', undefined, { headers: { origin } })
  for (let n = 0; n < 3; n += 1) assert.equal((await read('https://a.example')).status, 200, 'nothing is said of it, and a browser keeps the answer from the page')
  assert.deepEqual((await root.expect('GET', '/v1/sys/config/cors')).json.data, { enabled: false })
  assert.equal((await root.call('OPTIONS', '/v1/secret/data/dev/x')).status, 405)
  await root.expect('PUT', '/v1/sys/config/cors', { allowed_origins: 'https://a.example', allowed_headers: ['X-Mine'] }, { status: 204 })
  const shown = (await root.expect('GET', '/v1/sys/config/cors')).json
  assert.deepEqual([shown.enabled, shown.data.allowed_origins, shown.data.allowed_headers.at(-1)], [true, ['https://a.example'], 'X-Mine'])
  for (let n = 0; n < 3; n += 1) {
    const [allowed, other] = [await read('https://a.example'), await read('https://b.example')]
    assert.deepEqual([allowed.status, allowed.headers['access-control-allow-origin'], allowed.headers['vary']], [200, 'https://a.example', 'Origin'])
    assert.deepEqual([other.status, other.json.errors, other.headers['access-control-allow-origin']], [403, ['origin not allowed'], undefined])
  }
  assert.equal((await root.call('GET', '/v1/secret/data/dev/x')).status, 200, 'a client that is no browser is not concerned')
  const ask = (origin: string, method: string) => root.as(undefined).call('OPTIONS', '/v1/secret/data/dev/x', undefined, { headers: { origin, 'access-control-request-method': method } })
  const answer = await ask('https://a.example', 'PUT')
  assert.deepEqual([answer.status, answer.headers['access-control-allow-methods'], answer.headers['access-control-max-age']], [200, 'DELETE,GET,OPTIONS,POST,PUT,PATCH,LIST', '300'])
  assert.match(String(answer.headers['access-control-allow-headers']), /X-Vault-Token,X-Mine$/)
  assert.deepEqual([(await ask('https://b.example', 'PUT')).status, (await ask('https://a.example', 'FOO')).status], [403, 405])
  await root.expect('PUT', '/v1/sys/config/cors', { allowed_origins: '*' }, { status: 204 })
  assert.equal((await read('https://b.example')).headers['access-control-allow-origin'], 'https://b.example')
  for (const body of [{}, { allowed_origins: ['*', 'https://a.example'] }, { allowed_origins: ['no origin'] }, { allowed_origins: ['https://a.example/path'] }, { allowed_origins: '*', allowed_headers: ['bad header'] }]) assert.equal((await root.call('PUT', '/v1/sys/config/cors', body)).status, 400, JSON.stringify(body))
  await root.expect('DELETE', '/v1/sys/config/cors', undefined, { status: 204 })
  assert.deepEqual((await root.expect('GET', '/v1/sys/config/cors')).json.data, { enabled: false })
})

test('headers of pages are kept by name, and none that frames a message or is the server\'s own', async () => {
  const at = '/v1/sys/config/ui/headers'
  assert.equal((await root.call('LIST', at)).status, 404)
  await root.expect('PUT', `${at}/X-Custom`, { values: ['a', 'b'] })
  assert.deepEqual((await root.expect('LIST', at)).json.data.keys, ['X-Custom'])
  assert.deepEqual((await root.expect('GET', `${at}/x-custom`)).json.data, { value: 'a' })
  assert.deepEqual((await root.expect('GET', `${at}/X-Custom?multivalue=true`)).json.data, { values: ['a', 'b'] })
  for (const [name, body] of [['X-Vault-Token', { values: ['a'] }], ['Content-Length', { values: ['1'] }], ['Set-Cookie', { values: ['a=b'] }], ['X-A', {}], ['X-A', { values: ['a\r\nX-B: c'] }], ['a%20b', { values: ['a'] }]] as const) assert.equal((await root.call('PUT', `${at}/${name}`, body)).status, 400, name)
  await root.expect('DELETE', `${at}/X-CUSTOM`, undefined, { status: 204 })
  assert.equal((await root.call('GET', `${at}/X-Custom`)).status, 404)
})

test('headers of records are chosen by name; one that carries a credential only as a hash', async () => {
  const at = '/v1/sys/config/auditing/request-headers'
  assert.deepEqual((await root.expect('GET', at)).json.data.headers, { 'correlation-id': { hmac: false }, 'x-correlation-id': { hmac: false } })
  await root.expect('PUT', `${at}/X-Foo`, { hmac: true }, { status: 204 })
  assert.deepEqual((await root.expect('GET', `${at}/X-Foo`)).json.data, { 'X-Foo': { hmac: true } })
  assert.deepEqual((await root.expect('GET', at)).json.headers['x-foo'], { hmac: true })
  for (const name of ['X-Vault-Token', 'Authorization', 'Cookie']) assert.equal((await root.call('PUT', `${at}/${name}`, { hmac: false })).status, 400, name)
  await root.expect('DELETE', `${at}/x-foo`, undefined, { status: 204 })
  assert.deepEqual((await root.call('GET', `${at}/x-foo`)).json.errors, ['Could not find header in config'])
})

test('settings are the platform\'s, and need sudo where Vault asks it', async () => {
  await root.expect('PUT', '/v1/sys/policies/acl/plain', { policy: 'path "sys/config/*" { capabilities = ["create", "read", "update", "delete", "list"] }' }, { status: 204 })
  const plain = root.as((await root.expect('POST', '/v1/auth/token/create', { policies: ['plain'] })).json.auth.client_token as string)
  for (const [method, target, body] of [['GET', 'cors', undefined], ['PUT', 'cors', { allowed_origins: '*' }], ['PUT', 'ui/headers/X-A', { values: ['a'] }], ['PUT', 'auditing/request-headers/X-A', {}]] as const) assert.equal((await plain.call(method, `/v1/sys/config/${target}`, body)).status, 403, target)
  assert.equal((await plain.call('GET', '/v1/sys/config/state/sanitized')).status, 200)
  await root.expect('POST', '/v1/sys/namespaces/tenant', {})
  assert.equal((await root.call('PUT', '/v1/sys/config/cors', { allowed_origins: '*' }, { headers: { 'x-vault-namespace': 'tenant' } })).status, 404)
})

test('the level of the log changes while the server runs, and goes back', async () => {
  const level = async (): Promise<string> => (await root.expect('GET', '/v1/sys/loggers')).json.data.coffer as string
  assert.equal(await level(), 'info')
  await root.expect('PUT', '/v1/sys/loggers', { level: 'error' }, { status: 204 })
  assert.equal(await level(), 'error')
  // The supervisor hears of it by a notice, which nobody waits for.
  await sleep(500)
  const before = server.entries().length
  process.kill(server.pid, 'SIGHUP')
  await root.expect('PUT', '/v1/sys/loggers/coffer', { level: 'trace' }, { status: 204 })
  assert.equal(await level(), 'debug')
  assert.equal(server.entries().slice(before).some(({ level: of }) => of === 'info'), false, 'the supervisor\'s is the same log')
  assert.deepEqual((await root.call('PUT', '/v1/sys/loggers', { level: 'x' })).json.errors, ['invalid level provided: unknown log level: x'])
  assert.deepEqual((await root.call('PUT', '/v1/sys/loggers/nope', { level: 'info' })).json.errors, ['logger "nope" not found'])
  await root.expect('DELETE', '/v1/sys/loggers', undefined, { status: 204 })
  assert.equal(await level(), 'info')
})

test('numbers come as Prometheus and as Vault\'s document', async () => {
  const text = await root.expect('GET', '/v1/sys/metrics?format=prometheus')
  assert.match(String(text.headers['content-type']), /^text\/plain; version=0\.0\.4/)
  assert.match(text.text, /^coffer_audit_available\{worker="0"\} 1$/m)
  const { json } = await root.expect('GET', '/v1/sys/metrics')
  assert.deepEqual(Object.keys(json), ['Timestamp', 'Gauges', 'Points', 'Counters', 'Samples'])
  assert.match(json.Timestamp, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC$/)
  assert.deepEqual(json.Gauges.find((gauge: { Name: string; Labels: { worker: string } }) => gauge.Name === 'coffer_audit_available' && gauge.Labels.worker === '0').Value, 1)
  assert.ok(json.Samples.some((sample: { Name: string; Count: number; Labels: { operation?: string } }) => sample.Name === 'coffer_request_seconds' && sample.Count > 0 && sample.Labels.operation === 'system.metrics'))
  assert.equal((await root.call('GET', '/v1/sys/metrics?format=nope')).status, 400)
  assert.equal((await root.as(undefined).call('GET', '/v1/sys/metrics')).status, 403)
})

test('requests under way are named without what they carry', async () => {
  const answer = await root.expect('GET', '/v1/sys/in-flight-req?list=false')
  const flight = answer.json[answer.requestId.replace(/^req_/, '')]
  assert.deepEqual([flight.request_path, flight.request_method], ['/v1/sys/in-flight-req', 'GET'])
  assert.match(flight.client_remote_address, /^127\.0\.0\.1:\d+$/)
  assert.equal(Object.keys((await root.expect('GET', '/v1/sys/in-flight-req')).json).length, 1, 'what was answered is gone')
})

test('machine, versions and counters say what there is, and what there is not is said plainly', async () => {
  const machine = (await root.expect('GET', '/v1/sys/host-info')).json.data
  assert.deepEqual(Object.keys(machine), ['cpu', 'cpu_times', 'disk', 'host', 'load', 'memory', 'timestamp'])
  assert.ok(machine.memory.total > machine.memory.available && machine.disk[0].total > 0 && machine.cpu.length > 0)
  const history = (await root.expect('LIST', '/v1/sys/version-history')).json.data
  assert.match(history.key_info[history.keys[0]].timestamp_installed, /^20\d\d-/)
  assert.ok((await root.expect('GET', '/v1/sys/internal/counters/tokens')).json.data.counters.service_tokens.total >= 1)
  assert.equal(typeof (await root.expect('GET', '/v1/sys/internal/counters/entities')).json.data.counters.entities.total, 'number')
  assert.equal((await root.expect('GET', '/v1/sys/internal/counters/activity')).json.warnings.length, 1)
  await root.expect('GET', '/v1/sys/internal/counters/activity/monthly', undefined, { status: 204 })
  for (const [target, status, words] of [['internal/counters/requests', 404, /removed/], ['license/status', 404, /enterprise-only/], ['pprof/heap', 400, /not taken/], ['monitor', 400, /not streamed/]] as const) {
    const answer = await root.call('GET', `/v1/sys/${target}`)
    assert.equal(answer.status, status, target)
    assert.match(answer.json.errors[0], words)
  }
  await root.expect('PUT', '/v1/sys/config/reload/audit', undefined, { status: 204 })
  assert.equal((await root.call('PUT', '/v1/sys/config/reload/nothing')).status, 404)
})

test('settings reach every worker and outlive a restart', async (t) => {
  const folder = scratchDirectory(t)
  const first = await startDurableServer(t, { folder, flags: ['--workers', '2'] })
  await first.root.expect('PUT', '/v1/sys/config/cors', { allowed_origins: 'https://a.example' }, { status: 204 })
  // Each call a connection of its own, so that both workers are asked.
  const denied = async (): Promise<boolean> => (await Promise.all(Array.from({ length: 12 }, () => first.root.call('GET', '/v1/sys/seal-status', undefined, { headers: { origin: 'https://b.example', connection: 'close' } })))).every(({ status }) => status === 403)
  await until(denied, 'both workers know')
  await first.server.stop()
  const second = await startDurableServer(t, { folder }, first.rootToken)
  assert.equal((await second.root.call('GET', '/v1/sys/seal-status', undefined, { headers: { origin: 'https://b.example' } })).status, 403)
})
