// All secrets of a folder by a plan, against the general way: the same requests through both, everything compared.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bothWays, dataOf, type Answer, type Asked, type BothWays } from '../../compose/testing/both-ways.ts'
import { startTestWorker, type TestWorker } from '../../compose/testing/worker.ts'

let worker: TestWorker
let ways: BothWays
const cleanUps: (() => Promise<void>)[] = []

before(async () => {
  worker = await startTestWorker({ after: (cleanUp) => void cleanUps.push(cleanUp) })
  ways = bothWays(worker)
})
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

const ok: BothWays['ok'] = (method, path, body, token) => ways.ok(method, path, body, token)
const same: BothWays['same'] = (asked, expected) => ways.same(asked, expected)

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

  test('a value that decides more than its own place is the general way\'s', async () => {
    await put('zero/NULL?environment=dev', 'a\0b')
    await put('zero/OTHER?environment=dev', 'c')
    for (let times = 0; times < 3; times++) assert.deepEqual(shown(await same(inject('zero'), { warm: false, status: 200 }))['excluded'], ['NULL'])
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

  test('no body at all, where the token says which environment', async () => {
    await ok('POST', '/api/v1/projects', { name: 'locked' })
    await put('ONLY?environment=prod&project=locked', 'of the lock')
    const { token } = await newToken({ name: 'locked', project: 'locked', environment: 'prod', role: 'admin' })
    assert.deepEqual(variables(await same({ path: '/api/v1/inject', method: 'POST', token, headers: { 'content-length': '0' } }, { warm: true, status: 200 })), { ONLY: 'of the lock' })
    assert.deepEqual(variables(await same({ path: '/api/v1/inject', method: 'POST', token, body: '{}' }, { warm: true, status: 200 })), { ONLY: 'of the lock' })
    await same({ path: '/api/v1/inject', method: 'POST', token: 'root', body: '{}' }, { warm: false, status: 400 })
  })
})
