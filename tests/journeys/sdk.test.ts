// The SDK in a program, against a real server that is rotated, revoked and stopped under it.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createClient, createSecretCache, isCofferError } from '@coffer/sdk'
import { startDevServer } from '../support/server.ts'

const { server, root, rootToken } = await startDevServer({ after })
const client = createClient({ address: server.address, token: rootToken })
const scope = { environment: 'dev' }

test('every operation of a secret, typed', async () => {
  const key = 'sdk/all'
  const first = await client.secrets.put({ ...scope, key, value: 'one', expectedPreviousVersion: 0 })
  assert.equal(first.version, 1)
  await assert.rejects(client.secrets.put({ ...scope, key, value: 'two', expectedPreviousVersion: 0 }), { kind: 'conflict' })
  const proposed = await client.versions.propose({ ...scope, key, value: 'two' })
  assert.equal(proposed.state, 'PENDING')
  await client.aliases.set({ ...scope, key, version: 2, expectedPreviousVersion: 1 })
  assert.equal((await client.secrets.get({ ...scope, key, reveal: true })).value, 'two')
  assert.equal((await client.secrets.get({ ...scope, key })).value, undefined)
  assert.deepEqual((await client.secrets.history({ ...scope, key })).items.map(({ version }) => version), [2, 1])
  await client.secrets.rollback({ ...scope, key })
  assert.equal((await client.secrets.get({ ...scope, key, reveal: true, version: '3' })).value, 'one')
  await client.secrets.delete({ ...scope, key })
  await client.secrets.restore({ ...scope, key })
  assert.equal((await client.secrets.inject(scope)).variables['ALL'], 'one')
  assert.deepEqual(await client.secrets.purge({ ...scope, key }), { purged: true })
})

test('the flat door answers bare', async () => {
  const made = await client.flat.create({ environment: 'dev', path: 'sdk/flat', ownerTeam: 'payments', rotationStrategy: 'manual-overlap' })
  const version = await client.flat.createVersion({ secretId: made.secretId, value: 'v' })
  await client.flat.setAlias({ secretId: made.secretId, alias: 'current', version: version.version, expectedPreviousVersion: 0 })
  assert.equal((await client.flat.read({ environment: 'dev', path: 'sdk/flat' })).value, 'v')
})

test('a body that something changed on the way is refused', async () => {
  const tampering = createClient({
    address: server.address,
    token: rootToken,
    transport: async ({ url, headers, signal }) => {
      const response = await fetch(url, { method: 'POST', headers, signal, body: '{"value":"swapped"}' })
      return { status: response.status, header: (name) => response.headers.get(name) ?? undefined, text: await response.text() }
    },
  })
  await assert.rejects(tampering.secrets.put({ ...scope, key: 'sdk/tampered', value: 'meant' }), { kind: 'invalid_request' })
  await assert.rejects(client.secrets.get({ ...scope, key: 'sdk/tampered' }), { kind: 'not_found' })
})

test('a repeated write with the same key is one version', async () => {
  const write = () => client.secrets.put({ ...scope, key: 'sdk/once', value: 'v' }, { idempotencyKey: 'sdk-test-0001' })
  assert.deepEqual([(await write()).version, (await write()).version], [1, 1])
  assert.equal((await client.secrets.history({ ...scope, key: 'sdk/once' })).items.length, 1)
})

/** Both clocks of the cache, moved by hand; the server's are its own. */
const makeClock = () => {
  let seconds = 0
  return { pass: (more: number) => void (seconds += more), wallSeconds: () => Date.now() / 1000 + seconds, monotonicSeconds: () => performance.now() / 1000 + seconds }
}

test('the cache follows a rotation, and lets go at once when the token is revoked', async () => {
  const key = 'sdk/cached'
  await client.secrets.put({ ...scope, key, value: 'one' })
  const { token, accessor } = await client.tokens.create({ name: 'app', role: 'reader', project: 'secret', environment: 'dev' })
  const clock = makeClock()
  const cache = createSecretCache({ client: createClient({ address: server.address, token }), clock })
  assert.equal(await cache.get(key), 'one')
  await client.secrets.put({ ...scope, key, value: 'two' })
  assert.equal(await cache.get(key), 'one')
  clock.pass(76)
  assert.equal(await cache.get(key), 'two')
  await client.tokens.revoke({ accessor })
  clock.pass(76)
  await assert.rejects(cache.get(key), { kind: 'unauthenticated' })
  assert.equal(cache.stats().revocations, 1)
})

test('the cache lets go of a secret that is deleted', async () => {
  const key = 'sdk/deleted'
  await client.secrets.put({ ...scope, key, value: 'one' })
  const clock = makeClock()
  const cache = createSecretCache({ client, clock, environment: 'dev' })
  await cache.get(key)
  await client.secrets.delete({ ...scope, key })
  clock.pass(76)
  await assert.rejects(cache.get(key), { kind: 'not_found' })
})

test('when the server is gone the cache goes on for its time, and a new program fails closed', async (t) => {
  const other = await startDevServer(t, [], 'root-that-goes')
  const own = createClient({ address: other.server.address, token: 'root-that-goes', retry: { retries: 0 } })
  await own.secrets.put({ ...scope, key: 'a', value: 'kept' })
  const clock = makeClock()
  const failures: string[] = []
  const cache = createSecretCache({ client: own, clock, environment: 'dev', startupSeconds: 0, onRefreshFailure: ({ path, error }) => failures.push(`${path} ${error.code}`) })
  await cache.get('a')
  await other.server.stop()
  clock.pass(76)
  assert.equal(await cache.get('a'), 'kept')
  assert.deepEqual(failures, ['a client.unreachable'])
  clock.pass(900)
  const closed = (error: unknown): boolean => isCofferError(error) && error.kind === 'unavailable' && !error.message.includes('kept')
  await assert.rejects(cache.get('a'), closed)
  await assert.rejects(createSecretCache({ client: own, environment: 'dev', startupSeconds: 0 }).get('a'), closed)
  assert.equal((await root.call('GET', '/v1/sys/health')).status, 200)
})
