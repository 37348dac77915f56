// Audit devices over the wire: Vault's records in real files and sockets, nothing lost by kills, nothing stopped by a device
// that hangs, no value anywhere.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { afterwards, type Scope } from '../support/cleanup.ts'
import type { Client, Json } from '../support/http.ts'
import { dataDirectoryOf, scratchDirectory, startDevServer, startDurableServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const CANARY = 'canary-4b1d9c7e5f'

const entriesIn = (path: string): readonly Json[] => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Json) : [])
const pathsOf = (entries: readonly Json[], type: string): readonly string[] => entries.filter((entry) => entry.type === type).map((entry) => String(entry.request.path))
const hashOf = async (root: Client, device: string, input: string): Promise<string> => (await root.expect('POST', `/v1/sys/audit-hash/${device}`, { input })).json.data.hash as string
const enable = (root: Client, path: string, type: string, options: object, more: object = {}) => root.expect('PUT', `/v1/sys/audit/${path}`, { type, options, ...more }, { status: 204 })
const refused = async (root: Client, path: string, body: object, words: RegExp): Promise<void> => {
  const { status, json } = await root.call('PUT', `/v1/sys/audit/${path}`, body)
  assert.equal(status, 400, JSON.stringify(json))
  assert.match(json.errors[0], words)
}

/** What a listener on loopback got. One that is deaf takes connections and reads nothing. */
const listen = async (scope: Scope, isDeaf = false): Promise<{ readonly port: number; text(): string }> => {
  let text = ''
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    if (isDeaf) socket.pause()
    else socket.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterwards(scope, () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return { port: address === null || typeof address === 'string' ? 0 : address.port, text: () => text }
}

const folder = scratchDirectory({ after })
const { root, rootToken, server } = await startDevServer({ after }, [], `${CANARY}-root`)
const path = join(folder, 'audit.log')
await enable(root, 'file', 'file', { file_path: path }, { description: 'for the test' })
await root.expect('POST', '/v1/secret/data/dev/db', { data: { password: `${CANARY}-value`, pin: 421_337 } })
for (let n = 0; n < 4; n += 1) await root.expect('GET', '/v1/secret/data/dev/db')
await root.as('wrong-token').call('GET', '/v1/secret/data/dev/db')
await root.expect('PUT', '/v1/sys/policies/acl/none', { policy: 'path "nothing" { capabilities = ["read"] }' }, { status: 204 })
const made = (await root.expect('POST', '/v1/auth/token/create', { policies: ['none'], ttl: '1h' })).json.auth
await root.as(made.client_token as string).call('GET', '/v1/secret/data/dev/db')
const entries = async (): Promise<readonly Json[]> => {
  const id = (await root.expect('GET', '/v1/sys/mounts')).requestId.replace(/^req_/, '')
  await until(() => entriesIn(path).some((entry) => entry.type === 'response' && entry.request.id === id), 'the device has the last record')
  return entriesIn(path)
}

test('a device is listed beside the journal, as Vault lists it', async () => {
  const { json } = await root.expect('GET', '/v1/sys/audit')
  assert.deepEqual(json.data['file/'], { type: 'file', description: 'for the test', options: { file_path: path }, local: false, path: 'file/' })
  assert.deepEqual(Object.keys(json.data), ['file/', 'journal/'])
  assert.deepEqual(json['file/'], json.data['file/'])
})

test('the audit search finds what was recorded while a device was enabled', async () => {
  const { requestId } = await root.expect('GET', '/v1/secret/metadata/dev/db')
  let found: readonly Json[] = []
  await until(async () => {
    found = (await root.expect('GET', `/api/v1/audit/events?requestId=${requestId}`)).data.items as readonly Json[]
    return found.length > 0
  }, 'the record is found')
  assert.deepEqual(found.map(({ action, status, path: read }) => [action, status, read]), [['secret.read', 200, 'db']])
  for (const name of ['holder', 'request', 'actorId', 'accessorHmac']) assert.ok(!(name in (found[0] ?? {})), name)
})

test('a device gets a request and a response entry of every operation since it was enabled, warm reads too', async () => {
  const all = await entries()
  assert.equal(pathsOf(all, 'request')[0], 'sys/audit/file')
  assert.equal(pathsOf(all, 'request').filter((each) => each === 'secret/data/dev/db').length, 1 + 4 + 1 + 1)
  assert.deepEqual(pathsOf(all, 'request'), pathsOf(all, 'response'))
  const read = all.find((entry) => entry.request.operation === 'read' && entry.request.path === 'secret/data/dev/db')
  assert.deepEqual([read.request.mount_point, read.request.mount_type, read.request.mount_class, read.auth.policies, read.auth.token_type, read.auth.display_name, read.auth.policy_results.allowed], ['secret/', 'kv', 'secret', ['root'], 'service', 'root', true])
  assert.match(read.request.mount_accessor, /^kv_[0-9a-f]{8}$/)
  assert.equal(read.request.remote_address, '127.0.0.1')
  const warm = all.filter((entry) => entry.type === 'request' && entry.request.path === 'secret/data/dev/db' && entry.request.operation === 'read' && entry.request.remote_port === undefined)
  assert.ok(warm.length > 0, 'one was answered by a plan, which has no port to tell')
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('a device names values by the hash that sys/audit-hash gives, and only so', async () => {
  const text = JSON.stringify(await entries())
  const write = (await entries()).find((entry) => entry.request.operation === 'update' && entry.request.path === 'secret/data/dev/db')
  assert.equal(write.request.data.data.password, await hashOf(root, 'file', `${CANARY}-value`))
  assert.equal(write.request.data.data.pin, await hashOf(root, 'file', '421337'))
  assert.equal(write.request.client_token, await hashOf(root, 'file', rootToken))
  const denied = (await entries()).find((entry) => entry.error === 'permission denied' && entry.auth.client_token !== undefined)
  assert.equal(denied.auth.accessor, await hashOf(root, 'file', made.accessor as string))
  assert.notEqual(await hashOf(root, 'file', 'x'), await hashOf(root, 'journal', 'x'))
  for (const needle of [CANARY, '421337', made.client_token as string, made.accessor as string]) assert.ok(!text.includes(needle), needle)
  assert.ok(!server.stderr().includes(`${CANARY}-value`))
})

test('a device records a denial and an unknown token as such', async () => {
  const all = await entries()
  const unknown = all.filter((entry) => entry.request.path === 'secret/data/dev/db' && entry.auth.policy_results?.allowed === false)
  assert.equal(unknown.length, 4)
  assert.deepEqual(unknown.map((entry) => entry.error === (entry.type === 'request' ? 'permission denied' : '1 error occurred:\n\t* permission denied\n\n')), [true, true, true, true])
})

test('a device records the headers that were chosen, as they are or as a hash', async () => {
  await root.expect('PUT', '/v1/sys/config/auditing/request-headers/X-Secret', { hmac: true }, { status: 204 })
  for (let n = 0; n < 3; n += 1) await root.expect('GET', '/v1/secret/data/dev/db', undefined, { headers: { 'x-secret': `${CANARY}-header`, 'x-correlation-id': `c${n}`, 'x-other': 'not chosen' } })
  const found = (await entries()).filter((entry) => entry.type === 'request' && entry.request.headers?.['x-secret'] !== undefined)
  assert.deepEqual(found.map((entry) => entry.request.headers), ['c0', 'c1', 'c2'].map((id) => ({ 'x-correlation-id': [id], 'x-secret': [] as string[] })).map((each) => ({ ...each, 'x-secret': found[0]?.request.headers['x-secret'] })))
  assert.deepEqual(found[0]?.request.headers['x-secret'], [await hashOf(root, 'file', `${CANARY}-header`)])
})

test('a device is opened anew on SIGHUP, which stops nothing', async () => {
  renameSync(path, `${path}.1`)
  process.kill(server.pid, 'SIGHUP')
  await until(async () => {
    await root.expect('GET', '/v1/sys/leader')
    await root.expect('GET', '/v1/sys/key-status')
    return existsSync(path)
  }, 'the file is there again')
  await entries()
  assert.ok(entriesIn(`${path}.1`).length > 0)
})

test('a device that hangs or refuses stops neither a request nor another device, and its lag is in the metrics', async (t) => {
  const deaf = await listen(t, true)
  await enable(root, 'deaf', 'socket', { address: `127.0.0.1:${deaf.port}`, write_timeout: '1s' })
  await enable(root, 'gone', 'socket', { address: '127.0.0.1:1', skip_test: 'true' })
  const large = 'v'.repeat(2000)
  for (let n = 0; n < 300; n += 1) await root.expect('POST', '/v1/secret/data/dev/load', { data: Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`${large.slice(0, 60)}${at}`, n])) })
  await entries()
  const metrics = async (): Promise<string> => (await root.expect('GET', '/v1/sys/metrics?format=prometheus')).text
  for (const name of ['gone', 'deaf']) await until(async () => Number(new RegExp(`coffer_audit_device_backlog_frames\\{device="${name}"[^}]*\\} (\\d+)`).exec(await metrics())?.[1] ?? 0) > 0, `${name} is behind`)
  await until(async () => /coffer_audit_device_failures\{device="gone"[^}]*\} [1-9]/.test(await metrics()), 'its failures are counted')
  await until(() => server.entries().some((entry) => entry.message === 'an audit device failed; records wait for it' && entry['device'] === 'gone'), 'it is in the log')
  for (const name of ['gone', 'deaf']) await root.expect('DELETE', `/v1/sys/audit/${name}`, undefined, { status: 204 })
})

test('a device over TCP and in JSONx says the same', async (t) => {
  const listener = await listen(t)
  await enable(root, 'team/sock', 'socket', { address: `127.0.0.1:${listener.port}`, prefix: '@cee: ' })
  await enable(root, 'xml', 'file', { file_path: join(folder, 'audit.xml'), format: 'jsonx', mode: '0640' })
  await root.expect('GET', '/v1/sys/key-status')
  await until(() => listener.text().includes('"path":"sys/key-status"'), 'the listener has it')
  await until(() => readFileSync(join(folder, 'audit.xml'), 'utf8').includes('<json:string name="path">sys/key-status</json:string>'), 'the file has it')
  assert.ok(listener.text().startsWith('@cee: {"auth"'))
  assert.equal(statSync(join(folder, 'audit.xml')).mode & 0o777, 0o640)
  for (const name of ['team/sock', 'xml']) await root.expect('DELETE', `/v1/sys/audit/${name}`, undefined, { status: 204 })
})

test('a device that was disabled gets nothing more, and disabling it again is fine', async () => {
  await enable(root, 'short', 'file', { file_path: join(folder, 'short.log') })
  await root.expect('GET', '/v1/sys/key-status')
  await until(() => entriesIn(join(folder, 'short.log')).length > 0, 'it has something')
  for (let n = 0; n < 2; n += 1) await root.expect('DELETE', '/v1/sys/audit/short', undefined, { status: 204 })
  await entries()
  const before = entriesIn(join(folder, 'short.log')).length
  await entries()
  assert.equal(entriesIn(join(folder, 'short.log')).length, before)
})

test('a device is refused in Vault\'s words, and never below the server\'s own data', async () => {
  await refused(root, 'file', { type: 'file', options: { file_path: join(folder, 'b.log') } }, /^path already in use/)
  await refused(root, 'file/below', { type: 'file', options: { file_path: join(folder, 'b.log') } }, /^path already in use/)
  await refused(root, 'journal', { type: 'file', options: { file_path: join(folder, 'b.log') } }, /^path already in use/)
  await refused(root, 'b', { type: 'file', options: { file_path: path } }, /^file_path already in use/)
  await refused(root, 'b', { type: 'nope' }, /^unknown backend type: "nope"/)
  await refused(root, 'b', { type: 'file' }, /"file_path" is required/)
  await refused(root, 'b', { type: 'file', options: { file_path: join(folder, 'b.log'), log_raw: 'true' } }, /^log_raw is refused/)
  await refused(root, 'b', { type: 'socket', options: { address: '127.0.0.1:1' } }, /cannot be written to now/)
  await refused(root, 'b', { type: 'file', options: { file_path: join(folder, 'nowhere', 'b.log') } }, /cannot be written to now/)
  const home = /"data_dir":"([^"]+)"/.exec(server.stderr())?.[1] ?? assert.fail('the log names the data directory')
  await refused(root, 'b', { type: 'file', options: { file_path: join(home, 'audit', 'b.log') } }, /its own data/)
  // Named, not tried: nothing is there.
  for (const skip_test of ['false', 'true']) await refused(root, 'b', { type: 'file', options: { file_path: '/nowhere/at/all/b.log', skip_test } }, skip_test === 'true' ? /audit\.device_directories/ : /audit\.device_directories|cannot be written/)
  writeFileSync(join(folder, 'taken.log'), 'another program wrote this\n')
  await refused(root, 'b', { type: 'file', options: { file_path: join(folder, 'taken.log') } }, /something else than audit entries/)
  assert.equal(readFileSync(join(folder, 'taken.log'), 'utf8'), 'another program wrote this\n')
  assert.equal((await root.call('POST', '/v1/sys/audit-hash/none', { input: 'x' })).json.errors[0], 'unknown audit backend "none/"')
  assert.equal((await root.call('DELETE', '/v1/sys/audit/journal')).status, 400)
  assert.equal((await root.call('GET', '/v1/sys/audit/file')).status, 405)
  assert.deepEqual(Object.keys((await root.expect('GET', '/v1/sys/audit')).json.data), ['file/', 'journal/'])
})

test('a device is the platform\'s: neither a token without sudo nor another organization has any', async () => {
  await root.expect('PUT', '/v1/sys/policies/acl/auditor', { policy: 'path "sys/audit*" { capabilities = ["read", "update", "delete", "list"] }' }, { status: 204 })
  const auditor = root.as((await root.expect('POST', '/v1/auth/token/create', { policies: ['auditor'] })).json.auth.client_token as string)
  for (const [method, target] of [['GET', 'sys/audit'], ['PUT', 'sys/audit/z'], ['DELETE', 'sys/audit/file']] as const) assert.equal((await auditor.call(method, `/v1/${target}`, method === 'PUT' ? { type: 'file', options: { file_path: join(folder, 'z.log') } } : undefined)).status, 403)
  await root.expect('POST', '/v1/sys/namespaces/tenant', {})
  const below = { headers: { 'x-vault-namespace': 'tenant' } }
  assert.equal((await root.call('GET', '/v1/sys/audit', undefined, below)).status, 404)
  for (let times = 0; times < 2; times++) await root.expect('GET', '/v1/sys/mounts', undefined, below)
  assert.equal((await root.call('PUT', '/v1/sys/audit/z', { type: 'file', options: { file_path: join(folder, 'z.log') } }, below)).status, 404)
  assert.equal((await root.call('POST', '/v1/sys/audit-hash/file', { input: 'x' }, below)).status, 400)
  await entries()
  const tenant = entriesIn(path).filter((entry) => entry.request.namespace.path === 'tenant/')
  assert.ok(tenant.length >= 6, 'their records are there, with their namespace')
})

test('kills and restarts lose no record of a device, and a device goes on after them', async (t) => {
  const folder = scratchDirectory(t)
  const path = join(folder, 'audit.log')
  const first = await startDurableServer(t, { folder, flags: ['--workers', '2'] })
  await enable(first.root, 'file', 'file', { file_path: path })
  const acknowledged: string[] = []
  const ask = async (root: Client, count: number): Promise<void> => {
    const goal = acknowledged.length + count
    await until(async () => {
      const answer = await root.call('GET', `/v1/secret/metadata/dev/nothing-${acknowledged.length}`).catch(() => undefined)
      if (answer !== undefined) acknowledged.push(answer.requestId.replace(/^req_/, ''))
      return acknowledged.length >= goal
    }, 'requests are answered')
  }
  const asking = ask(first.root, 120)
  for (const [at, pid] of first.server.workers().entries()) {
    await until(() => acknowledged.length > 30 * (at + 1), 'requests are answered')
    process.kill(pid, 'SIGKILL')
  }
  await asking
  await until(async () => (await first.root.call('GET', '/v1/sys/health').catch(() => undefined))?.status === 200, 'it answers again')
  await ask(first.root, 50)
  await first.server.stop('SIGKILL')
  const second = await startDurableServer(t, { folder }, first.rootToken)
  await ask(second.root, 50)
  assert.ok(acknowledged.length > 150)
  const missing = (): readonly string[] => {
    const seen = new Set(entriesIn(path).filter((entry) => entry.type === 'response').map((entry) => String(entry.request.id)))
    return acknowledged.filter((id) => !seen.has(id))
  }
  await until(() => missing().length === 0, 'the device has every record')
  assert.deepEqual(Object.keys((await second.root.expect('GET', '/v1/sys/audit')).json.data), ['file/', 'journal/'])
  // Ended streams go when the device has them, too.
  await second.server.stop()
  assert.ok(readdirSync(join(dataDirectoryOf(folder), 'audit')).includes('devices.json'))
})

test('standard output can be a device', async (t) => {
  const { root, server } = await startDevServer(t)
  await enable(root, 'out', 'file', { file_path: 'stdout' })
  await root.expect('GET', '/v1/sys/key-status')
  await until(() => server.stdout().includes('"path":"sys/key-status"'), 'it is on standard output')
})
