// A login by itself, with a token that needs no row, by a plan and the general way: the same answer, record and counters, a token as good, and nothing that
// takes a credential back is in force a moment later here than there.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bothWays, generally, type Answer, type Asked, type BothWays } from '../../compose/testing/both-ways.ts'
import { alike, makeSubjects, metadataOf, type Data, type Subject, type Subjects } from '../../compose/testing/login-subjects.ts'
import { startTestWorker, type TestWorker } from '../../compose/testing/worker.ts'
import { lastFirst } from '../../kernel/testing/scope.ts'

let worker: TestWorker
let ways: BothWays
let subjects: Subjects
const scope = lastFirst({ after })

before(async () => {
  worker = await startTestWorker(scope)
  ways = bothWays(worker, 'coffer_warm_logins_total')
  subjects = makeSubjects(ways)
  await ask('PUT', 'sys/policies/acl/reader', { policy: 'path "secret/data/dev/*" { capabilities = ["read"] }' })
  await ask('POST', 'secret/data/dev/a', { data: { x: '1' } })
})

const ask: Subjects['ask'] = (method, path, body, namespace) => subjects.ask(method, path, body, namespace)
const planned: Subjects['planned'] = (asked) => subjects.planned(asked)
const batch = (at: string, { role, ...more }: Parameters<Subjects['subject']>[1] = {}): Promise<Subject> => subjects.subject(at, { role: { token_type: 'batch', ...role }, ...more })
const using = (asked: Asked, body: unknown, headers: NonNullable<Asked['headers']> = {}): Asked => ({ ...asked, body: typeof body === 'string' ? body : JSON.stringify(body), headers: { ...asked.headers, ...headers } })

interface Given {
  readonly auth: { readonly client_token: string; readonly lease_duration: number; readonly policies: readonly string[]; readonly entity_id: string }
}
const given = (answer: Answer): Given['auth'] => (JSON.parse(answer.body) as Given).auth
const tokenless = (answer: Answer): object => {
  const masked = ways.masked(answer)
  return { ...masked, body: masked.body.replace(/"hvb\.[^"]+"/, '"TOKEN"') }
}
const read = (answer: Answer, path = '/v1/secret/data/dev/a'): Promise<Answer> => ways.send({ path, token: given(answer).client_token })

/** By a plan and the general way: everything the same but the token. */
const same = async (asked: Asked): Promise<Answer> => {
  const answer = await planned(asked)
  const [general, warm] = await ways.counted(generally(asked))
  assert.equal(warm, 0)
  assert.deepEqual(tokenless(answer), tokenless(general))
  const [one, other] = [given(answer).client_token, given(general).client_token]
  assert.notEqual(one, other)
  assert.equal(one.length, other.length)
  assert.deepEqual((await ways.recordOf(answer)).map(alike), (await ways.recordOf(general)).map(alike))
  return answer
}

const refused: Subjects['refused'] = (asked, status) => subjects.refused(asked, status)
const judgedAnew: Subjects['judgedAnew'] = (asked) => subjects.judgedAnew(asked)

describe('a plan logs in as the general way does', () => {
  test('with the same answer and record, and a token that is as good', async () => {
    const it = await batch('same', { role: { token_ttl: '1h' }, secretId: { metadata: '{"who":"quoted \\"ü\\""}' } })
    const answer = await same(it.login)
    const looked = async (token: string): Promise<object> => {
      const { id, issue_time: _at, creation_time: _created, expire_time: _end, ttl, ...rest } = (JSON.parse((await ways.send({ path: '/v1/auth/token/lookup-self', token })).body) as { data: Record<string, unknown> }).data
      assert.equal(id, token)
      assert.ok(Number(ttl) > 3500)
      return rest
    }
    assert.deepEqual(await looked(given(answer).client_token), await looked(given(await ways.send(generally(it.login))).client_token))
    assert.equal((await read(answer)).status, 200)
    assert.equal((await read(answer, '/v1/secret/data/prod/a')).status, 403)
    const record = JSON.parse((await ways.recordOf(answer))[0] ?? '{}') as Record<string, unknown>
    assert.deepEqual([record['action'], record['resourceId'], metadataOf(record)?.['method']], ['auth.login', given(answer).entity_id, 'approle'])
  })

  test('many at once have tokens and records of their own', async () => {
    const it = await batch('many')
    await planned(it.login)
    const answers = await Promise.all(Array.from({ length: 30 }, () => ways.send(it.login)))
    assert.equal(new Set(answers.map((answer) => given(answer).client_token)).size, 30)
    const records = await Promise.all(answers.map((answer) => ways.recordOf(answer)))
    assert.deepEqual(new Set(records.map(({ length }) => length)), new Set([1]))
    assert.equal(new Set(records.map(([record]) => metadataOf(JSON.parse(record ?? '{}') as Data)?.['tokenId'])).size, 30)
    for (const answer of answers.slice(0, 3)) assert.equal((await read(answer)).status, 200)
  })

  test('whatever the form of its body, and by PUT', async () => {
    const it = await batch('forms')
    const { role_id, secret_id } = it.credentials
    await same({ ...it.login, method: 'PUT' })
    await same(using(it.login, `{ "secret_id" : ${JSON.stringify(secret_id)}, "role_id": ${JSON.stringify(role_id)} }\n`))
    await same(using(it.login, `role_id=${role_id}&secret_id=${secret_id}`, { 'content-type': 'application/x-www-form-urlencoded' }))
    // The same bytes are no form, but no JSON either, under another type.
    await refused(using(it.login, `role_id=${role_id}&secret_id=${secret_id}`, { 'content-type': 'application/json' }), 400)
  })

  test('in an organization', async () => {
    await ask('POST', 'sys/namespaces/team', {})
    const it = await batch('there', { namespace: 'team' })
    const answer = await same(it.login)
    assert.match(given(answer).client_token, /^hvb\.[A-Za-z0-9_-]+\.[A-Za-z0-9]+$/)
    const { 'x-vault-namespace': _named, ...headers } = it.login.headers ?? {}
    await same({ ...it.login, path: '/v1/team/auth/there/login', headers })
    await refused({ ...it.login, headers }, 403)
  })
})

describe('what a plan must not answer goes the general way', () => {
  test('another credential, a token, a wrapped answer, an ignored field', async () => {
    const it = await batch('others')
    await planned(it.login)
    await refused(using(it.login, { ...it.credentials, secret_id: 'another' }), 400)
    await refused(using(it.login, { role_id: it.credentials.role_id }), 400)
    await refused(using(it.login, '{'), 400)
    await judgedAnew(using(it.login, it.credentials, { 'x-vault-token': 'root' }))
    assert.match((await judgedAnew(using(it.login, it.credentials, { 'x-vault-wrap-ttl': '1m' }))).body, /"wrap_info":\{/)
    for (let time = 0; time < 4; time += 1) assert.match((await judgedAnew(using(it.login, { ...it.credentials, colour: 'red' }))).body, /ignored these unrecognized parameters: \[colour\]/)
  })

  test('a service token, and a secret id whose uses are counted', async () => {
    const [service, counted] = [await batch('service', { role: { token_type: 'service' } }), await batch('uses', { secretId: { num_uses: 6 } })]
    for (let time = 0; time < 6; time += 1) for (const it of [service, counted]) await judgedAnew(it.login)
    await refused(counted.login, 400)
  })

  test('while there is an audit device', async () => {
    const it = await batch('device')
    await planned(it.login)
    await ask('PUT', 'sys/audit/logins', { type: 'file', options: { file_path: 'discard' } })
    for (let time = 0; time < 3; time += 1) assert.match((await ways.recordOf(await judgedAnew(it.login)))[0] ?? '', /"request":\{"operation":"update"/)
    await ask('DELETE', 'sys/audit/logins')
    await same(it.login)
  })
})

describe('what it was judged by is in force at once', () => {
  for (const [what, change, status] of [
    ['a secret id that was destroyed', ({ at, credentials: { secret_id } }) => ask('POST', `auth/${at}/role/app/secret-id/destroy`, { secret_id }), 400],
    ['a role that was deleted', ({ at }) => ask('DELETE', `auth/${at}/role/app`), 400],
    ['a role with another id', ({ at }) => ask('POST', `auth/${at}/role/app/role-id`, { role_id: `${at}-other` }), 400],
    ['a role with addresses that are not this one', ({ at }) => ask('POST', `auth/${at}/role/app`, { secret_id_bound_cidrs: ['10.0.0.0/8'] }), 400],
    ['a role whose tokens have addresses that are not this one', ({ at }) => ask('POST', `auth/${at}/role/app`, { token_bound_cidrs: ['10.0.0.0/8'] }), 403],
    ['a mount that was disabled', ({ at }) => ask('DELETE', `sys/auth/${at}`), 403],
    ['a mount that has moved', ({ at }) => ask('POST', 'sys/remount', { from: `auth/${at}`, to: `auth/${at}-moved` }), 403],
  ] as const satisfies readonly (readonly [string, (it: Subject) => Promise<unknown>, number])[]) {
    test(what, async () => {
      const it = await batch(what.replaceAll(/[^a-z]+/g, '-'))
      const answer = await planned(it.login)
      await change(it)
      await refused(it.login, status)
      if (/deleted|disabled/.test(what)) assert.equal((await read(answer)).status, 403)
    })
  }

  test('a role and a mount with other settings', async () => {
    const it = await batch('settings', { role: { token_ttl: 100 } })
    assert.equal(given(await planned(it.login)).lease_duration, 100)
    await ask('POST', 'auth/settings/role/app', { token_ttl: 200, token_policies: ['other'] })
    assert.deepEqual([given(await judgedAnew(it.login)).lease_duration, given(await same(it.login)).policies], [200, ['default', 'other']])
    await ask('POST', 'sys/auth/settings/tune', { max_lease_ttl: '50s' })
    await judgedAnew(it.login)
    assert.equal(given(await same(it.login)).lease_duration, 50)
    await ask('POST', 'auth/settings/role/app', { token_type: 'service' })
    assert.match(given(await judgedAnew(it.login)).client_token, /^hvs\./)
  })

  test('an entity with a policy of its own, and one that was disabled', async () => {
    const it = await batch('entity')
    const id = given(await planned(it.login)).entity_id
    await ask('POST', `identity/entity/id/${id}`, { policies: ['given'] })
    assert.deepEqual(given(await judgedAnew(it.login)).policies, ['default', 'given', 'reader'])
    await same(it.login)
    await ask('POST', `identity/entity/id/${id}`, { disabled: true })
    await refused(it.login, 403)
  })

  test('a secret id whose time has passed, and a role that was locked', async () => {
    const [short, it] = [await batch('times', { secretId: { ttl: '8s' } }), await batch('locked')]
    await planned(short.login)
    await planned(it.login)
    for (let guess = 0; guess < 5; guess += 1) assert.equal((await ways.send(using(it.login, { ...it.credentials, secret_id: `wrong-${guess}` }))).status, 400)
    await refused(it.login, 403)
    await worker.database.superuser.query('select pg_sleep(8.1)')
    await refused(short.login, 400)
  })

  test('a second step that is asked for from now on', async () => {
    const it = await batch('steps')
    await planned(it.login)
    const { accessor = '' } = await ask('GET', `sys/auth/${it.at}`)
    const { method_id = '' } = await ask('POST', 'identity/mfa/method/totp', { issuer: 'test' })
    await ask('POST', 'identity/mfa/login-enforcement/steps', { mfa_method_ids: [method_id], auth_method_accessors: [accessor] })
    assert.match((await judgedAnew(it.login)).body, /"mfa_request_id"/)
    await ask('DELETE', 'identity/mfa/login-enforcement/steps')
    await same(it.login)
  })

  test('an organization that was suspended, and a limit', async () => {
    await ask('POST', 'sys/namespaces/above', {})
    const [it, child] = [await batch('own', { namespace: 'above' }), await batch('limited')]
    await same(it.login)
    assert.equal((await ways.send({ method: 'POST', path: '/api/v1/organizations/above/suspend', token: 'root', body: '{}' })).status, 200)
    await refused(it.login, 403)
    assert.equal((await ways.send({ method: 'POST', path: '/api/v1/organizations/above/resume', token: 'root', body: '{}' })).status, 200)
    await same(it.login)
    await planned(child.login)
    await ask('POST', 'sys/quotas/rate-limit/few', { path: 'auth/limited', rate: 3, interval: '1h' })
    const answers = []
    for (let time = 0; time < 5; time += 1) answers.push(await ways.counted(child.login))
    assert.deepEqual(answers.map(([{ status }]) => status), [200, 200, 200, 429, 429])
    assert.ok(answers.some(([, warm]) => warm === 1), 'some were a plan\'s while they were limited')
    await ask('DELETE', 'sys/quotas/rate-limit/few')
  })
})
