// No token gets by a plan what it would not get the general way: random rules, random tokens, every target both ways. Plans are shared by all
// tokens of an organization (and lock); what each may have is decided for each by its own rules, and this is what would break that.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { bothWays, dataOf, generally, type Answer, type BothWays } from '../../compose/testing/both-ways.ts'
import { alike, makeSubjects, type Subject } from '../../compose/testing/login-subjects.ts'
import { startTestWorker, type TestWorker } from '../../compose/testing/worker.ts'
import { lastFirst } from '../../kernel/testing/scope.ts'

let worker: TestWorker
let ways: BothWays
const scope = lastFirst({ after })
before(async () => {
  worker = await startTestWorker(scope)
  ways = bothWays(worker)
})

const places = ['dev/a/x', 'dev/a/y', 'prod/a/x', 'dev/b/x', 'prod/own/n0', 'dev/own/n1'] as const
const targets = places.flatMap((place) => {
  const [environment = '', ...rest] = place.split('/')
  return [`/v1/secret/data/${place}`, `/api/v1/secrets/${rest.join('/')}?environment=${environment}&reveal=true`, `/v1/secrets/${place}?alias=current`]
})

const aclPattern = fc.constantFrom('*', 'dev/*', 'prod/*', 'dev/a/*', '+/a/x', 'dev/+/x', 'dev/b/x', 'dev/a/y', '+/own/{{identity.entity.name}}', 'prod/{{identity.entity.metadata.none}}/*')
const capabilities = fc.oneof({ weight: 5, arbitrary: fc.constant(['read']) }, { weight: 1, arbitrary: fc.constant(['deny']) }, { weight: 1, arbitrary: fc.constantFrom(['list'], ['create', 'update'], ['read', 'list', 'sudo']) })
const demand = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constantFrom('required_parameters = ["x"]', 'denied_parameters = { "*" = [] }', 'min_wrapping_ttl = "1s"') })
const aclPolicy = fc.array(fc.tuple(aclPattern, capabilities, demand), { minLength: 1, maxLength: 3 }).map((blocks) => {
  const byPattern = new Map(blocks.map((block) => [block[0], block]))
  return [...byPattern.values()].map(([pattern, granted, more]) => `path "secret/data/${pattern}" {\n capabilities = ${JSON.stringify(granted)}\n ${more}\n}`).join('\n')
})

const conditions = fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 2, arbitrary: fc.constantFrom({ mfa: true }, { sourceCidr: ['127.0.0.0/8'] }, { sourceCidr: ['10.0.0.0/8'] }, { environment: ['prod'] }, { notAfter: '2001-01-01T00:00:00Z' }, { notBefore: '2001-01-01T00:00:00Z' }) })
const jsonPolicy = fc.record({
  effect: fc.constantFrom('allow', 'allow', 'deny'),
  principal: fc.constantFrom('*', 'service:n0', 'service:n1', 'service:n2', 'service:*'),
  actions: fc.constantFrom(['secrets:read'], ['secrets:metadata'], ['secrets:read', 'secrets:write']),
  resources: fc.array(fc.constantFrom('dev/*', 'prod/*', 'dev/a/*', 'dev/a/x', '+/own/*', 'prod/a/x'), { minLength: 1, maxLength: 2 }),
  conditions,
  // What only an allow may require is not in a deny.
}).filter(({ effect, conditions: required }) => effect === 'allow' || !('mfa' in required))

const tokens = fc.array(fc.record({
  name: fc.constantFrom('n0', 'n1', 'n2'),
  policies: fc.subarray(['p0', 'p1', 'p2']),
  role: fc.option(fc.constantFrom('reader', 'auditor', 'admin'), { nil: undefined, freq: 4 }),
  lock: fc.option(fc.constantFrom({ project: 'secret' }, { project: 'secret', environment: 'dev' }, { project: 'other' }), { nil: undefined, freq: 4 }),
  boundCidrs: fc.constantFrom([], [], [], ['127.0.0.1/32'], ['10.0.0.0/8']),
}), { minLength: 4, maxLength: 6 })

const world = fc.record({ acl: fc.tuple(aclPolicy, aclPolicy, aclPolicy), json: fc.array(jsonPolicy, { maxLength: 3 }), tokens, order: fc.infiniteStream(fc.nat()) })

/** Of all at once: those that are asked one by one wait for each. */
const recordsOf = async (answers: readonly Answer[]): Promise<ReadonlyMap<string, readonly string[]>> => {
  const found = new Map<string, readonly string[]>()
  for (const answer of answers) found.set(answer.requestId, await ways.recordOf(answer))
  return found
}

test('every answer and every record is that of the general way, whoever taught the plan', async () => {
  await ways.ok('POST', '/api/v1/projects', { name: 'other' })
  for (const place of places) await ways.ok('POST', `/v1/secret/data/${place}`, { data: { at: place } })
  const seen = { planned: 0, allowed: 0, refused: 0, byFirst: 0 }
  await fc.assert(fc.asyncProperty(world, async ({ acl, json, tokens: wanted, order }) => {
    for (const [index, policy] of acl.entries()) await ways.ok('PUT', `/v1/sys/policies/acl/p${index}`, { policy })
    for (const index of [0, 1, 2]) {
      const body = json[index]
      if (body === undefined) await ways.send({ method: 'DELETE', path: `/api/v1/policies/j${index}`, token: 'root' })
      else await ways.ok('PUT', `/api/v1/policies/j${index}`, { kind: 'json', body: JSON.stringify(body) })
    }
    // Root may do everything, so it teaches everything.
    for (const path of targets) await ways.send({ path, token: 'root' })
    const holders: string[] = []
    for (const { lock, ...fields } of wanted) holders.push(String(dataOf(await ways.ok('POST', '/api/v1/tokens', { ...fields, ...lock }))['token']))
    const pairs = holders.flatMap((token) => targets.map((path) => ({ token, path })))
    // In any order, so that tokens teach each other, too.
    const shuffled = pairs.map((pair) => ({ pair, at: order.next().value as number })).sort((a, b) => a.at - b.at).map(({ pair }) => pair)
    const compared: (readonly [Answer, Answer])[] = []
    const used = new Set<string>()
    for (const asked of shuffled) {
      const [planned, warm] = await ways.counted(asked)
      const [general, none] = await ways.counted(generally(asked))
      assert.equal(none, 0)
      assert.deepEqual(ways.masked(planned), ways.masked(general), `${asked.path} for ${JSON.stringify(wanted[holders.indexOf(asked.token)])}`)
      seen.planned += warm
      if (!used.has(asked.token)) seen.byFirst += warm
      used.add(asked.token)
      seen[planned.status === 200 ? 'allowed' : 'refused'] += 1
      compared.push([planned, general])
    }
    const records = await recordsOf(compared.flat())
    for (const [planned, general] of compared) assert.deepEqual(records.get(planned.requestId), records.get(general.requestId))
  }), { numRuns: 6, endOnFailure: true })
  assert.ok(seen.planned > 30 && seen.allowed > 30 && seen.refused > 30 && seen.byFirst > 0, JSON.stringify(seen))
})

/** They say in a login's headers who asks; other doors do not look at those. */
const kvTargets = targets.filter((path) => path.startsWith('/v1/secret/data/'))
/** A credential is remembered when it comes the second time, taught at the third, and repeated from the fourth on. */
const UNTIL_REPEATED = 4

test('and so it is for reads that log in by their own headers', async (t) => {
  const subjects = makeSubjects(ways)
  const roles: Subject[] = []
  for (const index of [0, 1, 2]) roles.push(await subjects.subject(`rights-${index}`))
  const seen = { planned: 0, allowed: 0, refused: 0, turnedAway: 0 }
  await fc.assert(fc.asyncProperty(world, async ({ acl, json, tokens: wanted, order }) => {
    for (const [index, policy] of acl.entries()) await ways.ok('PUT', `/v1/sys/policies/acl/p${index}`, { policy })
    for (const index of [0, 1, 2]) {
      const body = json[index]
      if (body === undefined) await ways.send({ method: 'DELETE', path: `/api/v1/policies/j${index}`, token: 'root' })
      else await ways.ok('PUT', `/api/v1/policies/j${index}`, { kind: 'json', body: JSON.stringify(body) })
    }
    for (const path of kvTargets) await ways.send({ path, token: 'root' })
    const asked = []
    for (const [index, { at, asked: { headers } }] of roles.entries()) {
      const { policies = [], boundCidrs = [] } = wanted[index] ?? {}
      await ways.ok('POST', `/v1/auth/${at}/role/app`, { token_policies: policies, token_bound_cidrs: boundCidrs })
      for (let time = 0; time < UNTIL_REPEATED; time += 1) await ways.send({ path: kvTargets[0] ?? '', ...(headers === undefined ? {} : { headers }) })
      asked.push(...kvTargets.map((path) => ({ path, headers: headers ?? {}, order: order.next().value as number })))
    }
    for (const { path, headers } of asked.sort((a, b) => a.order - b.order)) {
      const [planned, warm] = await ways.counted({ path, headers })
      const [general, none] = await ways.counted(generally({ path, headers }))
      assert.equal(none, 0)
      assert.deepEqual(ways.masked(planned), ways.masked(general), `${path} for ${JSON.stringify(wanted)}`)
      seen.planned += warm
      const isTurnedAway = planned.headers.includes('x-vault-inline-auth-failed: true')
      seen[isTurnedAway ? 'turnedAway' : planned.status === 200 ? 'allowed' : 'refused'] += 1
      const count = isTurnedAway ? 1 : 2
      assert.deepEqual((await subjects.recordsOf(planned, count)).map(alike), (await subjects.recordsOf(general, count)).map(alike))
    }
  }), { numRuns: 6, endOnFailure: true })
  t.diagnostic(JSON.stringify(seen))
  assert.ok(seen.planned > 0 && seen.allowed > 0 && seen.refused > 0, JSON.stringify(seen))
})
