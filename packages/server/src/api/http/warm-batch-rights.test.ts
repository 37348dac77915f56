// No token gets of a folder by a plan what it would not get the general way: random rules, random tokens, every folder both ways. What is withheld, and
// what is recorded, is decided for each secret by each token's own rules; a plan that were used for another's would show here.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { bothWays, dataOf, generally, type Answer, type BothWays } from '../../compose/testing/both-ways.ts'
import { startTestWorker, type TestWorker } from '../../compose/testing/worker.ts'
import { lastFirst } from '../../kernel/testing/scope.ts'

let worker: TestWorker
let ways: BothWays
const scope = lastFirst({ after })
before(async () => {
  worker = await startTestWorker(scope)
  ways = bothWays(worker)
})

const places = ['dev/a/X', 'dev/a/Y', 'dev/a/deep/Z', 'prod/a/X', 'prod/own/n0', 'dev/own/n1'] as const
const folders = [['dev', undefined], ['dev', 'a'], ['dev', 'a/deep'], ['dev', 'own'], ['prod', undefined], ['prod', 'own']] as const
const targets = folders.map(([environment, prefix]) => ({ method: 'POST', path: `/api/v1/inject?environment=${environment}`, body: JSON.stringify(prefix === undefined ? {} : { prefix }) }))

const aclPattern = fc.constantFrom('*', 'dev/*', 'prod/*', 'dev/a/*', '+/a/X', 'dev/+/X', 'dev/a/', 'dev/', 'dev/a/Y', '+/own/{{identity.entity.name}}', 'prod/{{identity.entity.metadata.none}}/*')
const family = fc.constantFrom('data', 'data', 'data', 'metadata')
const capabilities = fc.oneof({ weight: 5, arbitrary: fc.constant(['read', 'list']) }, { weight: 1, arbitrary: fc.constant(['deny']) }, { weight: 1, arbitrary: fc.constantFrom(['list'], ['create', 'update'], ['read']) })
const demand = fc.oneof({ weight: 8, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom('required_parameters = ["x"]', 'denied_parameters = { "*" = [] }', 'min_wrapping_ttl = "1s"') })
const aclPolicy = fc.array(fc.tuple(family, aclPattern, capabilities, demand), { minLength: 1, maxLength: 4 }).map((blocks) => {
  const byPattern = new Map(blocks.map((block) => [`${block[0]}/${block[1]}`, block]))
  return [...byPattern].map(([pattern, [, , granted, more]]) => `path "secret/${pattern}" {\n capabilities = ${JSON.stringify(granted)}\n ${more}\n}`).join('\n')
})

const conditions = fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.constantFrom({ mfa: true }, { sourceCidr: ['127.0.0.0/8'] }, { sourceCidr: ['10.0.0.0/8'] }, { environment: ['prod'] }, { notAfter: '2001-01-01T00:00:00Z' }, { notBefore: '2001-01-01T00:00:00Z' }) })
const jsonPolicy = fc.record({
  effect: fc.constantFrom('allow', 'allow', 'deny'),
  principal: fc.constantFrom('*', 'service:n0', 'service:n1', 'service:*'),
  actions: fc.constantFrom(['secrets:read'], ['secrets:export'], ['secrets:read', 'secrets:export'], ['secrets:list'], ['secrets:metadata']),
  resources: fc.array(fc.constantFrom('dev/*', 'prod/*', 'dev/a/*', 'dev/a/X', '+/own/*', 'dev/a/deep/*'), { minLength: 1, maxLength: 2 }),
  conditions,
  // What only an allow may require is not in a deny.
}).filter(({ effect, conditions: required }) => effect === 'allow' || !('mfa' in required))

const tokens = fc.array(fc.record({
  name: fc.constantFrom('n0', 'n1', 'n2'),
  policies: fc.subarray(['p0', 'p1', 'p2']),
  role: fc.option(fc.constantFrom('reader', 'developer', 'admin'), { nil: undefined, freq: 3 }),
  lock: fc.option(fc.constantFrom({ project: 'secret' }, { project: 'secret', environment: 'dev' }, { project: 'other' }), { nil: undefined, freq: 4 }),
  boundCidrs: fc.constantFrom([], [], [], ['127.0.0.1/32'], ['10.0.0.0/8']),
}), { minLength: 4, maxLength: 6 })

const world = fc.record({ acl: fc.tuple(aclPolicy, aclPolicy, aclPolicy), json: fc.array(jsonPolicy, { maxLength: 3 }), tokens, order: fc.infiniteStream(fc.nat()) })

const isPartial = ({ status, body }: Answer): boolean => status === 200 && dataOf(JSON.parse(body) as Record<string, unknown>)['withheld'] !== 0

test('every answer and every record is that of the general way, whoever taught the plan', async () => {
  await ways.ok('POST', '/api/v1/projects', { name: 'other' })
  for (const place of places) {
    const [environment = '', ...rest] = place.split('/')
    await ways.ok('POST', `/api/v1/secrets/${rest.join('/')}?environment=${environment}`, { value: `at ${place}` })
  }
  // Of the folders that it is in, one who may have everything else gets a part.
  await ways.ok('PUT', '/api/v1/policies/but-one', { kind: 'json', body: JSON.stringify({ effect: 'deny', principal: 'service:n3', actions: ['secrets:export'], resources: ['dev/a/Y'] }) })
  const seen = { planned: 0, whole: 0, partial: 0, refused: 0, byFirst: 0 }
  await fc.assert(fc.asyncProperty(world, async ({ acl, json, tokens: wanted, order }) => {
    for (const [index, policy] of acl.entries()) await ways.ok('PUT', `/v1/sys/policies/acl/p${index}`, { policy })
    for (const index of [0, 1, 2]) {
      const body = json[index]
      if (body === undefined) await ways.send({ method: 'DELETE', path: `/api/v1/policies/j${index}`, token: 'root' })
      else await ways.ok('PUT', `/api/v1/policies/j${index}`, { kind: 'json', body: JSON.stringify(body) })
    }
    // Root may do everything, so it teaches everything.
    for (const target of targets) await ways.send({ ...target, token: 'root' })
    const holders: string[] = []
    for (const { lock, ...fields } of [...wanted, { name: 'n3', role: 'admin', lock: undefined }]) holders.push(String(dataOf(await ways.ok('POST', '/api/v1/tokens', { ...fields, ...lock }))['token']))
    const pairs = holders.flatMap((token) => targets.map((target) => ({ ...target, token })))
    // In any order, so that tokens teach each other, too.
    const shuffled = pairs.map((pair) => ({ pair, at: order.next().value as number })).sort((a, b) => a.at - b.at).map(({ pair }) => pair)
    const compared: (readonly [Answer, Answer])[] = []
    const used = new Set<string>()
    for (const asked of shuffled) {
      const [planned, warm] = await ways.counted(asked)
      const [general, none] = await ways.counted(generally(asked))
      assert.equal(none, 0)
      assert.deepEqual(ways.masked(planned), ways.masked(general), `${asked.path} ${asked.body} for ${JSON.stringify(wanted[holders.indexOf(asked.token)])}`)
      assert.ok(warm === 0 || (planned.status === 200 && !isPartial(planned)))
      seen.planned += warm
      if (!used.has(asked.token)) seen.byFirst += warm
      used.add(asked.token)
      seen[planned.status !== 200 ? 'refused' : isPartial(planned) ? 'partial' : 'whole'] += 1
      compared.push([planned, general])
    }
    const records = new Map<string, readonly string[]>()
    for (const answer of compared.flat()) records.set(answer.requestId, await ways.recordOf(answer))
    for (const [planned, general] of compared) assert.deepEqual(records.get(planned.requestId), records.get(general.requestId))
  }), { numRuns: 6, endOnFailure: true })
  assert.ok(seen.planned > 15 && seen.whole > 15 && seen.partial > 3 && seen.refused > 15 && seen.byFirst > 0, JSON.stringify(seen))
})
