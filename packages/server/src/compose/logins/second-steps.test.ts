// What a second step of a login is worth afterwards: its token, and no other, meets the condition `mfa` of JSON policies, by plans and the general way.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { counterAt, deriveCode } from '../../crypto/totp.ts'
import { lastFirst } from '../../kernel/testing/scope.ts'
import { bothWays, dataOf, generally, type Answer, type BothWays } from '../testing/both-ways.ts'
import { encode, makeSubjects, type Subject, type Subjects } from '../testing/login-subjects.ts'
import { startTestWorker, type TestWorker } from '../testing/worker.ts'

let worker: TestWorker
let ways: BothWays
let subjects: Subjects
const scope = lastFirst({ after })
const HOUR = 3600
const PATH = '/v1/secret/data/dev/a'

before(async () => {
  worker = await startTestWorker(scope)
  ways = bothWays(worker)
  subjects = makeSubjects(ways)
  await ask('PUT', 'sys/policies/acl/people', { policy: 'path "auth/token/create" { capabilities = ["update"] }' })
  await ask('POST', 'secret/data/dev/a', { data: { x: '1' } })
  await ways.ok('PUT', '/api/v1/policies/careful', { kind: 'json', body: JSON.stringify({ effect: 'allow', principal: '*', actions: ['secrets:read'], resources: ['dev/*'], conditions: { mfa: true } }) })
})

const ask: Subjects['ask'] = (method, path, body, namespace) => subjects.ask(method, path, body, namespace)

/** Whoever can log in, with an authenticator program. */
interface Person {
  readonly accessor: string
  readonly methodId: string
  login(headers?: Readonly<Record<string, string>>): Promise<Answer>
  /** From now on each login of the mount needs the second step, or no longer. */
  enforce(isNeeded: boolean): Promise<void>
  /** A code works once, and none of an earlier hour after it: give those of the hour before, of this one and of the next in this order. */
  code(hours: -1 | 0 | 1): string
}

const decodeBase32 = (text: string): Buffer => {
  const bits = [...text].map((char) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char).toString(2).padStart(5, '0')).join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

const authOf = (answer: Answer) => (JSON.parse(answer.body) as { auth: { readonly client_token: string; readonly entity_id: string; readonly mfa_requirement: { readonly mfa_request_id: string } | null } }).auth
const tokenOf = (answer: Answer): string => {
  assert.equal(answer.status, 200, answer.body)
  const { client_token: token } = authOf(answer)
  assert.notEqual(token, '', 'a token, and no question for a second step')
  return token
}

const withAuthenticator = async (at: string, login: Person['login']): Promise<Person> => {
  const { accessor = '' } = await ask('GET', `sys/auth/${at}`)
  const { method_id: methodId = '' } = await ask('POST', 'identity/mfa/method/totp', { issuer: 'test', period: HOUR })
  const { url = '' } = await ask('POST', 'identity/mfa/method/totp/admin-generate', { method_id: methodId, entity_id: authOf(await login()).entity_id })
  const key = decodeBase32(new URL(url).searchParams.get('secret') ?? '')
  return {
    accessor, methodId, login,
    code: (hours) => deriveCode(key, counterAt(Date.now(), HOUR) + hours, { algorithm: 'SHA1', digits: 6 }),
    async enforce(isNeeded) {
      await (isNeeded ? ask('POST', `identity/mfa/login-enforcement/${at}`, { mfa_method_ids: [methodId], auth_method_accessors: [accessor] }) : ask('DELETE', `identity/mfa/login-enforcement/${at}`))
    },
  }
}

const person = async (at: string, type: string): Promise<Person> => {
  await ask('POST', `sys/auth/${at}`, { type: 'userpass' })
  await ask('POST', `auth/${at}/users/ann`, { password: 'correct horse', token_type: type, token_policies: ['people'] })
  return withAuthenticator(at, (headers = {}) => ways.send({ method: 'POST', path: `/v1/auth/${at}/login/ann`, body: JSON.stringify({ password: 'correct horse' }), headers }))
}

const withHeader = ({ login, methodId, code }: Person, hours: -1 | 0 | 1): Promise<Answer> => login({ 'x-vault-mfa': `${methodId}:${code(hours)}` })
const validated = async ({ login, methodId, code }: Person, hours: -1 | 0 | 1): Promise<Answer> =>
  ways.send({ method: 'POST', path: '/v1/sys/mfa/validate', body: JSON.stringify({ mfa_request_id: authOf(await login()).mfa_requirement?.mfa_request_id, mfa_payload: { [methodId]: [code(hours)] } }) })

const read = (token: string): Promise<Answer> => ways.send({ path: PATH, token })
const statusOf = async (token: string): Promise<number> => (await read(token)).status
const me = async (token: string): Promise<Readonly<Record<string, unknown>>> => dataOf(await ways.ok('GET', '/api/v1/me', undefined, token))

interface Explained {
  readonly allow: boolean
  readonly reason: string
  readonly missing?: readonly string[]
  readonly considered: readonly { readonly rule: string; readonly matched: boolean; readonly why: string }[]
}
const explained = async (token: string, accessor?: string): Promise<Explained> =>
  dataOf(await ways.ok('POST', '/api/v1/explain', { action: 'reveal', environment: 'dev', path: 'a', ...(accessor === undefined ? {} : { accessor }) }, token)) as unknown as Explained

for (const type of ['service', 'batch']) {
  describe(`a ${type} token`, () => {
    let ann: Person
    let without: string
    let byHeader: string
    let byValidation: string
    before(async () => {
      ann = await person(`people-${type}`, type)
      without = tokenOf(await ann.login())
      await ann.enforce(true)
      byHeader = tokenOf(await withHeader(ann, -1))
      byValidation = tokenOf(await validated(ann, 0))
      await ann.enforce(false)
    })

    test('meets the condition after a second step, in one request or two, and not without', async () => {
      for (const token of [without, byHeader, byValidation]) assert.match(token, type === 'batch' ? /^hvb\./ : /^hvs\./)
      assert.deepEqual([await statusOf(without), await statusOf(byHeader), await statusOf(byValidation)], [403, 200, 200])
    })

    test('says itself whether it does', async () => {
      assert.deepEqual([(await me(without))['mfa'], (await me(byHeader))['mfa'], (await me(byValidation))['mfa']], [false, true, true])
    })

    test('is explained so', async () => {
      const [no, yes] = [await explained(without), await explained(byHeader)]
      assert.deepEqual([no.allow, yes.allow], [false, true])
      assert.match(no.reason, /careful#1 would, but its conditions are not met: mfa\.$/)
      assert.deepEqual([no.missing, yes.missing], [['mfa'], undefined])
      assert.deepEqual(yes.considered.filter(({ rule }) => rule === 'json:careful#1'), [{ rule: 'json:careful#1', effect: 'allow', matched: true, why: 'action, resource and conditions match' }])
    })

    test('is judged by itself where a plan is shared', async () => {
      const asked = (token: string) => ({ path: PATH, token })
      await ways.same(asked(byHeader), { warm: true, status: 200 })
      for (let time = 0; time < 3; time += 1) {
        const [refused, warm] = await ways.counted(asked(without))
        assert.deepEqual([refused.status, warm], [403, 0])
        assert.deepEqual(ways.masked(refused), ways.masked(await ways.send(generally(asked(without)))))
        await ways.same(asked(byValidation), { warm: true, status: 200 })
      }
    })

    test('may do it as sys/capabilities says', async () => {
      const capabilities = async (token: string): Promise<unknown> => dataOf(await ways.ok('POST', '/v1/sys/capabilities-self', { paths: ['secret/data/dev/a'] }, token))['secret/data/dev/a']
      assert.deepEqual([await capabilities(without), await capabilities(byHeader)], [['deny'], ['read']])
    })

    test('whose login had a second step has a record that says so', async () => {
      await ann.enforce(true)
      const last = await withHeader(ann, 1)
      await ann.enforce(false)
      tokenOf(last)
      const [record = ''] = await ways.recordOf(last)
      assert.deepEqual((({ action, metadata }) => [action, metadata.mfa])(JSON.parse(record) as { action: string; metadata: Record<string, string> }), ['auth.login', 'totp'])
    })

    test('ends as every other', async () => {
      const before = await statusOf(byHeader)
      if (type === 'service') await ways.ok('POST', '/v1/auth/token/revoke-self', {}, byHeader)
      else await ask('DELETE', 'auth/people-batch/users/ann')
      assert.deepEqual([before, await statusOf(byHeader)], [200, 403])
      if (type === 'service') assert.equal(await statusOf(byValidation), 200)
    })
  })
}

test('it stays with a token that is renewed, and is not inherited by one that is made from it', async () => {
  const ann = await person('people-renewing', 'service')
  await ann.enforce(true)
  const token = tokenOf(await withHeader(ann, 0))
  await ways.ok('POST', '/v1/auth/token/renew-self', {}, token)
  assert.equal(await statusOf(token), 200)
  for (const type of ['service', 'batch']) {
    const child = tokenOf(await ways.send({ method: 'POST', path: '/v1/auth/token/create', token, body: JSON.stringify({ type, mfa: true }) }))
    assert.deepEqual([await statusOf(child), (await me(child))['mfa'], (await me(child))['principal']], [403, false, 'user:people-renewing/ann'])
  }
})

test('administrators see it in lists, and by accessor in what is explained', async () => {
  const ann = await person('people-listed', 'service')
  const without = await me(tokenOf(await ann.login()))
  await ann.enforce(true)
  const withStep = await me(tokenOf(await withHeader(ann, 0)))
  const listed = new Map((dataOf(await ways.ok('GET', '/api/v1/tokens?limit=500'))['items'] as { accessor: string; mfa: boolean }[]).map(({ accessor, mfa }) => [accessor, mfa]))
  for (const [{ accessor }, mfa] of [[without, false], [withStep, true]] as const) {
    assert.equal(listed.get(String(accessor)), mfa)
    assert.equal((await explained('root', String(accessor))).allow, mfa)
  }
})

test('a second step that somebody else gave counts for nobody', async () => {
  const ann = await person('people-moved', 'service')
  await ann.enforce(true)
  const { mfa_requirement: waiting } = authOf(await ann.login())
  const { keys } = (await ask('LIST', 'identity/entity-alias/id')) as unknown as { keys: readonly string[] }
  const { id: other = '' } = await ask('POST', 'identity/entity', { name: 'somebody-else' })
  for (const id of keys) {
    const alias = await ask('GET', `identity/entity-alias/id/${id}`)
    if (alias['mount_accessor'] === ann.accessor) await ask('POST', `identity/entity-alias/id/${id}`, { name: 'ann', mount_accessor: ann.accessor, canonical_id: other })
  }
  const answer = await ways.send({ method: 'POST', path: '/v1/sys/mfa/validate', body: JSON.stringify({ mfa_request_id: waiting?.mfa_request_id, mfa_payload: { [ann.methodId]: [ann.code(0)] } }) })
  const token = tokenOf(answer)
  assert.deepEqual([authOf(answer).entity_id, (await me(token))['mfa'], await statusOf(token)], [other, false, 403])
})

describe('a login that is remembered', () => {
  const repeated = 5
  const app = (at: string, type: string): Promise<Subject> => subjects.subject(at, { role: { token_type: type, token_policies: [] } })
  const logins = async (login: () => Promise<Answer>): Promise<readonly number[]> => {
    const statuses: number[] = []
    for (let time = 0; time < repeated; time += 1) statuses.push(await statusOf(tokenOf(await login())))
    return statuses
  }

  for (const type of ['service', 'batch']) {
    test(`gives ${type} tokens without, before and after its second step was asked for`, async () => {
      const { at, login } = await app(`apps-${type}`, type)
      const it = await withAuthenticator(at, (headers = {}) => ways.send({ ...login, headers: { ...login.headers, ...headers } }))
      const never = Array.from({ length: repeated }, () => 403)
      assert.deepEqual(await logins(it.login), never)
      await it.enforce(true)
      assert.equal(await statusOf(tokenOf(await withHeader(it, -1))), 200)
      assert.equal(await statusOf(tokenOf(await validated(it, 0))), 200)
      assert.equal(authOf(await it.login()).client_token, '')
      await it.enforce(false)
      assert.deepEqual(await logins(it.login), never)
    })
  }

  test('with a read may bring its code along for that read', async () => {
    const { at, login, asked } = await app('apps-inline', 'service')
    const it = await withAuthenticator(at, () => ways.send(login))
    const inline = (headers: Readonly<Record<string, string>> = {}): Promise<Answer> => ways.send({ ...asked, headers: { ...asked.headers, ...headers } })
    for (let time = 0; time < repeated; time += 1) assert.equal((await inline()).status, 403)
    await it.enforce(true)
    assert.equal((await inline()).status, 403)
    assert.equal((await inline({ 'x-vault-mfa': `${it.methodId}:${it.code(0)}` })).status, 200)
    assert.equal((await inline({ 'x-vault-mfa': `${it.methodId}:${it.code(0)}` })).status, 403, 'a code works once')
    await it.enforce(false)
    for (let time = 0; time < repeated; time += 1) assert.equal((await inline({ 'x-vault-inline-auth-parameter-c': encode('mfa', true) })).status, 403)
  })
})
