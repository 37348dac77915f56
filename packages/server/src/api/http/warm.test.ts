// The compiled plan against the general way: the same requests through both, everything compared.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bothWays, dataOf, type Answer, type Asked, type BothWays } from '../../compose/testing/both-ways.ts'
import { startTestWorker, type TestWorker } from '../../compose/testing/worker.ts'
import { lastFirst } from '../../kernel/testing/scope.ts'

let worker: TestWorker
let ways: BothWays
const scope = lastFirst({ after })

before(async () => {
  worker = await startTestWorker(scope)
  ways = bothWays(worker)
})

const send: BothWays['send'] = (asked) => ways.send(asked)
const ok: BothWays['ok'] = (method, path, body, token) => ways.ok(method, path, body, token)
const same: BothWays['same'] = (asked, expected) => ways.same(asked, expected)
const answeredWarm = (): number => ways.answeredWarm()

const valueOf = (answer: Answer): unknown => dataOf(JSON.parse(answer.body) as Record<string, unknown>)['value']

const put = (path: string, value: string, more: object = {}): Promise<Record<string, unknown>> => ok('POST', `/api/v1/secrets/${path}`, { value, ...more })
const newToken = async (fields: object): Promise<{ readonly token: string; readonly accessor: string }> => dataOf(await ok('POST', '/api/v1/tokens', fields)) as unknown as { token: string; accessor: string }

describe('a plan answers as the general way does', () => {
  for (const [what, value] of [
    ['plain text', 'correct horse battery staple'], ['nothing', ''], ['quotes, backslashes and controls', 'a"b\\c\n\r\t\b\f\u0000\u001f\u007f/'],
    ['text beyond ASCII', 'ключ — clé 🔑 \u2028'], ['four KiB', 'x'.repeat(4096)], ['text that looks like a place in a template', 'value_ req_ {"a":"b"}'],
  ] as const) {
    test(`a value of ${what}, on the native door`, async () => {
      await put('warm/value?environment=dev', value, { metadata: { note: 'a "quoted" note ü', other: '' } })
      const answer = await same({ path: '/api/v1/secrets/warm/value?environment=dev&reveal=true', token: worker.rootToken }, { warm: true, status: 200 })
      assert.equal(valueOf(answer), value)
    })
  }

  test('on the flat door', async () => {
    await put('warm/flat?environment=prod', 'flat "value"')
    const answer = await same({ path: '/v1/secrets/prod/warm/flat?alias=current', token: worker.rootToken }, { warm: true, status: 200 })
    assert.equal((JSON.parse(answer.body) as { value: string }).value, 'flat "value"')
  })

  test('a map on Vault\'s door', async () => {
    const data = { user: 'app', password: 'p"\\ü', nested: { n: 1.5, list: [null, true] } }
    await ok('POST', '/v1/secret/data/dev/warm/map', { data })
    const answer = await same({ path: '/v1/secret/data/dev/warm/map', token: worker.rootToken }, { warm: true, status: 200 })
    assert.deepEqual(dataOf(dataOf(JSON.parse(answer.body) as Record<string, unknown>)), data)
    assert.equal((JSON.parse(answer.body) as { request_id: string }).request_id, answer.requestId.replace(/^req_/, ''))
  })

  test('a scalar, and JSON that is no map or not written the one way, on Vault\'s door', async () => {
    await put('warm/scalar?environment=dev', 'sc"alar')
    await same({ path: '/v1/secret/data/dev/warm/scalar', token: worker.rootToken }, { warm: true, status: 200 })
    await put('warm/list?environment=dev', '[1,2]', { type: 'json' })
    await same({ path: '/v1/secret/data/dev/warm/list', token: worker.rootToken }, { warm: false, status: 200 })
    await put('warm/number?environment=dev', '{"n":12345678901234567890}', { type: 'json' })
    await same({ path: '/v1/secret/data/dev/warm/number', token: worker.rootToken }, { warm: true, status: 200 })
  })

  test('aliases, version numbers and escapes in the path', async () => {
    await put('warm/versions%20x?environment=dev', 'one')
    await put('warm/versions%20x?environment=dev', 'two')
    for (const [query, value] of [['version=1', 'one'], ['version=v1', 'one'], ['alias=previous', 'one'], ['alias=current', 'two']] as const) {
      assert.equal(valueOf(await same({ path: `/api/v1/secrets/warm/versions%20x?environment=dev&reveal=true&${query}`, token: worker.rootToken }, { warm: true, status: 200 })), value)
    }
    await same({ path: '/api/v1/secrets/warm/%76ersions%20x?reveal=1&environment=dev', token: worker.rootToken }, { warm: true, status: 200 })
  })

  test('a token in Authorization, and in both headers', async () => {
    await put('warm/bearer?environment=dev', 'v')
    const path = '/api/v1/secrets/warm/bearer?environment=dev&reveal=true'
    await same({ path, headers: { authorization: `bearer  ${worker.rootToken} ` } }, { warm: true, status: 200 })
    await same({ path, token: worker.rootToken, headers: { authorization: `Bearer ${worker.rootToken}` } }, { warm: true, status: 200 })
    await same({ path, token: worker.rootToken, headers: { authorization: 'Bearer another' } }, { warm: false, status: 400 })
  })

  test('a target means what the token\'s lock and X-Coffer-Project say', async () => {
    await ok('POST', '/api/v1/projects', { name: 'billing' })
    await put('warm/scoped?environment=dev', 'of the default project')
    await put('warm/scoped?environment=dev&project=billing', 'of billing')
    await put('warm/scoped?environment=prod&project=billing', 'of billing in prod')
    const path = '/api/v1/secrets/warm/scoped?reveal=true&environment=dev'
    const locked = await newToken({ name: 'locked', project: 'billing', role: 'reader' })
    assert.equal(valueOf(await same({ path, token: worker.rootToken }, { warm: true, status: 200 })), 'of the default project')
    assert.equal(valueOf(await same({ path, token: worker.rootToken, headers: { 'x-coffer-project': 'billing' } }, { warm: true, status: 200 })), 'of billing')
    assert.equal(valueOf(await same({ path, token: worker.rootToken }, { warm: true, status: 200 })), 'of the default project')
    await same({ path, token: worker.rootToken, headers: { 'x-coffer-project': 'no such' } }, { warm: false, status: 400 })
    assert.equal(valueOf(await same({ path, token: locked.token }, { warm: true, status: 200 })), 'of billing')
    await same({ path, token: locked.token, headers: { 'x-coffer-project': 'secret' } }, { warm: true, status: 200 })
    await same({ path: `${path}&project=secret`, token: locked.token }, { warm: false, status: 403 })
  })
})

test('the same target is another secret in another organization', async () => {
  const { token } = dataOf(await ok('POST', '/api/v1/organizations', { slug: 'warm-child' })) as { token: string }
  await put('warm/both?environment=dev', 'of root')
  const path = '/api/v1/secrets/warm/both?environment=dev&reveal=true'
  assert.equal(valueOf(await same({ path, token: 'root' }, { warm: true, status: 200 })), 'of root')
  await same({ path, token }, { warm: false, status: 404 })
  await ok('POST', '/api/v1/secrets/warm/both?environment=dev', { value: 'of the child' }, token)
  assert.equal(valueOf(await same({ path, token }, { warm: true, status: 200 })), 'of the child')
  assert.equal(valueOf(await same({ path, token: 'root' }, { warm: true, status: 200 })), 'of root')
  assert.equal(valueOf(await same({ path, token: 'root', headers: { 'x-vault-namespace': 'warm-child' } }, { warm: false, status: 200 })), 'of the child')
  await same({ path, token, headers: { 'x-vault-namespace': 'root' } }, { warm: false, status: 404 })
  for (const name of ['x-vault-namespace', 'x-coffer-organization']) {
    assert.equal(valueOf(await same({ path, token: 'root', headers: { [name]: 'root' } }, { warm: true, status: 200 })), 'of root')
    assert.equal(valueOf(await same({ path, token, headers: { [name]: '/warm-child/' } }, { warm: true, status: 200 })), 'of the child')
  }
  const kv = '/v1/secret/data/dev/warm/both'
  await same({ path: kv, token, headers: { 'x-vault-namespace': 'warm-child' } }, { warm: true, status: 200 })
  // The same name twice is a child of the child, and a prefix of the path is no header.
  await same({ path: '/v1/warm-child/secret/data/dev/warm/both', token }, { warm: false, status: 200 })
  await same({ path: '/v1/warm-child/secret/data/dev/warm/both', token, headers: { 'x-vault-namespace': 'warm-child' } }, { warm: false, status: 404 })
})

test('a name of several organizations has plans, until any organization changes', async () => {
  await ok('POST', '/api/v1/organizations', { slug: 'above' })
  const below = (method: string, path: string, body: object): Promise<Answer> => send({ method, path, token: 'root', body: JSON.stringify(body), headers: { 'x-vault-namespace': 'above' } })
  const { token } = dataOf(JSON.parse((await below('POST', '/api/v1/organizations', { slug: 'team' })).body) as Record<string, unknown>) as { token: string }
  await ok('POST', '/api/v1/secrets/warm/nested?environment=dev', { value: 'of the team' }, token)
  const asked = { path: '/api/v1/secrets/warm/nested?environment=dev&reveal=true', token }
  const kv = { path: '/v1/secret/data/dev/warm/nested', token }
  for (const [header, name] of [['x-vault-namespace', 'above/team'], ['x-vault-namespace', '/above/team/'], ['x-coffer-organization', 'above/team']] as const) {
    assert.equal(valueOf(await same({ ...asked, headers: { [header]: name } }, { warm: true, status: 200 })), 'of the team')
    await same({ ...kv, headers: { [header]: name } }, { warm: true, status: 200 })
  }
  await same({ ...asked, headers: { 'x-vault-namespace': 'above' } }, { warm: false, status: 404 })
  await same({ ...asked, headers: { 'x-vault-namespace': 'team' } }, { warm: false, status: 404 })
  await same({ ...asked, token: 'root', headers: { 'x-vault-namespace': 'above/team' } }, { warm: false, status: 200 })
  // Part of the name in the path: the header alone does not say which organization.
  await same({ path: '/v1/team/secret/data/dev/warm/nested', token, headers: { 'x-vault-namespace': 'above' } }, { warm: false, status: 200 })
  const named = { ...asked, headers: { 'x-vault-namespace': 'above/team' } }
  await ok('POST', '/api/v1/organizations', { slug: 'unrelated' })
  const [first, warm] = await ways.counted(named)
  assert.deepEqual([first.status, warm], [200, 0])
  await same(named, { warm: true, status: 200 })
  await ok('POST', '/api/v1/organizations/above/suspend', {})
  assert.equal((await send(named)).status, 401)
  await same(named, { warm: false, status: 401 })
  await ok('POST', '/api/v1/organizations/above/resume', {})
  await same(named, { warm: true, status: 200 })
})

describe('what a plan must not answer goes the general way', () => {
  before(async () => {
    await put('cold/secret?environment=dev', 'v')
  })
  const reveal = '/api/v1/secrets/cold/secret?environment=dev&reveal=true'

  for (const [what, asked, status] of [
    ['no token', { path: reveal }, 401],
    ['a token that nobody has', { path: reveal, token: 'hvs.nobody' }, 401],
    ['a secret that is not there', { path: '/api/v1/secrets/cold/none?environment=dev&reveal=true', token: 'root' }, 404],
    ['a version that is not there', { path: `${reveal}&version=9`, token: 'root' }, 404],
    ['version and alias at once', { path: `${reveal}&version=1&alias=current`, token: 'root' }, 400],
    ['an environment that is not there', { path: '/api/v1/secrets/cold/secret?environment=moon&reveal=true', token: 'root' }, 404],
    ['an unknown parameter', { path: `${reveal}&colour=red`, token: 'root' }, 400],
    ['a repeated parameter', { path: `${reveal}&reveal=true`, token: 'root' }, 400],
    ['a trailing slash', { path: '/api/v1/secrets/cold/secret/?environment=dev&reveal=true', token: 'root' }, 404],
    ['an escaped dot segment', { path: '/api/v1/secrets/cold/%2e%2e/secret?environment=dev&reveal=true', token: 'root' }, 400],
    ['metadata alone', { path: '/api/v1/secrets/cold/secret?environment=dev', token: 'root' }, 200],
    ['a list', { path: '/api/v1/secrets?environment=dev&prefix=cold', token: 'root' }, 200],
    ['an organization that is not there', { path: reveal, token: 'root', headers: { 'x-vault-namespace': 'nowhere' } }, 404],
    ['a header of the product that plans do not know', { path: '/v1/secret/data/dev/cold/secret', token: 'root', headers: { 'x-vault-not-known-yet': '1' } }, 200],
    ['two names of the organization', { path: reveal, token: 'root', headers: { 'x-coffer-organization': 'a', 'x-vault-namespace': 'b' } }, 400],
    ['a body, which Fastify does not read from a GET', { path: reveal, token: 'root', body: '{}', headers: { 'content-length': '2' } }, 200],
    ['an HMAC of another body', { path: reveal, token: 'root', headers: { 'x-coffer-body-hmac': 'sha256=00' } }, 400],
    ['another method', { path: reveal, token: 'root', method: 'PUT' }, 405],
    ['a head', { path: '/v1/secret/data/dev/cold/secret', token: 'root', method: 'HEAD' }, 200],
    ['a parameter that Vault\'s door ignores', { path: '/v1/secret/data/dev/cold/secret?colour=red', token: 'root' }, 200],
  ] as const) {
    test(what, async () => {
      await same(asked, { warm: false, status })
    })
  }

  test('a secret by its id has a plan, and it ends with that secret', async () => {
    const { id } = dataOf(await put('cold/by-id?environment=dev', 'v'))
    const asked = { path: `/api/v1/secrets/${String(id)}?reveal=true`, token: 'root' }
    assert.equal(valueOf(await same(asked, { warm: true, status: 200 })), 'v')
    // Another secret at its place is not the one that the id means.
    await ok('DELETE', '/api/v1/secrets/cold/by-id/permanent?environment=dev')
    await put('cold/by-id?environment=dev', 'another')
    assert.equal(valueOf(await send({ path: '/api/v1/secrets/cold/by-id?environment=dev&reveal=true', token: 'root' })), 'another')
    await same(asked, { warm: false, status: 404 })
  })
})

describe('a plan ends with what it was made of', () => {
  const warmed = async (name: string, token = 'root'): Promise<Asked> => {
    await put(`${name}?environment=dev`, 'old')
    const asked = { path: `/api/v1/secrets/${name}?environment=dev&reveal=true`, token }
    await same(asked, { warm: true, status: 200 })
    return asked
  }

  test('a new version is what the next read gives', async () => {
    const asked = await warmed('ends/version')
    await put('ends/version?environment=dev', 'new')
    assert.equal(valueOf(await send(asked)), 'new')
    assert.equal(valueOf(await same(asked, { warm: true, status: 200 })), 'new')
  })

  test('a secret that was deleted, restored, and given other metadata', async () => {
    const asked = await warmed('ends/deleted')
    await ok('DELETE', '/api/v1/secrets/ends/deleted?environment=dev')
    assert.equal((await send(asked)).status, 404)
    await same(asked, { warm: false, status: 404 })
    await ok('POST', '/api/v1/secrets/ends/deleted/restore?environment=dev', {})
    await same(asked, { warm: true, status: 200 })
    await ok('PATCH', '/api/v1/secrets/ends/deleted?environment=dev', { description: 'changed' })
    assert.match((await send(asked)).body, /"description":"changed"/)
    await same(asked, { warm: true, status: 200 })
  })

  test('a version that was disabled, enabled and destroyed', async () => {
    const asked = await warmed('ends/state')
    const state = (to: string): Promise<unknown> => ok('PATCH', '/api/v1/versions/ends/state?environment=dev', { version: 1, state: to, force: true })
    await state('DISABLED')
    assert.equal((await send(asked)).status, 404)
    await same(asked, { warm: false, status: 404 })
    await state('ENABLED')
    await same(asked, { warm: true, status: 200 })
    await state('DESTROYED')
    assert.equal((await send(asked)).status, 404)
    await same(asked, { warm: false, status: 404 })
  })

  test('a version that expires', async () => {
    await put('ends/expiry?environment=dev', 'short', { ttl: 2 })
    const asked = { path: '/api/v1/secrets/ends/expiry?environment=dev&reveal=true', token: 'root' }
    assert.equal((await send(asked)).status, 200)
    while ((await send(asked)).status === 200) await new Promise((resolve) => setTimeout(resolve, 100))
    await same(asked, { warm: false, status: 404 })
  })

  test('a KV version that waits for its promotion, and one that was deleted', async () => {
    await put('ends/kv?environment=dev', 'one')
    await ok('POST', '/api/v1/versions/ends/kv?environment=dev', { value: 'two' })
    await same({ path: '/v1/secret/data/dev/ends/kv?version=2', token: 'root' }, { warm: false, status: 404 })
    await same({ path: '/v1/secret/data/dev/ends/kv', token: 'root' }, { warm: true, status: 200 })
    await ok('DELETE', '/v1/secret/data/dev/ends/kv')
    assert.equal((await send({ path: '/v1/secret/data/dev/ends/kv', token: 'root' })).status, 404)
    await same({ path: '/v1/secret/data/dev/ends/kv', token: 'root' }, { warm: false, status: 404 })
  })

  test('a token that was revoked, and one whose policy was taken away', async () => {
    const policy = (resource: string): Promise<unknown> => ok('PUT', '/api/v1/policies/warm-readers', { kind: 'json', body: JSON.stringify({ effect: 'allow', principal: 'service:warm-reader', actions: ['secrets:read'], resources: [resource] }) })
    await policy('dev/ends/*')
    const reader = await newToken({ name: 'warm-reader' })
    const asked = await warmed('ends/token', reader.token)
    await policy('dev/other/*')
    assert.equal((await send(asked)).status, 403)
    await same(asked, { warm: false, status: 403 })
    await policy('dev/ends/*')
    await same(asked, { warm: true, status: 200 })
    await same({ ...asked, path: asked.path.replace('ends/token', 'cold/secret') }, { warm: false, status: 403 })
    await ok('DELETE', `/api/v1/tokens/${reader.accessor}`)
    assert.equal((await send(asked)).status, 401)
    await same(asked, { warm: false, status: 401 })
  })

  test('a path that an environment takes over', async () => {
    await ok('POST', '/api/v1/projects', { name: 'absorbing' })
    await put('taken/x?environment=default&project=absorbing', 'in default')
    const asked = { path: '/api/v1/secrets/taken/x?environment=default&project=absorbing&reveal=true', token: 'root' }
    await same(asked, { warm: true, status: 200 })
    await ok('POST', '/api/v1/projects/absorbing/environments', { slug: 'taken', absorb: true })
    assert.equal((await send(asked)).status, 400)
    await same(asked, { warm: false, status: 400 })
  })
})

describe('tokens that only the general way can judge', () => {
  before(async () => {
    await put('uses/secret?environment=dev', 'v')
  })

  test('counted uses are counted', async () => {
    const counted = await newToken({ name: 'counted', role: 'reader', numUses: 3 })
    const before_ = answeredWarm()
    const asked = { path: '/api/v1/secrets/uses/secret?environment=dev&reveal=true', token: counted.token }
    const statuses = []
    for (let i = 0; i < 5; i++) statuses.push((await send(asked)).status)
    assert.equal(answeredWarm(), before_)
    assert.deepEqual(statuses, [200, 200, 200, 401, 401])
  })

  test('addresses are compared', async () => {
    const bound = await newToken({ name: 'bound', role: 'reader', boundCidrs: ['10.9.8.0/24'] })
    const path = '/api/v1/secrets/uses/secret?environment=dev&reveal=true'
    await same({ path, token: bound.token }, { warm: false, status: 401 })
    const here = await newToken({ name: 'here', role: 'reader', boundCidrs: ['127.0.0.0/8'] })
    await same({ path, token: here.token }, { warm: false, status: 200 })
  })
})

describe('what one token taught serves another', () => {
  const path = '/api/v1/secrets/shared/secret?environment=dev&reveal=true'
  before(async () => {
    await put('shared/secret?environment=dev', 'v')
    await put('shared/other?environment=dev', 'v')
    await ok('PUT', '/v1/sys/policies/acl/shared-reader', { policy: 'path "secret/data/dev/shared/secret" { capabilities = ["read"] }' })
    await same({ path, token: 'root' }, { warm: true, status: 200 })
    await same({ path: path.replace('secret?', 'other?'), token: 'root' }, { warm: true, status: 200 })
  })

  /** The first request of a token that nobody has used. A lapsed lease on a busy machine costs a token. */
  const first = async (fields: object, asked: Omit<Asked, 'token'> = { path }): Promise<[Answer, number]> => {
    for (let tries = 0; ; tries++) {
      const { token } = await newToken(fields)
      const found = await ways.counted({ ...asked, token })
      if (found[1] === 1 || tries === 5) return found
      await send({ ...asked, token: 'root' })
    }
  }

  test('the first read of a token is a plan\'s, and has its own record', async () => {
    const [planned, warm] = await first({ name: 'first', policies: ['shared-reader'] })
    assert.deepEqual([planned.status, warm], [200, 1])
    const [record] = await ways.recordOf(planned)
    assert.match(record ?? '', /"principal":"service:first".*"rule":"acl:shared-reader/)
  })

  test('and is refused the general way where that refuses', async () => {
    const [refused, warm] = await first({ name: 'first', policies: ['shared-reader'] }, { path: path.replace('secret?', 'other?') })
    assert.deepEqual([refused.status, warm], [403, 0])
    const bound = await newToken({ name: 'bound-elsewhere', role: 'reader', boundCidrs: ['10.9.8.0/24'] })
    for (const token of [bound.token, 'hvs.nobody', `${bound.token}x`]) await same({ path, token }, { warm: false, status: 401 })
  })

  test('counted uses are counted from the first on', async () => {
    const { token } = await newToken({ name: 'counted-first', role: 'reader', numUses: 1 })
    assert.deepEqual([(await send({ path, token })).status, (await send({ path, token })).status], [200, 401])
  })

  test('many at once with one new token are answered, and each has its record', async () => {
    const { token } = await newToken({ name: 'many', policies: ['shared-reader'] })
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => send({ path: index % 4 === 3 ? path.replace('secret?', 'other?') : path, token })))
    assert.deepEqual(answers.map(({ status }) => status), answers.map((_, index) => (index % 4 === 3 ? 403 : 200)))
    for (const answer of answers) assert.equal((await ways.recordOf(answer)).length, 1)
  })
})

test('a limit is taken from once, also when a plan turns out not to be able to answer', async () => {
  await put('limited/secret?environment=dev', 'v')
  const asked = { path: '/api/v1/secrets/limited/secret?environment=dev&reveal=true', token: 'root' }
  await same(asked, { warm: true, status: 200 })
  await ok('PATCH', '/api/v1/versions/limited/secret?environment=dev', { version: 1, state: 'DISABLED', force: true })
  assert.equal((await send(asked)).status, 404)
  await ok('POST', '/v1/sys/quotas/config', { enable_rate_limit_response_headers: true })
  await ok('POST', '/v1/sys/quotas/rate-limit/once', { path: 'secret/data/dev/limited/secret', rate: 1000, interval: '1h' })
  const left = (answer: Answer): number => Number(answer.headers.find((pair) => pair.startsWith('x-ratelimit-remaining: '))?.split(' ')[1])
  const [one, two, three] = [await send(asked), await send(asked), await send(asked)]
  assert.deepEqual([one, two, three].map(({ status }) => status), [404, 404, 404])
  assert.deepEqual([left(one) - left(two), left(two) - left(three)], [1, 1])
  await ok('PATCH', '/api/v1/versions/limited/secret?environment=dev', { version: 1, state: 'ENABLED' })
  await ok('POST', '/v1/sys/quotas/config', { enable_rate_limit_response_headers: false })
  await ok('POST', '/v1/sys/quotas/rate-limit/once', { path: 'secret/data/dev/limited/secret', rate: 3, interval: '1h' })
  const statuses = []
  for (let index = 0; index < 5; index++) statuses.push((await send(asked)).status)
  assert.deepEqual(statuses, [200, 200, 200, 429, 429])
  await ok('DELETE', '/v1/sys/quotas/rate-limit/once')
})
