// All secrets of a folder by a plan, against the general way: the same requests through both, everything compared.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bothWays, dataOf, generally, type Answer, type Asked, type BothWays } from '../../compose/testing/both-ways.ts'
import { startTestWorker, type TestWorker } from '../../compose/testing/worker.ts'
import { lastFirst } from '../../kernel/testing/scope.ts'

let worker: TestWorker
let ways: BothWays
const scope = lastFirst({ after })

before(async () => {
  worker = await startTestWorker(scope)
  ways = bothWays(worker)
})

const ok: BothWays['ok'] = (method, path, body, token) => ways.ok(method, path, body, token)
const same: BothWays['same'] = (asked, expected) => ways.same(asked, expected)
const send: BothWays['send'] = (asked) => ways.send(asked)

const put = (path: string, value: string, more: object = {}): Promise<Record<string, unknown>> => ok('POST', `/api/v1/secrets/${path}`, { value, ...more })
const newToken = async (fields: object): Promise<{ readonly token: string; readonly accessor: string }> => dataOf(await ok('POST', '/api/v1/tokens', fields)) as unknown as { token: string; accessor: string }

const inject = (prefix: string | undefined, { query = 'environment=dev', token = 'root', ...more }: Partial<Asked> & { readonly query?: string; readonly input?: object } = {}): Asked => {
  const { input, ...asked } = more
  return { path: `/api/v1/inject?${query}`, method: 'POST', token, body: JSON.stringify({ ...(prefix === undefined ? {} : { prefix }), ...input }), ...asked }
}
const shown = (answer: Answer): Record<string, unknown> => dataOf(JSON.parse(answer.body) as Record<string, unknown>)
const variables = (answer: Answer): unknown => shown(answer)['variables']

describe('a plan gives a folder as the general way does', () => {
  test('values of every kind, one record for each and one for the request', async () => {
    const values: Readonly<Record<string, string>> = { PLAIN: 'correct horse', EMPTY: '', ESCAPED: 'a"b\\c\n\r\t\b\f\u0001\u007f/', WIDE: 'ключ — 🔑 \u2028', LONG: 'x'.repeat(4096), MARK: 'value_ req_ {"a":"b"}' }
    for (const [name, value] of Object.entries(values)) await put(`kinds/${name}?environment=dev`, value)
    const answer = await same(inject('kinds'), { warm: true, status: 200 })
    assert.deepEqual(variables(answer), values)
    assert.equal(shown(answer)['withheld'], 0)
    const records = (await ways.recordOf(answer)).map((record) => JSON.parse(record) as { action: string; path: string; metadata?: object })
    assert.deepEqual(records.map(({ action }) => action).sort(), [...Object.keys(values).map(() => 'secret.reveal'), 'secret.inject'].sort())
    assert.deepEqual(records.find(({ action }) => action === 'secret.inject')?.metadata, { secrets: 6, withheld: 0 })
  })

  test('documents, of which each member is a variable', async () => {
    await put('documents/app?environment=dev', JSON.stringify({ user: 'app', password: 'p"\\ü', port: 5432, big: 1, nested: { n: 1 }, none: null, '7': 'seven', on: true, 'a-b.c': 'd' }), { type: 'json' })
    await put('documents/number?environment=dev', '{"N":12345678901234567890}', { type: 'json' })
    await put('documents/list?environment=dev', '[1,"two"]', { type: 'json' })
    await ok('POST', '/v1/secret/data/dev/documents/kv', { data: { KV_USER: 'u', KV_PASSWORD: 'p' } })
    await put('documents/yaml?environment=dev', 'a: 1\nb: 2\n', { type: 'yaml' })
    const answer = await same(inject('documents'), { warm: true, status: 200 })
    assert.deepEqual(variables(answer), { USER: 'app', PASSWORD: 'p"\\ü', PORT: '5432', BIG: '1', ON: 'true', A_B_C: 'd', KV_USER: 'u', KV_PASSWORD: 'p', LIST: '[1,"two"]', N: '12345678901234567890', YAML: 'a: 1\nb: 2\n' })
    assert.deepEqual(shown(answer)['excluded'], ['app#7'])
    await same(inject('documents', { input: { prefixPath: true } }), { warm: true, status: 200 })
  })

  test('names that are left out, and a folder without any secret', async () => {
    await put('excluded/LD_PRELOAD?environment=dev', 'evil.so')
    await put('excluded/1st?environment=dev', 'one')
    await put('excluded/FINE?environment=dev', 'fine')
    assert.deepEqual(shown(await same(inject('excluded'), { warm: true, status: 200 }))['excluded'], ['1st', 'LD_PRELOAD'])
    await same(inject('nothing-here'), { warm: true, status: 200 })
  })

  test('a value that no variable can have', async () => {
    await put('zero/NULL?environment=dev', 'a\0b')
    await put('zero/OTHER?environment=dev', 'c')
    assert.deepEqual(shown(await same(inject('zero'), { warm: true, status: 200 }))['excluded'], ['NULL'])
  })

  test('aliases, whole paths, and every way to name the same folder', async () => {
    await put('named/deep/A?environment=dev', 'one')
    await put('named/deep/A?environment=dev', 'two')
    assert.deepEqual(variables(await same(inject('named', { input: { alias: 'previous' } }), { warm: true, status: 200 })), { A: 'one' })
    assert.deepEqual(variables(await same(inject('/named/', { input: { prefixPath: true } }), { warm: true, status: 200 })), { DEEP_A: 'two' })
    for (const body of ['{"prefix":"named","alias":"current"}', ' {\n"alias":"current", "prefix":"named/deep"}']) assert.deepEqual(variables(await same({ ...inject(''), body }, { warm: true, status: 200 })), { A: 'two' })
    await same(inject('named', { input: { alias: 'none-such' } }), { warm: true, status: 200 })
  })

  test('the same target is another folder by another body', async () => {
    await put('one/X?environment=dev', 'of one')
    await put('two/X?environment=dev', 'of two')
    for (let times = 0; times < 2; times++) for (const name of ['one', 'two']) assert.deepEqual(variables(await same(inject(name), { warm: true, status: 200 })), { X: `of ${name}` })
  })

  test('on a connection of its own, which Node reads, and on one that is kept', async () => {
    await put('fresh/X?environment=dev', 'v')
    for (const headers of [{ connection: 'close' }, { connection: 'keep-alive' }, { connection: 'close', 'content-type': 'application/json; charset=utf-8' }, { 'transfer-encoding': 'chunked' }]) {
      assert.deepEqual(variables(await same(inject('fresh', { headers }), { warm: true, status: 200 })), { X: 'v' })
    }
  })

  test('no body at all, where the token says which environment', async () => {
    await ok('POST', '/api/v1/projects', { name: 'locked' })
    await put('ONLY?environment=prod&project=locked', 'of the lock')
    const { token } = await newToken({ name: 'locked', project: 'locked', environment: 'prod', role: 'admin' })
    assert.deepEqual(variables(await same({ path: '/api/v1/inject', method: 'POST', token, headers: { 'content-length': '0' } }, { warm: true, status: 200 })), { ONLY: 'of the lock' })
    assert.deepEqual(variables(await same({ path: '/api/v1/inject', method: 'POST', token, body: '{}' }, { warm: true, status: 200 })), { ONLY: 'of the lock' })
    await same({ path: '/api/v1/inject', method: 'POST', token: 'root', body: '{}' }, { warm: false, status: 400 })
  })
})

describe('headers that say whose folder it is', () => {
  test('a project, a lock, and both', async () => {
    await ok('POST', '/api/v1/projects', { name: 'billing' })
    await put('scoped/X?environment=dev', 'of the default project')
    await put('scoped/X?environment=dev&project=billing', 'of billing')
    const { token } = await newToken({ name: 'of-billing', project: 'billing', role: 'admin' })
    assert.deepEqual(variables(await same(inject('scoped'), { warm: true, status: 200 })), { X: 'of the default project' })
    for (const asked of [inject('scoped', { headers: { 'x-coffer-project': 'billing' } }), inject('scoped', { query: 'environment=dev&project=billing' }), inject('scoped', { token })]) assert.deepEqual(variables(await same(asked, { warm: true, status: 200 })), { X: 'of billing' })
    assert.deepEqual(variables(await same(inject('scoped'), { warm: true, status: 200 })), { X: 'of the default project' })
    await same(inject('scoped', { token, query: 'environment=dev&project=secret' }), { warm: false, status: 403 })
    await same(inject('scoped', { headers: { 'x-coffer-project': 'no such' } }), { warm: false, status: 400 })
  })

  test('an organization, and a name of several until any organization changes', async () => {
    const { token } = dataOf(await ok('POST', '/api/v1/organizations', { slug: 'child' })) as { token: string }
    await put('both/X?environment=dev', 'of root')
    await ok('POST', '/api/v1/secrets/both/X?environment=dev', { value: 'of the child' }, token)
    for (let times = 0; times < 2; times++) {
      assert.deepEqual(variables(await same(inject('both'), { warm: true, status: 200 })), { X: 'of root' })
      assert.deepEqual(variables(await same(inject('both', { token }), { warm: true, status: 200 })), { X: 'of the child' })
    }
    for (const name of ['x-vault-namespace', 'x-coffer-organization']) {
      assert.deepEqual(variables(await same(inject('both', { headers: { [name]: 'root' } }), { warm: true, status: 200 })), { X: 'of root' })
      assert.deepEqual(variables(await same(inject('both', { token, headers: { [name]: 'child' } }), { warm: true, status: 200 })), { X: 'of the child' })
      assert.deepEqual(variables(await same(inject('both', { headers: { [name]: 'child' } }), { warm: false, status: 200 })), { X: 'of the child' })
      await same(inject('both', { token, headers: { [name]: 'root' } }), { warm: false, status: 404 })
      await same(inject('both', { token, headers: { [name]: 'nowhere' } }), { warm: false, status: 404 })
    }
    const made = await send({ method: 'POST', path: '/api/v1/organizations', token: 'root', body: '{"slug":"grandchild"}', headers: { 'x-vault-namespace': 'child' } })
    const grandchild = (dataOf(JSON.parse(made.body) as Record<string, unknown>) as { token: string }).token
    await ok('POST', '/api/v1/secrets/both/X?environment=dev', { value: 'of the grandchild' }, grandchild)
    const named = inject('both', { token: grandchild, headers: { 'x-vault-namespace': 'child/grandchild' } })
    assert.deepEqual(variables(await same(named, { warm: true, status: 200 })), { X: 'of the grandchild' })
    await ok('POST', '/api/v1/organizations', { slug: 'unrelated' })
    const [again, warm] = await ways.counted(named)
    assert.deepEqual([again.status, warm], [200, 0])
    await same(named, { warm: true, status: 200 })
    await ok('POST', '/api/v1/organizations/child/suspend', {})
    for (const asked of [named, inject('both', { token })]) {
      assert.equal((await send(asked)).status, 401)
      await same(asked, { warm: false, status: 401 })
    }
    await ok('POST', '/api/v1/organizations/child/resume', {})
    for (const asked of [named, inject('both', { token })]) await same(asked, { warm: true, status: 200 })
  })
})

describe('what a plan must not answer goes the general way', () => {
  before(async () => {
    await put('cold/X?environment=dev', 'v')
    await same(inject('cold'), { warm: true, status: 200 })
  })

  for (const [what, change, status] of [
    ['no token', { token: undefined }, 401],
    ['a token that nobody has', { token: 'hvs.nobody' }, 401],
    ['two tokens', { headers: { authorization: 'Bearer another' } }, 400],
    ['an unknown field', { body: '{"prefix":"cold","colour":"red"}' }, 400],
    ['a field twice', { body: '{"prefix":"cold","prefix":"cold"}' }, 400],
    ['half a document', { body: '{"prefix":"cold"' }, 400],
    ['an environment that is not there', { path: '/api/v1/inject?environment=moon' }, 404],
    ['an unknown parameter', { path: '/api/v1/inject?environment=dev&colour=red' }, 400],
    ['a trailing slash', { path: '/api/v1/inject/?environment=dev' }, 404],
    ['another method', { method: 'PUT' }, 405],
    ['another type of content', { headers: { 'content-type': 'text/plain' } }, 415],
    ['an HMAC of another body', { headers: { 'x-coffer-body-hmac': 'sha256=00' } }, 400],
    ['a header of the product that plans do not know', { headers: { 'x-coffer-not-known-yet': '1' } }, 200],
    ['a body that is longer than plans remember', { body: `{"prefix":"cold"${' '.repeat(2000)}}` }, 200],
  ] as const satisfies readonly (readonly [string, Partial<Asked>, number])[]) {
    test(what, async () => {
      await same({ ...inject('cold'), ...change }, { warm: false, status })
      await same(inject('cold'), { warm: true, status: 200 })
    })
  }

  test('two names that are one', async () => {
    await put('twice/a/NAME?environment=dev', 'v')
    await same(inject('twice'), { warm: true, status: 200 })
    await put('twice/b/NAME?environment=dev', 'v')
    await same(inject('twice'), { warm: false, status: 409 })
    await same(inject('twice', { input: { prefixPath: true } }), { warm: true, status: 200 })
  })

  test('all secrets of a folder as a document: they are exported', async () => {
    await same({ path: '/api/v1/sync/pull?environment=dev&prefix=cold&format=json', token: 'root' }, { warm: false, status: 200 })
  })

  test('while an audit device wants to know what was sent', async () => {
    await ok('PUT', '/v1/sys/audit/batches', { type: 'file', options: { file_path: 'discard' } })
    for (let times = 0; times < 3; times++) {
      const answer = await same(inject('cold'), { warm: false, status: 200 })
      assert.ok((await ways.recordOf(answer)).some((record) => record.includes('"request":{')))
    }
    await ok('DELETE', '/v1/sys/audit/batches')
    const answer = await same(inject('cold'), { warm: true, status: 200 })
    assert.ok((await ways.recordOf(answer)).every((record) => !record.includes('"request":{')))
  })
})

describe('a plan ends with what it was made of', () => {
  const warmed = async (name: string, token = 'root'): Promise<Asked> => {
    for (const each of ['A', 'B', 'C']) await put(`${name}/${each}?environment=dev`, `old ${each}`)
    const asked = inject(name, { token })
    assert.deepEqual(variables(await same(asked, { warm: true, status: 200 })), { A: 'old A', B: 'old B', C: 'old C' })
    return asked
  }
  /** What the next one gives, and those after it by a plan. */
  const gives = async (asked: Asked, expected: object): Promise<void> => {
    assert.deepEqual(variables(await send(asked)), expected)
    assert.deepEqual(variables(await same(asked, { warm: true, status: 200 })), expected)
  }

  test('a secret that was changed, added, deleted, restored and purged', async () => {
    const asked = await warmed('ends/secret')
    await put('ends/secret/B?environment=dev', 'new "B"')
    await gives(asked, { A: 'old A', B: 'new "B"', C: 'old C' })
    await put('ends/secret/deeper/D?environment=dev', 'D')
    await gives(asked, { A: 'old A', B: 'new "B"', C: 'old C', D: 'D' })
    await ok('DELETE', '/api/v1/secrets/ends/secret/A?environment=dev')
    await gives(asked, { B: 'new "B"', C: 'old C', D: 'D' })
    await ok('POST', '/api/v1/secrets/ends/secret/A/restore?environment=dev', {})
    await gives(asked, { A: 'old A', B: 'new "B"', C: 'old C', D: 'D' })
    for (const each of ['A', 'B', 'C', 'deeper/D']) await ok('DELETE', `/api/v1/secrets/ends/secret/${each}/permanent?environment=dev`)
    await gives(asked, {})
  })

  test('a version that was disabled, enabled, rolled back and destroyed', async () => {
    const asked = await warmed('ends/version')
    const state = (to: string): Promise<unknown> => ok('PATCH', '/api/v1/versions/ends/version/B?environment=dev', { version: 1, state: to, force: true })
    await state('DISABLED')
    await gives(asked, { A: 'old A', C: 'old C' })
    await state('ENABLED')
    await gives(asked, { A: 'old A', B: 'old B', C: 'old C' })
    await put('ends/version/B?environment=dev', 'second')
    await ok('POST', '/api/v1/secrets/ends/version/B/rollback?environment=dev', { version: '1' })
    await gives(asked, { A: 'old A', B: 'old B', C: 'old C' })
    await ok('PATCH', '/api/v1/versions/ends/version/B?environment=dev', { version: 3, state: 'DESTROYED', force: true })
    await gives(asked, { A: 'old A', C: 'old C' })
  })

  test('a version that expires', async () => {
    const asked = await warmed('ends/expiry')
    await put('ends/expiry/B?environment=dev', 'short', { ttl: 3 })
    await gives(asked, { A: 'old A', B: 'short', C: 'old C' })
    for (;;) {
      const found = variables(await send(asked)) as { B?: string }
      if (found.B === undefined) break
      await new Promise((resolve) => { setTimeout(resolve, 100) })
    }
    await gives(asked, { A: 'old A', C: 'old C' })
  })

  test('a KEK that was rotated', async () => {
    const asked = await warmed('ends/kek')
    await ok('POST', '/api/v1/keys/rotate', {})
    await gives(asked, { A: 'old A', B: 'old B', C: 'old C' })
    await put('ends/kek/B?environment=dev', 'under the new one')
    await gives(asked, { A: 'old A', B: 'under the new one', C: 'old C' })
  })

  test('a right to one of the secrets that was taken away and given back', async () => {
    const policy = (body: object): Promise<unknown> => ok('PUT', '/api/v1/policies/batch-readers', { kind: 'json', body: JSON.stringify({ principal: 'service:batch-reader', ...body }) })
    await policy({ effect: 'allow', actions: ['secrets:read', 'secrets:export'], resources: ['dev/ends/rights/*'] })
    const { token } = await newToken({ name: 'batch-reader' })
    const asked = await warmed('ends/rights', token)
    await ok('PUT', '/api/v1/policies/batch-denied', { kind: 'json', body: JSON.stringify({ effect: 'deny', principal: 'service:batch-reader', actions: ['secrets:*'], resources: ['dev/ends/rights/B'] }) })
    for (let times = 0; times < 2; times++) {
      const partial = await same(asked, { warm: false, status: 200 })
      // What is denied altogether is not counted, but the answer is not a whole one for that.
      assert.deepEqual([variables(partial), shown(partial)['withheld']], [{ A: 'old A', C: 'old C' }, 0])
      const records = (await ways.recordOf(partial)).map((record) => JSON.parse(record) as { action: string; metadata?: object })
      assert.deepEqual(records.find(({ action }) => action === 'secret.inject')?.metadata, { secrets: 2, withheld: 1 })
    }
    // Whoever may have all of it has the plan all the same.
    await same({ ...asked, token: 'root' }, { warm: true, status: 200 })
    await ok('DELETE', '/api/v1/policies/batch-denied')
    await gives(asked, { A: 'old A', B: 'old B', C: 'old C' })
    // Without a word about exports, revealing them one by one is enough; a deny of just that is not.
    await policy({ effect: 'allow', actions: ['secrets:read'], resources: ['dev/ends/rights/*'] })
    await gives(asked, { A: 'old A', B: 'old B', C: 'old C' })
    await ok('PUT', '/api/v1/policies/batch-denied', { kind: 'json', body: JSON.stringify({ effect: 'deny', principal: 'service:batch-reader', actions: ['secrets:export'], resources: ['dev/ends/rights/*'] }) })
    assert.equal(shown(await same(asked, { warm: false, status: 200 }))['withheld'], 3)
    await policy({ effect: 'allow', actions: ['secrets:read'], resources: ['dev/other/*'] })
    await ok('DELETE', '/api/v1/policies/batch-denied')
    await same(asked, { warm: false, status: 403 })
  })

  test('a token that was revoked, one that expired, and one that may be used so often', async () => {
    const { token, accessor } = await newToken({ name: 'revoked', role: 'admin' })
    const asked = await warmed('ends/token', token)
    await ok('DELETE', `/api/v1/tokens/${accessor}`)
    assert.equal((await send(asked)).status, 401)
    await same(asked, { warm: false, status: 401 })
    const short = await newToken({ name: 'short', role: 'admin', ttl: 4 })
    await same({ ...asked, token: short.token }, { warm: true, status: 200 })
    await worker.database.superuser.query('select pg_sleep(4.1)')
    await same({ ...asked, token: short.token }, { warm: false, status: 401 })
    const counted = await newToken({ name: 'counted', role: 'admin', numUses: 3 })
    const statuses = []
    for (let times = 0; times < 5; times++) statuses.push((await send({ ...asked, token: counted.token })).status)
    assert.deepEqual(statuses, [200, 200, 200, 401, 401])
    const elsewhere = await newToken({ name: 'elsewhere', role: 'admin', boundCidrs: ['10.9.8.0/24'] })
    await same({ ...asked, token: elsewhere.token }, { warm: false, status: 401 })
    const here = await newToken({ name: 'here', role: 'admin', boundCidrs: ['127.0.0.0/8'] })
    await same({ ...asked, token: here.token }, { warm: false, status: 200 })
  })

  test('an environment that became protected, and one that took the folder over', async () => {
    await ok('POST', '/api/v1/projects', { name: 'moving' })
    await put('taken/X?environment=default&project=moving', 'in default')
    const whole = inject(undefined, { query: 'environment=default&project=moving' })
    assert.deepEqual(variables(await same(whole, { warm: true, status: 200 })), { X: 'in default' })
    await ok('POST', '/api/v1/projects/moving/environments', { slug: 'taken', absorb: true })
    assert.deepEqual(variables(await send(whole)), {})
    const there = inject(undefined, { query: 'environment=taken&project=moving' })
    assert.deepEqual(variables(await same(there, { warm: true, status: 200 })), { X: 'in default' })
    const { token } = await newToken({ name: 'developer', project: 'moving', role: 'developer' })
    await same({ ...there, token }, { warm: true, status: 200 })
    await ok('PATCH', '/api/v1/projects/moving/environments/taken', { protected: true })
    assert.equal(shown(await send({ ...there, token }))['withheld'], 1)
    assert.equal(shown(await same({ ...there, token }, { warm: false, status: 200 }))['withheld'], 1)
  })
})

describe('what one token taught serves another', () => {
  test('its first request is a plan\'s, with its own records, and only where it may', async () => {
    await ok('PUT', '/v1/sys/policies/acl/batch-one', { policy: 'path "secret/data/dev/first/one/*" { capabilities = ["read"] }\npath "secret/data/dev/first/one/" { capabilities = ["read"] }' })
    for (const name of ['one', 'two']) {
      await put(`first/${name}/X?environment=dev`, name)
      await same(inject(`first/${name}`), { warm: true, status: 200 })
    }
    for (let tries = 0; ; tries++) {
      const { token } = await newToken({ name: 'first', policies: ['batch-one'] })
      const [answer, warm] = await ways.counted(inject('first/one', { token }))
      assert.equal(answer.status, 200, answer.body)
      // A lapsed lease on a busy machine costs a token.
      if (warm === 0 && tries < 5) continue
      assert.equal(warm, 1)
      const records = await ways.recordOf(answer)
      assert.equal(records.length, 2)
      for (const record of records) assert.match(record, /"principal":"service:first".*"rule":"acl:batch-one/)
      await same(inject('first/two', { token }), { warm: false, status: 403 })
      break
    }
  })

  test('many at once with one new token are answered, and each has its records', async () => {
    const { token } = await newToken({ name: 'many', role: 'admin' })
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(inject('first/one', { token }))))
    for (const answer of answers) {
      assert.deepEqual([answer.status, variables(answer)], [200, { X: 'one' }])
      assert.equal((await ways.recordOf(answer)).length, 2)
    }
  })
})

test('an answer that is larger than a socket takes at once comes whole', async () => {
  for (let index = 0; index < 30; index++) await put(`large/V${index}?environment=dev`, `${index}`.padEnd(60_000, 'x'))
  const answer = await same(inject('large'), { warm: false, status: 200 })
  assert.equal(Object.keys(variables(answer) as object).length, 30)
  await ok('DELETE', '/api/v1/secrets/large/V0/permanent?environment=dev')
  for (let index = 1; index < 15; index++) await ok('DELETE', `/api/v1/secrets/large/V${index}/permanent?environment=dev`)
  assert.equal(Object.keys(variables(await same(inject('large'), { warm: true, status: 200 })) as object).length, 15)
})

test('a limit is taken from once by each request, whichever way it goes', async () => {
  await put('limited/X?environment=dev', 'v')
  await put('limited/Y?environment=dev', 'v')
  const asked = inject('limited')
  await same(asked, { warm: true, status: 200 })
  const path = 'secret/data/dev/limited'
  await ok('POST', '/v1/sys/quotas/config', { enable_rate_limit_response_headers: true })
  await ok('POST', '/v1/sys/quotas/rate-limit/batch', { path, rate: 1000, interval: '1h' })
  const left = (answer: Answer): number => Number(answer.headers.find((pair) => pair.startsWith('x-ratelimit-remaining: '))?.split(' ')[1])
  const before_ = left(await send(asked))
  const remaining = [await send(asked), await send(generally(asked)), await send(asked), await send(generally(asked))].map(left)
  assert.deepEqual(remaining, [1, 2, 3, 4].map((taken) => before_ - taken))
  await ok('POST', '/v1/sys/quotas/config', { enable_rate_limit_response_headers: false })
  // Of the folder, of all that is in it, of all that is in the environment.
  for (const limited of [path, `${path}/*`, 'secret/data/dev/*']) for (const way of [asked, generally(asked)]) {
    await ok('POST', '/v1/sys/quotas/rate-limit/batch', { path: limited, rate: 3, interval: '1h' })
    const statuses = []
    for (let times = 0; times < 5; times++) statuses.push((await send(way)).status)
    assert.deepEqual(statuses, [200, 200, 200, 429, 429], limited)
    await ok('DELETE', '/v1/sys/quotas/rate-limit/batch')
  }
  await same(asked, { warm: true, status: 200 })
})
