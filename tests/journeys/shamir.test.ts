// The ceremony of a sealed server, through Vault's own endpoints: initialise with shares, open with a threshold of them,
// seal, and open again. Two workers share the port throughout.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Agent } from 'node:http'
import { makeApproleLogin } from '../support/approle.ts'
import { client, exchange } from '../support/http.ts'
import { isAlive } from '../support/processes.ts'
import { scratchDirectory, startServer, type Server } from '../support/server.ts'
import { until } from '../support/wait.ts'

const status = async (server: Server, path: string): Promise<number> => (await exchange(server.address, 'GET', path)).status

test('a server with shares is opened by a threshold of them, and after a seal no old process is left', async (t) => {
  const folder = scratchDirectory(t)
  const server = await startServer(t, { args: ['server', '--data-dir', join(folder, 'data'), '--seal', 'shamir', '--workers', '2', '--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB'] })

  assert.equal(await status(server, '/v1/sys/health'), 501)
  assert.equal(await status(server, '/v1/sys/health?uninitcode=299'), 299)
  assert.equal(await status(server, '/readyz'), 503)
  assert.equal((await exchange(server.address, 'PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 2 } })).status, 400)

  const made = (await exchange(server.address, 'PUT', '/v1/sys/init', { body: { secret_shares: 5, secret_threshold: 3 } })).json
  assert.equal(made.keys.length, 5)
  assert.equal(await status(server, '/v1/sys/health'), 503)
  assert.equal((await exchange(server.address, 'PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } })).status, 400)

  const root = client(server.address, made.root_token)
  assert.equal((await exchange(server.address, 'GET', '/api/v1/me', { token: made.root_token })).status, 503)
  const unseal = async (key: string) => (await exchange(server.address, 'PUT', '/v1/sys/unseal', { body: { key } })).json
  assert.deepEqual((await unseal(made.keys[0])).progress, 1)
  assert.deepEqual((await unseal(made.keys[0])).progress, 1, 'the same share twice counts once')
  assert.equal((await exchange(server.address, 'PUT', '/v1/sys/unseal', { body: { key: '00'.repeat(33) } })).status, 400, 'a share of nothing is refused and named')
  assert.deepEqual((await unseal(made.keys_base64[2])).progress, 2)
  assert.equal((await unseal(made.keys[4])).sealed, false)

  await until(async () => (await status(server, '/v1/sys/health')) === 200, 'the server serves')
  // Unsealing reaches all workers: each connection may meet another.
  for (let i = 0; i < 20; i++) assert.equal(await status(server, '/v1/sys/health'), 200)
  await root.expect('POST', '/api/v1/secrets/a?environment=dev', { value: 'x' })
  const approle = await makeApproleLogin(root)
  const agent = new Agent({ keepAlive: true })
  const inline = () => exchange(server.address, 'GET', '/v1/secret/data/dev/a', { headers: approle.headers, agent })
  const login = () => exchange(server.address, 'POST', '/v1/auth/approle/login', { body: approle.body, agent })
  for (let i = 0; i < 10; i++) assert.deepEqual([(await inline()).status, (await login()).status], [200, 200])
  const before = server.workers()

  assert.equal((await exchange(server.address, 'PUT', '/v1/sys/seal', { token: 'not-a-token' })).status, 403)
  assert.equal((await exchange(server.address, 'PUT', '/v1/sys/seal', { token: made.root_token })).status, 204)
  for (let i = 0; i < 40; i++) {
    const read = await exchange(server.address, 'GET', '/api/v1/secrets/a?environment=dev&reveal=true', { token: made.root_token }).catch(() => undefined)
    assert.notEqual(read?.status, 200, 'nothing is revealed after the seal was answered')
    for (const ask of [inline, login]) assert.notEqual((await ask().catch(() => undefined))?.status, 200, 'and nobody who logged in before logs in')
  }
  await until(() => before.every((pid) => !isAlive(pid)), 'every process that saw the key is gone')
  await until(async () => (await status(server, '/v1/sys/health').catch(() => 0)) === 503, 'the server says that it is sealed')

  for (const key of made.keys.slice(1, 4)) await unseal(key)
  await until(async () => (await status(server, '/v1/sys/health')) === 200, 'the server serves again')
  assert.equal((await root.expect('GET', '/api/v1/secrets/a?environment=dev&reveal=true')).data.value, 'x')
  await until(async () => {
    const actions = (await root.expect('GET', '/api/v1/audit/events?limit=500')).data.items.map((event: { action: string }) => event.action)
    return ['system.init', 'system.unseal', 'system.seal'].every((action) => actions.includes(action))
  }, 'the ceremony is in the record')
})
