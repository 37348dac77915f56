// A database that is silent refuses what asks for it, and each refusal has its record when it is back: records go to the spool, which
// needs no database.

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { makeApproleLogin } from '../support/approle.ts'
import { startGatedDatabase } from '../support/database-gate.ts'
import type { Answer, Client } from '../support/http.ts'
import { scratchDirectory, startDurableServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

interface Found {
  readonly requestId: string
  readonly status: number
  readonly action: string
  readonly errorCode?: string
  readonly metadata?: Readonly<Record<string, string>>
}

const recordsOf = async (root: Client, requestId: string): Promise<readonly Found[]> => (await root.expect('GET', `/api/v1/audit/events?requestId=${requestId}`)).data.items as readonly Found[]

test('what is refused while the database is silent has its record when it is back, by whatever door it came', async (t) => {
  const gated = await startGatedDatabase(t)
  const { root } = await startDurableServer(t, { folder: scratchDirectory(t), flags: ['--database-url', gated.url] })
  const { body, headers } = await makeApproleLogin(root)
  await root.expect('POST', '/v1/auth/approle/role/service', { token_policies: ['reader'], token_type: 'service' }, { status: 204 })
  const { role_id } = (await root.expect('GET', '/v1/auth/approle/role/service/role-id')).data
  const { secret_id } = (await root.expect('POST', '/v1/auth/approle/role/service/secret-id', {})).data
  const nobody = root.as(undefined)
  const asked: readonly (() => Promise<Answer>)[] = [
    () => nobody.call('POST', '/v1/auth/approle/login', body),
    () => nobody.call('POST', '/v1/auth/approle/login', { role_id, secret_id }),
    () => root.call('POST', '/v1/secret/data/prod/app', { data: { value: 'x' } }),
    () => root.call('POST', '/api/v1/secrets/app/key?environment=prod', { value: 'x' }),
    () => root.call('GET', '/v1/secret/data/prod/app'),
    () => root.call('GET', '/v1/secret/data/prod/app?help=1'),
    () => nobody.call('GET', '/v1/secret/data/prod/app', undefined, { headers }),
    () => root.call('GET', '/v1/other/hvs.0123456789', undefined, { headers: { 'x-vault-namespace': 'other' } }),
  ]
  for (const ask of asked) await ask()

  gated.freeze()
  const answers: Answer[] = []
  const under: Promise<void>[] = []
  const askAll = (): void => asked.forEach((ask) => void under.push(ask().then((answer) => void answers.push(answer))))
  // Some are on their way to the database when it falls silent, some come later, when this worker may not answer from its cache any more.
  askAll()
  await until(async () => (await root.call('GET', '/v1/secret/data/prod/app')).status === 503, 'the cache is not to be used any more', 30_000)
  const lapsed = answers.length
  askAll()
  await until(async () => answers.length >= lapsed + 6, 'some are refused', 30_000)
  await gated.open()
  await Promise.all(under)
  await until(async () => (await root.call('GET', '/v1/secret/data/prod/app')).status === 200, 'the database is back', 30_000)

  const refused = answers.filter(({ status }) => status === 503)
  t.diagnostic(`${refused.length} of ${answers.length} were refused: ${refused.map(({ text }) => text.slice(0, 80)).join(' | ')}`)
  assert.ok(refused.length >= asked.length)
  await until(async () => (await Promise.all(answers.map(({ requestId }) => recordsOf(root, requestId)))).every(({ length }) => length > 0), 'every answer has a record', 20_000)
  await sleep(1000)
  for (const { requestId, status, text } of refused) {
    const records = await recordsOf(root, requestId)
    const failures = records.filter((record) => record.status === status)
    // A login in the headers has a record of its own, whatever becomes of the rest. What was committed and not heard of has one that says so.
    const others = records.filter((record) => record.status !== status)
    assert.equal(failures.length, 1, `${text}: ${JSON.stringify(records)}`)
    assert.ok(others.length === 0 || failures[0]?.errorCode === 'storage.commit_unknown' || others.every(({ action }) => action === 'auth.login'), JSON.stringify(records))
    assert.ok(failures[0]?.errorCode !== undefined && !JSON.stringify(records).includes('hvs.0123456789'))
  }
  const unresolved = (await root.expect('GET', '/api/v1/audit/events?action=request.unresolved')).data.items as readonly Found[]
  assert.ok(unresolved.some(({ metadata }) => metadata?.['path'] === 'auth/approle/login' && metadata['method'] === 'POST'), JSON.stringify(unresolved.map(({ metadata }) => metadata)))
})
