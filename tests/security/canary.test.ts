// No secret and no token is anywhere but in its sealed form and in the answer to whoever asked (architecture, 9.1): they
// are planted through every way in, right and wrong, and then looked for in everything that the server leaves behind.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Pool } from '../../packages/server/src/storage/pool.ts'
import { superuserOf } from '../support/database.ts'
import { exchange, type Answer, type Client } from '../support/http.ts'
import { databaseHomeOf, dataDirectoryOf, scratchDirectory, startDurableServer } from '../support/server.ts'
import { until } from '../support/wait.ts'
import { filesBelow, findIn, findInFiles, needlesOf, type Needle } from './needles.ts'

const alphanumeric = (length: number): string => randomBytes(length * 2).toString('base64').replaceAll(/[^A-Za-z0-9]/g, '').slice(0, length)

/** One mark in all of them, so that one search finds whichever leaked; a number tells which it was. */
const mark = `Q${alphanumeric(17)}`
let planted = 0
const canary = (): string => `${mark}${String((planted += 1)).padStart(3, '0')}`

test('the search finds every form that it looks for', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-needles-'))
  t.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'below'))
  const text = alphanumeric(20)
  for (const encode of [String, encodeURIComponent, JSON.stringify, (value: string) => Buffer.from(value).toString('hex'), (value: string) => Buffer.from(value, 'utf16le').toString('latin1')]) {
    writeFileSync(join(folder, 'below', 'file'), `before ${encode(`a/${text}=b`)} after`, 'latin1')
    assert.equal(findInFiles(filesBelow(folder), needlesOf(text)).length > 0, true, encode.name)
  }
  for (const before of ['', 'x', 'xy']) {
    for (const form of ['base64', 'base64url'] as const) {
      writeFileSync(join(folder, 'below', 'file'), `{"v":"${Buffer.from(`${before}${text}zz`).toString(form)}"}`)
      assert.equal(findInFiles(filesBelow(folder), needlesOf(text)).length > 0, true, `${form} behind "${before}"`)
    }
  }
  writeFileSync(join(folder, 'below', 'file'), alphanumeric(4000))
  assert.deepEqual(findInFiles(filesBelow(folder), needlesOf(text)), [])
})

/** Ways in that succeed. */
const plant = async (root: Client): Promise<void> => {
  const secret = (name: string, query = '') => `/api/v1/secrets/${name}?environment=prod${query}`
  await root.expect('POST', secret('put'), { value: canary(), metadata: { team: 'one' } })
  await root.expect('POST', secret('put'), { value: canary() }, { headers: { 'idempotency-key': 'once' } })
  await root.expect('POST', secret('put'), { value: canary(), type: 'password' })
  await root.expect('POST', secret('json'), { type: 'json', value: JSON.stringify({ inner: canary() }) })
  await root.expect('POST', secret('put/rollback'), { version: '1' })
  await root.expect('POST', '/api/v1/versions/put?environment=prod', { value: canary() })
  const { json } = await root.expect('POST', '/v1/secrets', { environment: 'prod', path: 'flat', ownerTeam: 'one', rotationStrategy: 'manual' })
  await root.expect('POST', `/v1/secrets/${json.secretId}/versions`, { value: canary(), status: 'PENDING' })
  await root.expect('POST', `/v1/secrets/${json.secretId}/versions`, { plaintextValue: canary() })
  for (const confirm of [false, true]) await root.expect('POST', '/api/v1/sync/push?environment=dev', { format: 'env', content: `A=${canary()}\nB="${canary()}"\n`, confirm })
  await root.expect('POST', '/api/v1/sync/push?environment=staging', { format: 'yaml', content: `a: ${canary()}\n`, confirm: true })
  await root.expect('POST', '/api/v1/sync/diff?environment=dev', { format: 'json', content: JSON.stringify({ A: canary() }) })
  // What takes values out again.
  await root.expect('GET', secret('put', '&reveal=true'))
  await root.expect('GET', '/v1/secrets/prod/put')
  await root.expect('POST', '/api/v1/inject?environment=dev', {})
  await root.expect('GET', '/api/v1/sync/pull?environment=dev&format=yaml')
  await root.expect('POST', '/api/v1/keys/rotate', { rewrap: true })
  await root.expect('DELETE', secret('json'))
  // The Vault door, whatever it answers: a leak is one with any status.
  await root.call('PUT', '/v1/secret/data/prod/kv', { data: { password: canary() } })
  await root.call('POST', '/v1/secret/data/prod/kv', { data: { password: canary() }, options: { cas: 7 } })
  await root.call('PUT', '/v1/cubbyhole/x', { token: canary() })
  await root.call('GET', '/v1/secret/data/prod/kv')
}

/** Ways in that are wrong; their answers are looked at too. */
const misplace = async (root: Client): Promise<readonly Answer[]> => {
  const put = '/api/v1/secrets/wrong?environment=prod'
  const json = (body: unknown): Promise<Answer> => root.call('POST', put, body)
  const as = (headers: Record<string, string | string[]>, target = put): Promise<Answer> => exchange(root.address, 'GET', target, { headers })
  return [
    await json(`{"value":"${canary()}"`),
    await json(`{"value":"${canary()}","value":"${canary()}"}`),
    await json(`{"value":'${canary()}'}`),
    await json(`["${canary()}"]`),
    await json(canary()),
    await json(`{"value":"${canary()}\u0001"}`),
    await json({ value: { inner: canary() } }),
    await json({ value: [canary()] }),
    await json({ valeu: canary() }),
    await json({ value: canary(), type: 'nonsense' }),
    await json({ value: 'x', type: canary() }),
    await json({ value: canary(), type: 'integer' }),
    await json({ value: `{${canary()}`, type: 'json' }),
    await json({ value: `a: [${canary()}`, type: 'yaml' }),
    await json({ value: 'x', ttl: canary() }),
    await json({ value: 'x', expiresAt: canary() }),
    await json({ value: 'x', expectedPreviousVersion: canary() }),
    await json({ value: 'x', metadata: [canary()] }),
    await json({ value: canary(), expectedPreviousVersion: 99 }),
    await json({ value: canary() + 'x'.repeat(70 * 1024) }),
    await json({ value: canary() + 'x'.repeat(2 ** 20) }),
    await root.call('POST', put, `value=${canary()}`, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    await root.call('POST', put, canary(), { headers: { 'content-type': 'text/plain' } }),
    await root.call('GET', put, { value: canary() }),
    await root.call('POST', `${put}&value=${canary()}`, {}),
    await root.call('GET', `${put}&token=${canary()}`),
    await root.call('GET', `${put}&version=${canary()}`),
    await root.call('GET', `${put}&reveal=${canary()}`),
    await root.call('GET', `/api/v1/secrets?environment=prod&after=${canary()}`),
    await root.call('GET', `/api/v1/audit/events?after=${canary()}`),
    await root.call('GET', `/nothing/${canary()}`),
    await root.call('GET', `/v1/sys/health?sealedcode=${canary()}`),
    await root.call('GET', `/v1/secrets/prod/%zz${canary()}`),
    await root.call('DELETE', `/api/v1/tokens/${canary()}`),
    await root.call('DELETE', `/api/v1/role-bindings/${canary()}`),
    await root.call('PUT', '/v1/sys/unseal', { key: canary() }),
    await root.call('PUT', '/v1/sys/init', { secret_shares: canary(), secret_threshold: 1 }),
    await root.call('POST', '/api/v1/sync/push?environment=prod', { format: 'json', content: `{"A": ${canary()}`, confirm: true }),
    await root.call('POST', '/api/v1/sync/push?environment=prod', { format: 'yaml', content: `a: "${canary()}\nb: [`, confirm: true }),
    await root.call('POST', '/api/v1/sync/push?environment=prod', { format: 'env', content: `A=${canary()}\n"${canary()}\n=${canary()}`, confirm: true }),
    await root.call('POST', '/api/v1/tokens', { name: 'x', boundCidrs: [canary()] }),
    await root.call('POST', '/api/v1/explain', { action: 'reveal', accessor: canary() }),
    await as({ 'x-vault-token': canary() }),
    await as({ 'x-vault-token': `hvs.${canary()}` }),
    await as({ authorization: `Bearer ${canary()}` }),
    await as({ authorization: `Basic ${Buffer.from(`user:${canary()}`).toString('base64')}` }),
    await as({ 'x-vault-token': [canary(), canary()] }),
    await as({ 'x-vault-token': canary(), authorization: `Bearer ${canary()}` }),
    await root.call('GET', put, undefined, { headers: { 'x-coffer-project': `${canary()} !` } }),
    await as({ 'x-coffer-organization': canary() }),
    await root.call('GET', put, undefined, { headers: { 'x-coffer-organization': canary(), 'x-vault-token': canary() } }),
    await root.call('POST', put, { value: 'x' }, { headers: { 'idempotency-key': `${canary()} with spaces` } }),
    await root.call('POST', put, { value: 'x' }, { headers: { 'x-coffer-body-hmac': canary() } }),
    await root.call('GET', put, undefined, { headers: { 'user-agent': canary(), referer: `https://x/${canary()}`, cookie: `token=${canary()}` } }),
    await root.call('BREW', put, { value: canary() }),
  ]
}

const auditText = async (root: Client): Promise<string> => {
  let text = ''
  for (let after = ''; ; ) {
    const answer = await root.expect('GET', `/api/v1/audit/events?limit=500${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`)
    text += answer.text
    if (answer.data.next === undefined) return text
    after = answer.data.next as string
  }
}

/** Every row of every table, as PostgreSQL writes it; bytes are hex there. */
const dumpTables = async (superuser: Pool): Promise<ReadonlyMap<string, Buffer>> => {
  const { rows } = await superuser.query<{ name: string }>(`select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1`)
  const dump = new Map<string, Buffer>()
  for (const { name } of rows) {
    const { rows: lines } = await superuser.query<{ line: string }>(`select t::text as line from ${name} as t`)
    dump.set(name, Buffer.from(lines.map(({ line }) => line).join('\n')))
  }
  return dump
}

/** Bytes are hex in a dump; what they say is looked at as well. */
const decodeHex = (text: Buffer): Buffer => Buffer.concat([...text.toString('latin1').matchAll(/\\x((?:[0-9a-f]{2})+)/g)].map(([, hex]) => Buffer.from(`${hex}00`, 'hex')))

test('a planted secret is in no log, record, metric, error, table or file; a planted description is where it belongs', async (t) => {
  const folder = scratchDirectory(t)
  const control = `C${alphanumeric(19)}`
  const { server, root, rootToken } = await startDurableServer(t, { folder, flags: ['--log-level', 'debug', '--audit-segment-bytes', '4MiB'] })
  await root.expect('POST', '/api/v1/secrets/control?environment=prod', { value: canary(), description: control })
  await plant(root)
  const wrong = [...(await misplace(root))]
  const created = (await root.expect('POST', '/api/v1/tokens', { name: 'ci', project: 'secret', environment: 'prod', role: 'reader', ttl: '1h' })).data.token as string
  await root.expect('GET', '/api/v1/secrets/put?environment=prod&reveal=true', undefined, { token: created })
  await root.expect('POST', '/api/v1/me/renew', {}, { token: created })
  const owner = (await root.expect('POST', '/api/v1/organizations', { slug: 'acme' })).data.token as string
  await root.expect('POST', '/api/v1/secrets/a?environment=prod', { value: canary() }, { token: owner })
  // A token in the place of an accessor, and in a path: the mistakes that people make.
  wrong.push(await root.call('DELETE', `/api/v1/tokens/${created}`), await root.call('POST', '/api/v1/explain', { action: 'reveal', accessor: created }))
  // Vault's door says to the caller, as Vault does, which route it has not; nobody else may learn of it.
  await root.call('GET', `/v1/auth/token/lookup/${created}`)
  await root.expect('DELETE', '/api/v1/me', undefined, { token: created })
  const needles = [mark, ...[rootToken, created, owner].map((token) => token.split('.')[1] ?? '')].flatMap(needlesOf)

  const leaks: string[] = []
  const look = (where: string, text: string | Buffer, which: readonly Needle[] = needles): void => void leaks.push(...findIn(Buffer.from(text), which).map((found) => `${where}: ${found}`))
  assert.ok(wrong.every(({ status }) => status >= 400 || status === 200))
  for (const answer of wrong.filter(({ status }) => status >= 400)) look(`answer ${answer.status}`, `${JSON.stringify(answer.headers)}${answer.text}`)
  await until(async () => (await auditText(root)).includes('organization.create'), 'the audit record has arrived')
  look('audit search', await auditText(root))
  look('metrics', (await root.expect('GET', '/metrics')).text)
  look('lists', (await root.expect('GET', '/api/v1/secrets?environment=prod')).text + (await root.expect('GET', '/api/v1/secrets/put/history?environment=prod')).text + (await root.expect('GET', '/api/v1/tokens')).text)

  const superuser = superuserOf(t, dataDirectoryOf(folder))
  const dump = await dumpTables(superuser)
  assert.ok(dump.size > 20)
  for (const [table, text] of dump) look(table, Buffer.concat([text, decodeHex(text)]))
  assert.ok([...dump.values()].some((text) => findIn(text, needlesOf(control)).length > 0), 'the description is in a table: the search works there')
  await superuser.query('checkpoint')
  await superuser.close()
  const home = databaseHomeOf(dataDirectoryOf(folder))
  leaks.push(...findInFiles(filesBelow(dataDirectoryOf(folder)), needles))
  assert.equal((await server.stop()).code, 0)

  const files = filesBelow(folder)
  assert.ok(files.some((path) => path.includes('pg_wal')) && files.some((path) => path.includes('/audit/')), `the log and the spool are among the files of ${home}`)
  leaks.push(...findInFiles(files, needles))
  assert.ok(findInFiles(files, needlesOf(control)).some((found) => found.includes('/pg_wal/')), 'the description is in the write-ahead log: the search works there')
  assert.ok(findInFiles(files, needlesOf(control)).some((found) => found.includes('/base/')), 'and in the table\'s file')
  look('standard output', server.stdout())
  look('log', server.stderr())
  assert.deepEqual(leaks, [])
  t.diagnostic(`${planted} secrets and 3 tokens were looked for in ${dump.size} tables and ${files.length} files`)
})
