// A read that logs in by its own headers, by a plan and the general way: the same answer, the same two records, the same counters, and nothing that takes a
// credential, a right or a place away is in force a moment later here than there.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bothWays, generally, type Answer, type Asked, type BothWays } from '../../compose/testing/both-ways.ts'
import { alike, encode, makeSubjects, metadataOf, type Data, type Subject, type Subjects } from '../../compose/testing/login-subjects.ts'
import { startTestWorker, type TestWorker } from '../../compose/testing/worker.ts'
import { lastFirst } from '../../kernel/testing/scope.ts'

let worker: TestWorker
let ways: BothWays
let subjects: Subjects
const scope = lastFirst({ after })

before(async () => {
  worker = await startTestWorker(scope)
  ways = bothWays(worker)
  subjects = makeSubjects(ways)
  await ask('PUT', 'sys/policies/acl/reader', { policy: 'path "secret/data/dev/*" { capabilities = ["read"] }' })
  await ask('POST', 'secret/data/dev/a', { data: { x: '1' } })
  await ask('POST', 'secret/data/prod/a', { data: { x: 'of prod' } })
})

const ask: Subjects['ask'] = (method, path, body, namespace) => subjects.ask(method, path, body, namespace)
const subject: Subjects['subject'] = (at, making) => subjects.subject(at, making)
const planned: Subjects['planned'] = (asked) => subjects.planned(asked)
const recordsOf: Subjects['recordsOf'] = (answer, count) => subjects.recordsOf(answer, count)
const withHeaders = ({ asked }: Pick<Subject, 'asked'>, headers: NonNullable<Asked['headers']>): Asked => ({ ...asked, headers: { ...asked.headers, ...headers } })
const to = ({ asked }: Subject, path: string): Asked => ({ ...asked, path })

/** By a plan and the general way: everything the same. */
const same = async (asked: Asked): Promise<Answer> => {
  const answer = await planned(asked)
  const [general, warm] = await ways.counted(generally(asked))
  assert.equal(warm, 0)
  assert.deepEqual(ways.masked(answer), ways.masked(general))
  assert.deepEqual((await recordsOf(answer, 2)).map(alike), (await recordsOf(general, 2)).map(alike))
  return answer
}

const refused: Subjects['refused'] = (asked, status) => subjects.refused(asked, status)
const judgedAnew: Subjects['judgedAnew'] = (asked) => subjects.judgedAnew(asked)

const counts = async (): Promise<Readonly<Record<string, number>>> => {
  const text = await (await fetch(`${worker.origin}/metrics`)).text()
  return Object.fromEntries([...text.matchAll(/^coffer_request_seconds_count(\{.*\}) (\d+)$/gm)].map(([, labels = '', value]) => [labels, Number(value)]))
}

describe('a plan logs in and answers as the general way does', () => {
  test('with the same answer and the same two records, by batch and by service roles', async () => {
    for (const type of ['batch', 'service']) {
      const it = await subject(`same-${type}`, { role: { token_type: type }, secretId: { metadata: '{"who":"quoted \\"ü\\""}' } })
      const answer = await same(it.asked)
      assert.match(answer.body, /"x":"1"/)
      assert.ok(!/hv[sb]\./.test(answer.body))
      const [login, read] = (await recordsOf(answer, 2)).map((text) => JSON.parse(text) as Record<string, unknown>)
      assert.deepEqual([login?.['action'], login?.['actorType'], metadataOf(login)?.['principal']], ['auth.login', 'anonymous', read?.['principal']?.toString().replace(/^workload:/, '')])
      assert.deepEqual([read?.['action'], read?.['path'], read?.['rule']?.toString().startsWith('acl:reader')], ['secret.reveal', 'a', true])
    }
  })

  test('every two have tokens of their own', async () => {
    const it = await subject('own')
    await planned(it.asked)
    const answers = await Promise.all(Array.from({ length: 20 }, () => ways.counted(it.asked)))
    assert.ok(answers.some(([, warm]) => warm > 0))
    const pairs = await Promise.all([...answers.map(([answer]) => answer), await ways.send(generally(it.asked))].map(async (answer) => (await recordsOf(answer, 2)).map((text) => JSON.parse(text) as Record<string, unknown>)))
    assert.equal(new Set(pairs.map(([login]) => metadataOf(login)?.['tokenId'])).size, 21)
    assert.equal(new Set(pairs.map(([, read]) => read?.['accessorHmac'])).size, 21)
  })

  test('both are counted', async () => {
    const it = await subject('counted')
    await same(it.asked)
    const before_ = await counts()
    await planned(it.asked)
    const grown = Object.entries(await counts()).filter(([labels, value]) => value !== (before_[labels] ?? 0) && !labels.includes('metrics')).map(([labels, value]) => [/operation="([^"]+)"/.exec(labels)?.[1], /status="(\d+)"/.exec(labels)?.[1], value - (before_[labels] ?? 0)])
    assert.equal(grown.length, 2)
    assert.deepEqual(new Set(grown.map(([, status]) => status)), new Set(['200']))
    assert.equal(grown[0]?.[2], grown[1]?.[2])
  })

  test('both records share a frame, the general way as well, but for what changes something', async () => {
    const it = await subject('frames', { role: { token_policies: ['writer'] } })
    await ask('PUT', 'sys/policies/acl/writer', { policy: 'path "secret/data/dev/*" { capabilities = ["create", "update", "read"] }' })
    await planned(it.asked)
    /** The least of several: checkpoints have frames of their own. */
    const frames = async (asked: Asked): Promise<number> => {
      const seen = []
      for (let time = 0; time < 5; time += 1) {
        const before_ = worker.metric('coffer_audit_frames_total')
        assert.equal((await ways.send(asked)).status, 200)
        seen.push(worker.metric('coffer_audit_frames_total') - before_)
      }
      return Math.min(...seen)
    }
    assert.deepEqual([await frames(it.asked), await frames(generally(it.asked))], [1, 1])
    assert.equal(await frames({ ...it.asked, method: 'POST', path: '/v1/secret/data/dev/written', body: '{"data":{"x":"1"}}' }), 2)
  })

  test('for every value and path that a token\'s plan answers, whoever taught it', async () => {
    const it = await subject('paths')
    await ask('POST', 'secret/data/dev/quoted', { data: { 'k"': 'v"\\ü\n', nested: { list: [1.5, null] } } })
    for (const path of ['/v1/secret/data/dev/quoted', '/v1/secret/data/dev/a?version=1']) await ways.send({ path, token: 'root' })
    await same(to(it, '/v1/secret/data/dev/quoted'))
    const [answer] = await ways.counted(to(it, '/v1/secret/data/dev/a?version=1'))
    assert.deepEqual(ways.masked(answer), ways.masked(await ways.send(generally(to(it, '/v1/secret/data/dev/a?version=1')))))
  })

  test('in an organization that a header names, or the headers of the login do, or the path of the login', async () => {
    await ask('POST', 'sys/namespaces/team', {})
    await ask('PUT', 'sys/policies/acl/reader', { policy: 'path "secret/data/dev/*" { capabilities = ["read"] }' }, 'team')
    await ask('POST', 'secret/data/dev/a', { data: { x: 'of the team' } }, 'team')
    const it = await subject('named', { namespace: 'team' })
    const { 'x-vault-namespace': _named, ...headers } = it.asked.headers ?? {}
    for (const asked of [it.asked, { ...it.asked, headers: { ...headers, 'x-vault-inline-auth-namespace': 'team' } }, { ...it.asked, headers: { ...headers, 'x-vault-inline-auth-path': 'team/auth/named/login' } }]) {
      assert.match((await same(asked)).body, /of the team/)
    }
    // The same credentials mean nothing in another organization.
    await refused({ ...it.asked, headers }, 400)
  })
})

describe('what a plan must not answer goes the general way', () => {
  test('headers that mean another login, none, or more than a read', async () => {
    const it = await subject('headers')
    await planned(it.asked)
    await refused(withHeaders(it, { 'x-vault-token': 'root' }), 400)
    await refused(withHeaders(it, { authorization: 'Bearer root' }), 400)
    await refused(withHeaders(it, { 'x-vault-inline-auth-operation': 'delete' }), 400)
    await refused(withHeaders(it, { 'x-vault-inline-auth-path': 'auth/nowhere/login' }), 400)
    await refused(withHeaders(it, { 'x-vault-inline-auth-parameter-b': encode('secret_id', 'another') }), 400)
    await refused(withHeaders(it, { 'x-vault-inline-auth-parameter-c': encode('secret_id', it.credentials.secret_id) }), 400)
    await refused(withHeaders(it, { 'x-vault-inline-auth-parameter-a': [encode('role_id', it.credentials.role_id), 'x'] }), 400)
    await refused(withHeaders(it, { 'x-vault-namespace': 'nobody' }), 400)
    const general = await judgedAnew(withHeaders(it, { 'x-vault-wrap-ttl': '1m' }))
    assert.match(general.body, /"wrap_info":\{/)
    await judgedAnew(withHeaders(it, { 'x-vault-mfa': 'method:passcode' }))
    assert.match((await judgedAnew(withHeaders(it, { 'x-coffer-not-known-yet': '1' }))).body, /"x":"1"/)
  })

  test('another verb', async () => {
    const it = await subject('verbs')
    await planned(it.asked)
    for (const method of ['HEAD', 'DELETE', 'POST']) {
      const [answer, warm] = await ways.counted({ ...it.asked, method, ...(method === 'POST' ? { body: '{"data":{}}' } : {}) })
      assert.deepEqual([answer.status, warm], [method === 'HEAD' ? 200 : 403, 0], method)
    }
  })

  test('while an audit device wants to know the whole of a token', async () => {
    const it = await subject('device')
    await planned(it.asked)
    await ask('PUT', 'sys/audit/inline', { type: 'file', options: { file_path: 'discard' } })
    for (let time = 0; time < 3; time += 1) {
      const answer = await judgedAnew(it.asked)
      assert.match((await recordsOf(answer, 2))[1] ?? '', /"holder":\{.*"hmac":"hmac-sha256:/)
    }
    await ask('DELETE', 'sys/audit/inline')
    await same(it.asked)
  })

  test('another door, which knows nothing of such headers', async () => {
    const it = await subject('doors')
    await planned(it.asked)
    for (const path of ['/api/v1/secrets/a?environment=dev&reveal=true', '/v1/secrets/dev/a?alias=current']) {
      for (let time = 0; time < 3; time += 1) await ways.send({ path, token: 'root' })
      const [answer, warm] = await ways.counted({ path, token: 'root' })
      assert.deepEqual([answer.status, warm], [200, 1])
      await refused(to(it, path), 401)
    }
  })

  test('a secret that the login may not read, or that is not there', async () => {
    const it = await subject('rights')
    await planned(it.asked)
    for (let time = 0; time < 3; time += 1) await ways.send({ path: '/v1/secret/data/prod/a', token: 'root' })
    const [denied, warm] = await ways.counted(to(it, '/v1/secret/data/prod/a'))
    assert.deepEqual([denied.status, warm], [403, 0])
    assert.deepEqual((await recordsOf(denied, 2)).map((text) => (JSON.parse(text) as Data)['decision']), ['ALLOW', 'DENY'])
    await refused(to(it, '/v1/secret/data/dev/none'), 404)
  })

  test('a login that has uses to count, or needs a second step', async () => {
    const it = await subject('uses', { secretId: { num_uses: 12 } })
    const before_ = ways.answeredWarm()
    const statuses = []
    for (let time = 0; time < 14; time += 1) statuses.push((await ways.send(it.asked)).status)
    assert.deepEqual(statuses, [...Array.from({ length: 12 }, () => 200), 400, 400])
    assert.equal(ways.answeredWarm(), before_)
  })
})

describe('what it was judged by is in force at once', () => {
  for (const [what, change, status] of [
    ['a secret id that was destroyed', ({ at, credentials: { secret_id } }) => ask('POST', `auth/${at}/role/app/secret-id/destroy`, { secret_id }), 400],
    ['a role that was deleted', ({ at }) => ask('DELETE', `auth/${at}/role/app`), 400],
    ['a role with other policies', ({ at }) => ask('POST', `auth/${at}/role/app`, { token_policies: ['none'] }), 403],
    ['a role with another id', ({ at }) => ask('POST', `auth/${at}/role/app/role-id`, { role_id: `${at}-other` }), 400],
    ['a role with addresses that are not this one', ({ at }) => ask('POST', `auth/${at}/role/app`, { secret_id_bound_cidrs: ['10.0.0.0/8'] }), 400],
    ['a role whose tokens have addresses that are not this one', ({ at }) => ask('POST', `auth/${at}/role/app`, { token_bound_cidrs: ['10.0.0.0/8'] }), 403],
    ['a mount that was disabled', ({ at }) => ask('DELETE', `sys/auth/${at}`), 400],
    ['a mount that has moved', ({ at }) => ask('POST', 'sys/remount', { from: `auth/${at}`, to: `auth/${at}-moved` }), 400],
  ] as const satisfies readonly (readonly [string, (it: Subject) => Promise<unknown>, number])[]) {
    test(what, async () => {
      const it = await subject(what.replaceAll(/[^a-z]+/g, '-'))
      await planned(it.asked)
      await change(it)
      await refused(it.asked, status)
      await refused(it.asked, status)
    })
  }

  test('a mount that is another one now', async () => {
    const it = await subject('swapped')
    await planned(it.asked)
    await ask('DELETE', 'sys/auth/swapped')
    const other = await subject('swapped')
    await refused(it.asked, 400)
    await same(other.asked)
  })

  test('a mount with other limits', async () => {
    const it = await subject('tuned')
    await planned(it.asked)
    await ask('POST', 'sys/auth/tuned/tune', { max_lease_ttl: '50s' })
    await judgedAnew(it.asked)
    await same(it.asked)
  })

  test('an entity that was disabled, and one that was deleted', async () => {
    const it = await subject('entity')
    const [login] = await recordsOf(await planned(it.asked), 2)
    const id = (JSON.parse(login ?? '{}') as Data)['resourceId'] ?? ''
    await ask('POST', `identity/entity/id/${id}`, { disabled: true })
    await refused(it.asked, 403)
    await ask('POST', `identity/entity/id/${id}`, { disabled: false })
    await planned(it.asked)
    await ask('DELETE', `identity/entity/id/${id}`)
    const [anew] = await recordsOf(await judgedAnew(it.asked), 2)
    assert.notEqual((JSON.parse(anew ?? '{}') as Data)['resourceId'], id)
  })

  test('a policy that was changed, taken away and given back', async () => {
    const it = await subject('policy', { role: { token_policies: ['taken'] } })
    const policy = (path: string): Promise<unknown> => ask('PUT', 'sys/policies/acl/taken', { policy: `path "secret/data/${path}" { capabilities = ["read"] }` })
    await policy('dev/*')
    await planned(it.asked)
    await policy('prod/*')
    await refused(it.asked, 403)
    await policy('dev/a')
    await same(it.asked)
    await ask('DELETE', 'sys/policies/acl/taken')
    await refused(it.asked, 403)
  })

  test('a secret that has a new version, and one that was deleted', async () => {
    const it = await subject('secret')
    await ask('POST', 'secret/data/dev/changing', { data: { x: 'old' } })
    const asked = to(it, '/v1/secret/data/dev/changing')
    assert.match((await planned(asked)).body, /"old"/)
    await ask('POST', 'secret/data/dev/changing', { data: { x: 'new' } })
    assert.match((await ways.send(asked)).body, /"new"/)
    assert.match((await planned(asked)).body, /"new"/)
    await ask('DELETE', 'secret/data/dev/changing')
    await refused(asked, 404)
  })

  test('a secret id whose time has passed', async () => {
    const it = await subject('times', { secretId: { ttl: '8s' } })
    await planned(it.asked)
    await worker.database.superuser.query('select pg_sleep(8.1)')
    await refused(it.asked, 400)
  })

  test('a role that was locked for wrong secret ids', async () => {
    const it = await subject('locked')
    await planned(it.asked)
    for (let guess = 0; guess < 5; guess += 1) assert.equal((await ways.send(withHeaders(it, { 'x-vault-inline-auth-parameter-b': encode('secret_id', `wrong-${guess}`) }))).status, 400)
    await refused(it.asked, 403)
  })

  test('a second step that is asked for from now on', async () => {
    const it = await subject('steps')
    await planned(it.asked)
    const { accessor = '' } = await ask('GET', `sys/auth/${it.at}`)
    const { method_id = '' } = await ask('POST', 'identity/mfa/method/totp', { issuer: 'test' })
    await ask('POST', 'identity/mfa/login-enforcement/steps', { mfa_method_ids: [method_id], auth_method_accessors: [accessor] })
    await refused(it.asked, 403)
    await ask('DELETE', 'identity/mfa/login-enforcement/steps')
    await planned(it.asked)
  })

  test('an organization that was suspended, or below one that was', async () => {
    await ask('POST', 'sys/namespaces/above', {})
    await ask('POST', 'sys/namespaces/below', {}, 'above')
    for (const namespace of ['above', 'above/below']) {
      await ask('PUT', 'sys/policies/acl/reader', { policy: 'path "secret/data/dev/*" { capabilities = ["read"] }' }, namespace)
      await ask('POST', 'secret/data/dev/a', { data: { x: '1' } }, namespace)
    }
    const [own, child] = [await subject('own', { namespace: 'above' }), await subject('child', { namespace: 'above/below' })]
    for (const it of [own, child]) await same(it.asked)
    assert.equal((await ways.send({ method: 'POST', path: '/api/v1/organizations/above/suspend', token: 'root', body: '{}' })).status, 200)
    for (const it of [own, child]) await refused(it.asked, 400)
    assert.equal((await ways.send({ method: 'POST', path: '/api/v1/organizations/above/resume', token: 'root', body: '{}' })).status, 200)
    for (const it of [own, child]) await same(it.asked)
  })

  test('a limit on logins, and one on reads', async () => {
    const it = await subject('limits')
    for (const path of ['auth/limits', 'secret/data/dev/a']) {
      await planned(it.asked)
      await ask('POST', 'sys/quotas/rate-limit/few', { path, rate: 2, interval: '1h' })
      const statuses = []
      for (let time = 0; time < 4; time += 1) statuses.push((await ways.send(it.asked)).status)
      assert.deepEqual(statuses, [200, 200, 429, 429], path)
      await ask('DELETE', 'sys/quotas/rate-limit/few')
    }
    await planned(it.asked)
  })

  test('a limit that both count for', async () => {
    const it = await subject('both')
    // Or the limit's own end would be one request too many.
    await ask('POST', 'sys/quotas/config', { rate_limit_exempt_paths: ['sys/'] })
    await planned(it.asked)
    const before_ = ways.answeredWarm()
    for (const asked of [it.asked, generally(it.asked)]) {
      await ask('POST', 'sys/quotas/rate-limit/everything', { path: '', rate: 7, interval: '1h' })
      const answers = []
      for (let time = 0; time < 5; time += 1) answers.push(await ways.send(asked))
      // The fourth login is the seventh request, the fifth one too many itself.
      assert.deepEqual(answers.map(({ status, headers }) => [status, headers.includes('x-vault-inline-auth-failed: true')]), [[200, false], [200, false], [200, false], [429, false], [429, true]])
      assert.deepEqual((await recordsOf(answers[2] as Answer, 2)).length, 2)
      assert.deepEqual((await ways.recordOf(answers[3] as Answer)).map((text) => (JSON.parse(text) as Data)['action']), ['auth.login'])
      await ask('DELETE', 'sys/quotas/rate-limit/everything')
    }
    await ask('POST', 'sys/quotas/config', { rate_limit_exempt_paths: [] })
    assert.ok(ways.answeredWarm() - before_ > 0, 'some were a plan\'s while they were limited')
  })
})
