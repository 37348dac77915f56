// The gRPC door of a real server with two workers, by a client that knows the proto file only.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { status as code } from '@grpc/grpc-js'
import { grpcAddressOf, grpcClient, type Failure } from '../support/grpc.ts'
import { scratchDirectory, startDevServer, startDurableServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const scope = { after }
const open = await startDurableServer(scope, { folder: scratchDirectory(scope), flags: ['--workers', '2', '--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB'] })
const { root, rootToken: token } = open
const grpc = grpcClient(scope, grpcAddressOf(open.server))

const write = async (path: string, value: string, environment = 'prod'): Promise<number> => (await root.expect('POST', `/api/v1/secrets/${path}?environment=${environment}`, { value })).data.version as number
const propose = async (path: string, value: string): Promise<number> => (await root.expect('POST', `/api/v1/versions/${path}?environment=prod`, { value })).data.version as number
const makeToken = async (body: Readonly<Record<string, unknown>>): Promise<{ readonly token: string; readonly accessor: string }> => (await root.expect('POST', '/api/v1/tokens', body)).data

describe('GetSecret', () => {
  test('answers the current version, and others by alias and number', async () => {
    await write('payments/stripe-api-key', 'one')
    await write('payments/stripe-api-key', 'two')
    const secret_path = 'prod/payments/stripe-api-key'
    assert.deepEqual((await grpc.get({ secret_path, client_token: token, version_or_alias: 'current' })).answer, { secret_path, version_number: 2, plaintext_value: 'two', expires_at_unix: 0 })
    assert.equal((await grpc.get({ secret_path, client_token: token })).answer?.plaintext_value, 'two')
    for (const version of ['previous', 'v1', '1']) assert.equal((await grpc.get({ secret_path, client_token: token, version_or_alias: version })).answer?.plaintext_value, 'one', version)
  })

  test('says when a version expires', async () => {
    await root.expect('POST', '/api/v1/secrets/expiring?environment=prod', { value: 'x', expiresAt: '2099-01-31T00:00:00Z' })
    assert.equal((await grpc.get({ secret_path: 'prod/expiring', client_token: token })).answer?.expires_at_unix, Date.UTC(2099, 0, 31) / 1000)
  })

  test('takes the token from the metadata as well, and one only', async () => {
    await write('by-metadata', 'x')
    const request = { secret_path: 'prod/by-metadata' }
    for (const metadata of [{ authorization: `Bearer ${token}` }, { 'x-vault-token': token }]) assert.equal((await grpc.get(request, metadata)).answer?.plaintext_value, 'x')
    assert.equal((await grpc.get({ ...request, client_token: token }, { 'x-vault-token': token })).answer?.plaintext_value, 'x')
    const { failure } = await grpc.get({ ...request, client_token: token }, { 'x-vault-token': 'another' })
    assert.equal(failure?.status, code.INVALID_ARGUMENT)
    assert.equal(failure?.code, 'request.two_tokens')
    for (const metadata of [{}, { authorization: 'Bearer nobody' }]) assert.equal((await grpc.get(request, metadata)).failure?.status, code.UNAUTHENTICATED)
    assert.equal((await grpc.get(request, { authorization: `Basic ${token}` })).failure?.status, code.INVALID_ARGUMENT)
  })

  test('a path without an environment is one of the default environment', async () => {
    await write('unfiled/key', 'x', 'default')
    assert.equal((await grpc.get({ secret_path: 'unfiled/key', client_token: token })).answer?.plaintext_value, 'x')
  })

  test('the project is that of the metadata, or the one that the token is locked to', async () => {
    await root.expect('POST', '/api/v1/projects', { name: 'billing' })
    await root.expect('POST', '/api/v1/secrets/key?project=billing&environment=dev', { value: 'of billing' })
    assert.equal((await grpc.get({ secret_path: 'dev/key', client_token: token }, { 'x-coffer-project': 'billing' })).answer?.plaintext_value, 'of billing')
    const locked = await makeToken({ name: 'billing-api', project: 'billing', environment: 'dev', role: 'reader' })
    assert.equal((await grpc.get({ secret_path: 'dev/key', client_token: locked.token })).answer?.plaintext_value, 'of billing')
    assert.equal((await grpc.get({ secret_path: 'prod/payments/stripe-api-key', client_token: locked.token })).failure?.status, code.PERMISSION_DENIED)
  })

  test('errors have the status of their kind, and their code and request id in the trailers', async () => {
    const missing = await grpc.get({ secret_path: 'prod/nothing/here', client_token: token })
    assert.equal(missing.failure?.status, code.NOT_FOUND)
    assert.equal(missing.failure?.code, 'secret.not_found')
    assert.match(missing.failure?.requestId ?? '', /^req_/)
    for (const secret_path of ['', 'prod/../x', 'prod//x', 'prod/x/', 'prod/a\u0000b']) assert.equal((await grpc.get({ secret_path, client_token: token })).failure?.status, code.INVALID_ARGUMENT, JSON.stringify(secret_path))
    const nobody = await makeToken({ name: 'nobody' })
    assert.equal((await grpc.get({ secret_path: 'prod/nothing/here', client_token: nobody.token })).failure?.status, code.PERMISSION_DENIED)
  })

  test('bytes that are no message are the caller\'s error', async () => {
    // Field 1 of wire type 7, which there is not.
    const failure = await grpc.raw('GetSecret', Buffer.from([0x0f]))
    assert.equal(failure?.status, code.INVALID_ARGUMENT)
    assert.equal(failure?.code, 'request.malformed')
    assert.equal((await grpc.raw('NoSuchRpc', Buffer.alloc(0)))?.status, code.UNIMPLEMENTED)
    assert.equal((await grpc.raw('GetSecret', Buffer.alloc(200 * 1024)))?.status, code.RESOURCE_EXHAUSTED)
  })

  test('each answer and each refusal has its record', async () => {
    await write('recorded', 'x')
    const nobody = await makeToken({ name: 'nobody-else' })
    const good = await grpc.get({ secret_path: 'prod/recorded', client_token: token })
    const refused = await grpc.get({ secret_path: 'prod/recorded', client_token: nobody.token })
    const recordOf = async (requestId: string | undefined) => {
      const find = async () => (await root.expect('GET', `/api/v1/audit/events?requestId=${requestId}`)).data.items[0]
      await until(async () => (await find()) !== undefined, 'the record is in the database')
      return find()
    }
    const allowed = await recordOf(good.requestId)
    assert.deepEqual([allowed.door, allowed.action, allowed.environment, allowed.path, allowed.version, allowed.decision, allowed.status], ['grpc', 'secret.reveal', 'prod', 'recorded', 1, 'ALLOW', 200])
    assert.match(allowed.sourceIp, /127\.0\.0\.1$/)
    const denied = await recordOf(refused.failure?.requestId)
    assert.deepEqual([denied.action, denied.path, denied.decision, denied.status, denied.errorCode], ['secret.reveal', 'recorded', 'DENY', 403, 'policy.denied'])
    const service = 'codesprintpro.secrets.v1.SecretDeliveryService'
    const early: readonly (readonly [Failure | undefined, number, string, number, string])[] = [
      [await grpc.raw('NoSuchRpc', Buffer.alloc(0)), code.UNIMPLEMENTED, 'NoSuchRpc', 501, 'request.unimplemented'],
      [await grpc.raw('GetSecret', Buffer.from([0x0f])), code.INVALID_ARGUMENT, 'GetSecret', 400, 'request.malformed'],
      [(await grpc.get({ secret_path: 'prod/recorded', client_token: token }, { 'x-vault-token': 'another' })).failure, code.INVALID_ARGUMENT, 'GetSecret', 400, 'request.two_tokens'],
      [(await grpc.get({ secret_path: 'prod/recorded', client_token: token }, { 'x-coffer-project': '?' })).failure, code.INVALID_ARGUMENT, 'GetSecret', 400, 'project.bad_name'],
      [await grpc.watch(['prod/recorded'], token, { authorization: 'Basic x' }).ended, code.INVALID_ARGUMENT, 'WatchSecretChanges', 400, 'request.bad_authorization'],
    ]
    for (const [failure, answered, rpc, status, errorCode] of early) {
      assert.equal(failure?.status, answered, errorCode)
      const record = await recordOf(failure?.requestId)
      assert.deepEqual([record.door, record.action, record.metadata, record.status, record.errorCode], ['grpc', 'request.unresolved', { method: 'POST', ...(rpc === 'NoSuchRpc' ? {} : { path: `${service}/${rpc}` }) }, status, errorCode])
    }
  })
})

describe('WatchSecretChanges', () => {
  test('tells what is, then every change, whichever worker makes it', async () => {
    await write('watched/a', 'one')
    const [a, b] = ['prod/watched/a', 'prod/watched/not-yet']
    // Two streams: each connection may be with another worker.
    const streams = [grpc.watch([a, b], token), grpcClient(scope, grpcAddressOf(open.server)).watch([a, b], token)]
    const all = async (event: string): Promise<void> => void (await Promise.all(streams.map((stream) => stream.saw(event))))
    await all(`${a} current=1`)
    await all(`${b} current=0`)
    await write('watched/not-yet', 'x')
    await all(`${b} current=1`)
    const next = await propose('watched/a', 'two')
    await all(`${a} next=${next}`)
    await root.expect('PUT', '/api/v1/aliases/watched/a?environment=prod', { version: next, expectedPreviousVersion: 1 })
    await all(`${a} current=2`)
    await all(`${a} previous=1`)
    await root.expect('PUT', '/api/v1/aliases/watched/a?environment=prod', { alias: 'canary', version: 1 })
    await all(`${a} canary=1`)
    await root.expect('DELETE', '/api/v1/aliases/watched/a?environment=prod&alias=canary')
    await all(`${a} canary=0`)
    await root.expect('DELETE', '/api/v1/secrets/watched/a?environment=prod')
    await all(`${a} current=0`)
    await root.expect('POST', '/api/v1/secrets/watched/a/restore?environment=prod')
    await all(`${a} current=2`)
  })

  test('writes under way while a client connects are not missed', async () => {
    await write('racing', 'first')
    let isDone = false
    const writing = (async () => {
      let last = 0
      for (let i = 0; i < 30; i++) last = await write('racing', `value ${i}`)
      isDone = true
      return last
    })()
    const streams = []
    while (!isDone) {
      const stream = grpc.watch(['prod/racing'], token)
      streams.push(stream)
      await until(() => stream.events.length > 0, 'its first event')
    }
    const last = await writing
    for (const stream of streams) await until(() => stream.events.some((event) => event === `prod/racing current=${last}`), `the last version in ${stream.events.join()}`)
    for (const stream of streams) {
      const numbers = stream.events.filter((event) => event.includes(' current=')).map((event) => Number(event.split('=')[1]))
      assert.deepEqual(numbers, numbers.toSorted((x, y) => x - y), 'versions only go up')
      stream.call.cancel()
    }
  })

  test('the same path twice is one', async () => {
    await write('twice', 'x')
    const stream = grpc.watch(['prod/twice', '/prod/twice', 'prod/twice'], token)
    await stream.saw('prod/twice current=1')
    await write('twice', 'y')
    await stream.saw('prod/twice current=2')
    await stream.saw('prod/twice previous=1')
    assert.equal(stream.events.length, 3)
  })

  test('all paths must be allowed; one that may only be revealed may be watched', async () => {
    await write('open/x', 'x')
    const policy = (body: object) => root.expect('PUT', '/api/v1/policies/watcher', { kind: 'acl', body: JSON.stringify(body) })
    await policy({ path: { 'secret/data/prod/open/*': { capabilities: ['read'] } } })
    const watcher = await makeToken({ name: 'watcher', policies: ['watcher'] })
    const denied = await grpc.watch(['prod/open/x', 'prod/closed/x'], watcher.token).ended
    assert.equal(denied.status, code.PERMISSION_DENIED)
    assert.equal(denied.code, 'policy.denied')
    const stream = grpc.watch(['prod/open/x'], watcher.token)
    await stream.saw('prod/open/x current=1')
    // The right goes while the stream runs.
    await policy({ path: { 'secret/data/prod/other': { capabilities: ['read'] } } })
    assert.equal((await stream.ended).status, code.PERMISSION_DENIED)
  })

  test('ends when its token is revoked, without any change of a secret', async () => {
    await write('quiet', 'x')
    const reader = await makeToken({ name: 'reader', role: 'reader' })
    const stream = grpc.watch(['prod/quiet'], reader.token)
    await stream.saw('prod/quiet current=1')
    await root.expect('DELETE', `/api/v1/tokens/${reader.accessor}`)
    const end = await stream.ended
    assert.equal(end.status, code.UNAUTHENTICATED)
    assert.equal(end.code, 'token.invalid')
  })

  test('ends when its token expires', async () => {
    await write('brief', 'x')
    const reader = await makeToken({ name: 'brief-reader', role: 'reader', ttl: 3 })
    const stream = grpc.watch(['prod/brief'], reader.token)
    await stream.saw('prod/brief current=1')
    assert.equal((await stream.ended).status, code.UNAUTHENTICATED)
  })

  test('takes a hundred paths and no more, and so many streams of one token', async () => {
    const paths = Array.from({ length: 101 }, (_, i) => `prod/many/${i}`)
    const refused = await grpc.watch(paths, token).ended
    assert.equal(refused.status, code.RESOURCE_EXHAUSTED)
    assert.equal(refused.code, 'delivery.too_many_paths')
    const full = grpc.watch(paths.slice(1), token)
    await full.saw('prod/many/100 current=0')
    assert.equal((await grpc.watch([], token).ended).status, code.INVALID_ARGUMENT)
    full.call.cancel()

    const reader = await makeToken({ name: 'greedy', role: 'reader' })
    const lone = grpcClient(scope, grpcAddressOf(open.server))
    const streams = Array.from({ length: 33 }, () => lone.watch(['prod/many/1'], reader.token))
    const first = await Promise.race(streams.map(async (stream) => ({ stream, end: await stream.ended })))
    assert.equal(first.end.status, code.RESOURCE_EXHAUSTED)
    assert.equal(first.end.code, 'delivery.too_many_streams')
    for (const stream of streams) if (stream !== first.stream) await stream.saw('prod/many/1 current=0')
    // A place that is left can be taken.
    for (const stream of streams) stream.call.cancel()
    const again = lone.watch(['prod/many/1'], reader.token)
    await until(() => again.events.length > 0, 'the stream is let in')
  })

  test('looks are recorded', async () => {
    await write('looked-at', 'x')
    const reader = await makeToken({ name: 'watching-reader', role: 'reader' })
    const stream = grpc.watch(['prod/looked-at'], reader.token)
    await stream.saw('prod/looked-at current=1')
    const actions = async () => (await root.expect('GET', '/api/v1/audit/events?path=looked-at&limit=50')).data.items.filter((event: { door: string }) => event.door === 'grpc').map((event: { action: string }) => event.action)
    await until(async () => (await actions()).length === 2, 'both records are in the database')
    assert.deepEqual((await actions()).toSorted(), ['secret.read', 'secret.watch'])
  })
})

test('a stopping server ends its streams and goes in time', async (t) => {
  const { server, root: own, rootToken } = await startDevServer(t, [], 'another-root')
  await own.expect('POST', '/api/v1/secrets/a?environment=dev', { value: 'x' })
  const stream = grpcClient(t, grpcAddressOf(server)).watch(['dev/a'], rootToken)
  await stream.saw('dev/a current=1')
  const stopped = server.stop()
  const end = await stream.ended
  assert.equal(end.status, code.UNAVAILABLE)
  assert.equal(end.code, 'server.stopping')
  assert.deepEqual(await stopped, { code: 0, signal: null })
})
