// The compiled plan against the general way: the same requests through both, everything compared. A header that asks for
// nothing but keeps a request off the plan (Idempotency-Key on a read) makes the general one.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { request } from 'node:http'
import { startTestWorker, type TestWorker } from '../../compose/testing/worker.ts'

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: readonly string[]
  readonly requestId: string
}

interface Asked {
  readonly path: string
  readonly method?: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
}

let worker: TestWorker
const cleanUps: (() => Promise<void>)[] = []

before(async () => {
  worker = await startTestWorker({ after: (cleanUp) => void cleanUps.push(cleanUp) })
})
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

const send = ({ path, method = 'GET', token, headers = {}, body }: Asked): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const outgoing = request(`${worker.origin}/`, { method, path, headers: { ...(token === undefined ? {} : { 'x-vault-token': token }), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers } as Record<string, string | string[]> }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const raw = incoming.rawHeaders
        const pairs = raw.flatMap((name, index) => (index % 2 === 0 ? [`${name.toLowerCase()}: ${raw[index + 1] ?? ''}`] : []))
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8'), headers: pairs.filter((pair) => !/^(date|x-request-id):/.test(pair)).sort(), requestId: String(incoming.headers['x-request-id']) })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })

const ok = async (method: string, path: string, body?: object, token = worker.rootToken): Promise<Record<string, unknown>> => {
  const answer = await send({ path, method, token, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.body}`)
  return answer.body === '' ? {} : (JSON.parse(answer.body) as Record<string, unknown>)
}

const dataOf = (body: Record<string, unknown>): Record<string, unknown> => body['data'] as Record<string, unknown>

/** The record of a request, once it has been shipped, without what differs with every request. */
const recordOf = async ({ requestId }: Answer): Promise<unknown> => {
  for (let tries = 0; tries < 400; tries++) {
    const { rows } = await worker.database.superuser.query<{ record: string }>('select record from coffer.audit_events where request_id = $1 order by id', [requestId])
    if (rows.length > 0) return rows.map(({ record }) => record.replaceAll(requestId, 'REQUEST').replace(/"id":"[0-9a-f-]{36}"/, '"id":"ID"').replace(/"createdAt":"[^"]+"/, '"createdAt":"AT"'))
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`no record of ${requestId}`)
}

const masked = (answer: Answer): Omit<Answer, 'requestId'> => ({ status: answer.status, headers: answer.headers, body: answer.body.replaceAll(answer.requestId.replace(/^req_/, ''), 'REQUEST') })

const answeredWarm = (): number => worker.metric('coffer_warm_reads_total', 'answered')

/** The answer, and how many of those since were a plan's. */
const counted = async (asked: Asked): Promise<[Answer, number]> => {
  const before_ = answeredWarm()
  const answer = await send(asked)
  return [answer, answeredWarm() - before_]
}

/** Once for the plan to be learned, once by it, once the general way; the latter two are the same in everything. */
const same = async (asked: Asked, expected: { readonly warm: boolean; readonly status: number; readonly recorded?: boolean }): Promise<Answer> => {
  await send(asked)
  let [planned, warm] = await counted(asked)
  // A lease that lapsed on a busy machine sends one the general way; the next learns again.
  for (let tries = 0; tries < 50 && expected.warm && warm === 0; tries++) [planned, warm] = await counted(asked)
  const before_ = answeredWarm()
  const general = await send({ ...asked, headers: { ...asked.headers, 'idempotency-key': 'general' } })
  assert.equal(answeredWarm(), before_, 'the comparison itself took the plan')
  assert.equal(warm, expected.warm ? 1 : 0, `${asked.path} was ${warm === 1 ? '' : 'not '}answered by a plan`)
  assert.equal(planned.status, expected.status, planned.body)
  assert.deepEqual(masked(planned), masked(general))
  assert.match(planned.requestId, /^req_[0-9a-f-]{36}$/)
  assert.notEqual(planned.requestId, general.requestId)
  // What a door refuses before it knows the operation has no record.
  if (expected.recorded !== false) assert.deepEqual(await recordOf(planned), await recordOf(general))
  return planned
}

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
    await same({ path, token: worker.rootToken, headers: { authorization: 'Bearer another' } }, { warm: false, status: 400, recorded: false })
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
    await same({ path, token: worker.rootToken, headers: { 'x-coffer-project': 'no such' } }, { warm: false, status: 400, recorded: false })
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

describe('what a plan must not answer goes the general way', () => {
  before(async () => {
    await put('cold/secret?environment=dev', 'v')
  })
  const reveal = '/api/v1/secrets/cold/secret?environment=dev&reveal=true'

  const unrecorded: ReadonlySet<string> = new Set(['a repeated parameter', 'a trailing slash', 'an escaped dot segment', 'two names of the organization', 'an HMAC of another body', 'another method'])

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
      await same(asked, { warm: false, status, recorded: !unrecorded.has(what) })
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
