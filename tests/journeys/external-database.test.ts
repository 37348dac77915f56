// needs: external-postgres
// The same server on a PostgreSQL that somebody else runs, given by URL: migrations, roles, row-level security, and two
// servers on one database that see each other's writes and revocations.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import pg from 'pg'
import { client } from '../support/http.ts'
import { scratchDirectory, startServer } from '../support/server.ts'
import { exchange } from '../support/http.ts'
import { until } from '../support/wait.ts'

const base = process.env['COFFER_TEST_EXTERNAL_POSTGRES_URL'] ?? ''

const freshDatabase = async (name: string): Promise<string> => {
  const admin = new pg.Client({ connectionString: base })
  await admin.connect()
  await admin.query(`create database ${name}`)
  await admin.end()
  const url = new URL(base)
  url.pathname = `/${name}`
  return url.toString()
}

test('two servers on one external database are one product', async (t) => {
  const url = await freshDatabase(`journey_${process.pid}`)
  const flags = ['--seal', 'shamir', '--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB']
  const start = async () => {
    const folder = scratchDirectory(t)
    return startServer(t, { args: ['server', '--data-dir', join(folder, 'data'), ...flags], env: { COFFER_DATABASE_URL: url } })
  }
  const one = await start()
  const made = (await exchange(one.address, 'PUT', '/v1/sys/init', { body: { secret_shares: 1, secret_threshold: 1 } })).json
  const two = await start()
  for (const server of [one, two]) {
    await exchange(server.address, 'PUT', '/v1/sys/unseal', { body: { key: made.keys[0] } })
    await until(async () => (await exchange(server.address, 'GET', '/v1/sys/health')).status === 200, 'it serves')
  }
  const here = client(one.address, made.root_token)
  const there = client(two.address, made.root_token)
  await here.expect('POST', '/api/v1/secrets/db?environment=prod', { value: 'first' })
  assert.equal((await there.expect('GET', '/api/v1/secrets/db?environment=prod&reveal=true')).data.value, 'first')

  const issued = (await here.expect('POST', '/api/v1/tokens', { name: 'ci', project: 'secret', environment: 'prod', role: 'admin' })).data
  const ci = { token: String(issued.token) }
  assert.equal((await exchange(two.address, 'GET', '/api/v1/secrets/db?environment=prod&reveal=true', ci)).status, 200)
  await here.expect('DELETE', `/api/v1/tokens/${issued.accessor}`)
  assert.equal((await exchange(two.address, 'GET', '/api/v1/secrets/db?environment=prod&reveal=true', ci)).status, 401, 'revoked on one, refused by the other, at once')

  await there.expect('DELETE', '/api/v1/secrets/db?environment=prod')
  assert.equal((await exchange(one.address, 'GET', '/api/v1/secrets/db?environment=prod&reveal=true', { token: made.root_token })).status, 404)
  for (const server of [one, two]) assert.equal((await server.stop()).code, 0)
})

test('a URL with a password never shows it', async (t) => {
  const url = new URL(base)
  url.password = 'planted-database-password'
  url.host = 'localhost:1'
  url.search = ''
  const folder = scratchDirectory(t)
  const { launch } = await import('../support/server.ts')
  const server = launch(t, { args: ['server', '--data-dir', join(folder, 'data'), '--seal', 'shamir'], env: { COFFER_DATABASE_URL: url.toString() } })
  const exit = await server.exited
  assert.notEqual(exit.code, 0)
  assert.ok(!`${server.stdout()}${server.stderr()}`.includes('planted-database-password'))
})
