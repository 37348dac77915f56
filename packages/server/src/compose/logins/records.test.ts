// What a login leaves behind: one record, which says who it was for, and chains that hold.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { lastFirst } from '../../kernel/testing/scope.ts'
import { startTestWorker, type TestWorker } from '../testing/worker.ts'

let worker: TestWorker
const scope = lastFirst({ after })
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

before(async () => {
  worker = await startTestWorker(scope)
  await ask('PUT', 'v1/sys/policies/acl/reader', { policy: 'path "secret/data/*" { capabilities = ["read"] }' })
  await ask('POST', 'v1/secret/data/a', { data: { x: '1' } })
  await ask('POST', 'v1/sys/auth/pods', { type: 'jwt' })
  await ask('POST', 'v1/auth/pods/config', { jwt_validation_pubkeys: [publicKey.export({ type: 'spki', format: 'pem' })] })
  for (const type of ['batch', 'service']) await ask('POST', `v1/auth/pods/role/${type}`, { role_type: 'jwt', user_claim: 'sub', groups_claim: 'teams', bound_audiences: ['coffer'], token_type: type, token_policies: ['reader'] })
  await ask('POST', 'v1/sys/auth/apps', { type: 'approle' })
})

interface Answer {
  readonly status: number
  readonly requestId: string
  readonly body: { readonly data: Readonly<Record<string, string>> & { readonly intact?: boolean; readonly findings?: readonly object[] }; readonly auth?: { readonly entity_id: string; readonly client_token: string; readonly mfa_requirement: object | null } }
}

const send = async (method: string, path: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer> => {
  const response = await fetch(`${worker.origin}/${path}`, { method, headers: { 'content-type': 'application/json', ...headers }, ...(body === undefined || method === 'GET' ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, requestId: response.headers.get('x-request-id') ?? '', body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] }
}

const ask = async (method: string, path: string, body?: object): Promise<Answer> => {
  const answer = await send(method, path, body, { 'x-vault-token': 'root', authorization: 'Bearer root' })
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer
}

const encode = (key: string, value: unknown): string => Buffer.from(JSON.stringify({ key, value })).toString('base64url')

/** One credential, and how it logs in. */
interface Subject {
  login(): Promise<Answer>
  inline(): Promise<Answer>
}

const subjectOf = (path: string, parameters: Readonly<Record<string, string>>): Subject => ({
  login: () => send('POST', `v1/auth/${path}`, parameters),
  inline: () => send('GET', 'v1/secret/data/a', undefined, { 'x-vault-inline-auth-path': `auth/${path}`, ...Object.fromEntries(Object.entries(parameters).map(([key, value], index) => [`x-vault-inline-auth-parameter-${index}`, encode(key, value)])) }),
})

const pod = (type: string, sub: string, teams: readonly string[] = []): Subject => {
  const now = Math.floor(Date.now() / 1000)
  const text = [{ alg: 'ES256' }, { sub, teams, aud: 'coffer', iat: now - 1, exp: now + 600 }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return subjectOf('pods/login', { role: type, jwt: `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}` })
}

const app = async (type: string, name: string, settings: object = {}): Promise<Subject> => {
  await ask('POST', `v1/auth/apps/role/${name}`, { token_type: type, token_policies: ['reader'], ...settings })
  const { role_id = '' } = (await ask('GET', `v1/auth/apps/role/${name}/role-id`)).body.data
  const { secret_id = '' } = (await ask('POST', `v1/auth/apps/role/${name}/secret-id`, {})).body.data
  return subjectOf('apps/login', { role_id, secret_id })
}

interface Stored {
  readonly action: string
  readonly decision: string
  readonly resourceId?: string
  readonly metadata?: Readonly<Record<string, string>>
}

/** How many records each request has been found to have. */
const counted = new Map<string, number>()

/** What the table has of a request, as soon as so much is there as is due. */
const recordsOf = async (requestId: string, due: number): Promise<readonly Stored[]> => {
  const found = async (): Promise<readonly Stored[]> => {
    const { rows } = await worker.database.superuser.query<{ record: string }>("select record from coffer.audit_events where record::jsonb->>'requestId' = $1 order by at, id", [requestId])
    return rows.map(({ record }) => JSON.parse(record) as Stored)
  }
  for (let tries = 0; tries < 200 && (await found()).length < due; tries += 1) await sleep(50)
  const records = await found()
  counted.set(requestId, records.length)
  return records
}

/** Once everything until now is in the table: the chains hold, and nobody's record came late. */
const requireIntact = async (): Promise<void> => {
  // The record of a read reaches the table with its frame, and those before it.
  const { requestId } = await ask('GET', 'v1/secret/data/a')
  assert.equal((await recordsOf(requestId, 1)).length, 1)
  const { rows } = await worker.database.superuser.query<{ id: string; count: number }>("select record::jsonb->>'requestId' as id, count(*)::integer as count from coffer.audit_events where record::jsonb->>'requestId' = any($1) group by 1", [[...counted.keys()]])
  assert.deepEqual(new Map(rows.map(({ id, count }) => [id, count])), counted)
  const { data } = (await ask('POST', 'api/v1/audit/verify', {})).body
  assert.deepEqual([data.findings, data.intact], [[], true])
}

const requireOneRecord = async ({ status, requestId, body }: Answer, name: RegExp): Promise<void> => {
  assert.equal(status, 200)
  const records = await recordsOf(requestId, 1)
  assert.deepEqual(records.map(({ action, decision }) => [action, decision]), [['auth.login', 'ALLOW']], requestId)
  assert.match(records[0]?.metadata?.['principal'] ?? '', name)
  assert.equal(records[0]?.resourceId, body.auth?.entity_id)
  assert.ok(records[0]?.metadata?.['tokenId'] !== undefined)
}

/** An inline request's: its login, and what it did. */
const requireTwoRecords = async ({ status, requestId }: Answer, name: RegExp): Promise<void> => {
  assert.equal(status, 200)
  const records = await recordsOf(requestId, 2)
  assert.deepEqual(records.map(({ action }) => action).sort(), ['auth.login', 'secret.reveal'], requestId)
  const login = records.find(({ action }) => action === 'auth.login')
  assert.match(login?.metadata?.['principal'] ?? '', name)
  assert.ok(login?.metadata?.['tokenId'] !== undefined)
}

/** First logins and later ones, one after the other and thirty at once. */
const requireWhole = async (round: string): Promise<void> => {
  for (const type of ['batch', 'service']) {
    for (const [kind, subject] of [['pods', pod(type, `${round}-${type}`)], ['apps', await app(type, `${round}-${type}`)], ['apps', await app(type, `${round}-${type}-counted`, { secret_id_num_uses: 5 })]] as const) {
      for (let time = 0; time < 3; time += 1) await requireOneRecord(await subject.login(), new RegExp(`^${kind}/`))
    }
    const inline = pod(type, `${round}-${type}-inline`)
    for (let time = 0; time < 3; time += 1) await requireTwoRecords(await inline.inline(), /^pods\//)
    await requireTwoRecords(await (await app(type, `${round}-${type}-inline`)).inline(), /^apps\//)
    const many = Array.from({ length: 30 }, (_, index) => pod(type, `${round}-${type}-many-${index}`))
    for (const answer of await Promise.all(many.map((each) => each.login()))) await requireOneRecord(answer, /^pods\//)
    for (const answer of await Promise.all(many.map((_, index) => pod(type, `${round}-${type}-more-${index}`).inline()))) await requireTwoRecords(answer, /^pods\//)
  }
  await requireIntact()
}

test('every login has one record, which says who it was for', async () => {
  await requireWhole('plain')
})

test('and so it is while second steps are asked of somebody else', async () => {
  const { entity_id = '' } = (await pod('batch', 'plain-batch').login()).body.auth ?? {}
  const { method_id = '' } = (await ask('POST', 'v1/identity/mfa/method/totp', { issuer: 'test' })).body.data
  await ask('POST', 'v1/identity/mfa/login-enforcement/steps', { mfa_method_ids: [method_id], identity_entity_ids: [entity_id] })
  await requireWhole('steps')
})

const teams = async (): Promise<string> => {
  const { accessor = '' } = (await ask('GET', 'v1/sys/auth/pods')).body.data
  const { id = '' } = (await ask('POST', 'v1/identity/group', { name: 'team', type: 'external' })).body.data
  await ask('POST', 'v1/identity/group-alias', { name: 'team', mount_accessor: accessor, canonical_id: id })
  return id
}

test('a login that was asked for a second step, refused without one, or put into groups before it was judged leaves chains that hold', async () => {
  const { method_id = '' } = (await ask('POST', 'v1/identity/mfa/method/totp', { issuer: 'groups' })).body.data
  await ask('POST', 'v1/identity/mfa/login-enforcement/groups', { mfa_method_ids: [method_id], identity_group_ids: [await teams()] })
  for (const type of ['batch', 'service']) {
    for (let time = 0; time < 2; time += 1) {
      const through = await pod(type, `free-${type}`, ['others']).login()
      assert.notEqual(through.body.auth?.client_token, '')
      const asked = await pod(type, `asked-${type}`, ['team']).login()
      assert.equal(asked.body.auth?.client_token, '')
      for (const [name, { requestId }] of [[`free-${type}`, through], [`asked-${type}`, asked]] as const) {
        const records = await recordsOf(requestId, 2)
        assert.deepEqual(records.map(({ action, metadata }) => [action, metadata?.['principal']]).sort(), [['auth.holder', `pods/${name}`], ['auth.login', `pods/${name}`]])
        assert.equal(records.find(({ action }) => action === 'auth.login')?.metadata?.['mfa'], name.startsWith('asked') ? 'required' : undefined)
      }
    }
    assert.equal((await pod(type, `inline-${type}`, ['team']).inline()).status, 403)
  }
  await requireIntact()
})

test('whoever logs in while his entity is deleted is somebody new, or is told to try again', async () => {
  const subject = await app('service', 'deleted')
  for (let round = 0; round < 5; round += 1) {
    const entity = (await subject.login()).body.auth?.entity_id ?? ''
    const [, ...answers] = await Promise.all([ask('DELETE', `v1/identity/entity/id/${entity}`), ...Array.from({ length: 20 }, () => subject.login())])
    assert.deepEqual(answers.filter(({ status }) => ![200, 409].includes(status)).map(({ status, body }) => [status, body]), [])
  }
  await requireIntact()
})
