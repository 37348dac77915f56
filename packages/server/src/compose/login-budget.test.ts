// What a login asks of the database: nothing for a batch token of who has logged in before, one statement for a service token, and
// two for somebody whom nobody has seen.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { after, before, test } from 'node:test'
import { lastFirst } from '../kernel/testing/scope.ts'
import { startTestWorker, type TestWorker } from './testing/worker.ts'

let worker: TestWorker
const scope = lastFirst({ after })
before(async () => {
  worker = await startTestWorker(scope)
})

interface Answered {
  readonly data: { readonly role_id: string; readonly secret_id: string }
  readonly auth: { readonly client_token: string; readonly entity_id: string }
}

const ask = async (method: string, path: string, body: object, token: string | undefined = 'root'): Promise<Answered> => {
  const response = await fetch(`${worker.origin}/v1/${path}`, { method, headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { 'x-vault-token': token }) }, ...(method === 'GET' ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  assert.ok(response.ok, `${method} ${path}: ${text}`)
  return (text === '' ? {} : JSON.parse(text)) as Answered
}

/** A role, and the login with one of its secret ids. */
const approle = async (at: string, settings: object): Promise<() => Promise<string>> => {
  await ask('POST', `sys/auth/${at}`, { type: 'approle' })
  await ask('POST', `auth/${at}/role/app`, settings)
  const { role_id } = (await ask('GET', `auth/${at}/role/app/role-id`, {})).data
  const { secret_id } = (await ask('POST', `auth/${at}/role/app/secret-id`, {})).data
  const login = async (): Promise<string> => (await ask('POST', `auth/${at}/login`, { role_id, secret_id }, undefined)).auth.client_token
  await login()
  await login()
  return login
}

const signed = (key: KeyObject, claims: object): string => {
  const text = [{ alg: 'ES256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const times = (): object => {
  const now = Math.floor(Date.now() / 1000)
  return { aud: 'coffer', iat: now - 30, nbf: now - 30, exp: now + 600 }
}

/** The least of several, since a lapsed lease on a busy machine adds some. */
const cost = async (work: () => Promise<unknown>): Promise<{ readonly statements: number; readonly roundTrips: number }> => {
  const seen = []
  for (let attempt = 0; attempt < 5; attempt++) {
    const { statements, roundTrips } = { ...worker.statements }
    await work()
    seen.push({ statements: worker.statements.statements - statements, roundTrips: worker.statements.roundTrips - roundTrips })
  }
  return seen.reduce((least, each) => (each.statements < least.statements ? each : least))
}

test('a login with a batch token asks the database nothing, nor does the first use of that token', async () => {
  const login = await approle('batch', { token_type: 'batch' })
  assert.deepEqual(await cost(login), { statements: 0, roundTrips: 0 })
  const firstUse = async (): Promise<void> => void (await ask('GET', 'auth/token/lookup-self', {}, await login()))
  assert.deepEqual(await cost(firstUse), { statements: 0, roundTrips: 0 })
})

test('each such login has its durable record all the same', async () => {
  const login = await approle('recorded', { token_type: 'batch' })
  const before_ = worker.metric('coffer_audit_records_total')
  await login()
  assert.ok(worker.metric('coffer_audit_records_total') > before_)
})

test('a login with a service token is one statement', async () => {
  const login = await approle('service', {})
  assert.deepEqual(await cost(login), { statements: 1, roundTrips: 1 })
})

test('a first login is two statements: who it is, and its principal, alias, token and record at once', async () => {
  await ask('POST', 'sys/auth/pods', { type: 'jwt' })
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await ask('POST', 'auth/pods/config', { jwt_validation_pubkeys: [publicKey.export({ type: 'spki', format: 'pem' })] })
  for (const type of ['batch', 'service']) {
    await ask('POST', `auth/pods/role/${type}`, { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['coffer'], token_type: type })
    let pod = 0
    const first = (): Promise<Answered> => ask('POST', 'auth/pods/login', { role: type, jwt: signed(privateKey, { sub: `${type}-${++pod}`, ...times() }) }, undefined)
    await first()
    assert.deepEqual(await cost(first), { statements: 2, roundTrips: 2 })
    const again = async (): Promise<string> => {
      pod = 0
      return (await first()).auth.entity_id
    }
    assert.equal(await again(), await again())
  }
})

test('first logins of one workload at once give it one principal', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await ask('POST', 'sys/auth/race', { type: 'jwt' })
  await ask('POST', 'auth/race/config', { jwt_validation_pubkeys: [publicKey.export({ type: 'spki', format: 'pem' })] })
  await ask('POST', 'auth/race/role/app', { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['coffer'] })
  const jwt = signed(privateKey, { sub: 'same', ...times() })
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask('POST', 'auth/race/login', { role: 'app', jwt }, undefined)))
  assert.equal(new Set(answers.map(({ auth }) => auth.entity_id)).size, 1)
  for (const { auth } of answers) await ask('GET', 'auth/token/lookup-self', {}, auth.client_token)
})

test('service logins at once share calls of the database, and each has its token', async () => {
  const login = await approle('together', {})
  const before_ = worker.statements.statements
  const tokens = await Promise.all(Array.from({ length: 40 }, login))
  assert.ok(worker.statements.statements - before_ < 30, `${worker.statements.statements - before_} statements for 40 logins`)
  assert.equal(new Set(tokens).size, 40)
  for (const token of tokens) await ask('GET', 'auth/token/lookup-self', {}, token)
})

test('a secret id whose uses are counted is looked at in the database', async () => {
  const login = await approle('counted', { token_type: 'batch', secret_id_num_uses: 40 })
  const { roundTrips } = await cost(login)
  assert.ok(roundTrips > 0 && roundTrips <= 6, `${roundTrips} round trips`)
})

test('the first use of a service token asks the database nothing either, in the worker that made it', async () => {
  const login = await approle('fresh', {})
  const firstUse = async (): Promise<void> => void (await ask('GET', 'auth/token/lookup-self', {}, await login()))
  // The login's own statement, and what looking at a token reads of it.
  const known = await login()
  await ask('GET', 'auth/token/lookup-self', {}, known)
  const look = await cost(() => ask('GET', 'auth/token/lookup-self', {}, known))
  assert.deepEqual(await cost(firstUse), { statements: 1 + look.statements, roundTrips: 1 + look.roundTrips })
})

const statusOf = async (path: string, token: string): Promise<number> => (await fetch(`${worker.origin}/v1/${path}`, { headers: { 'x-vault-token': token } })).status

for (const type of ['batch', 'service']) {
  test(`what changed between a login and the first use of its ${type} token holds for it`, async () => {
    const at = `changes-${type}`
    await ask('POST', 'secret/data/dev/budget/read', { data: { v: '1' } })
    const allow = (path: string): Promise<Answered> => ask('PUT', `sys/policies/acl/${at}`, { policy: `path "${path}" { capabilities = ["read"] }` })
    await allow('secret/data/dev/budget/*')
    const login = await approle(at, { token_type: type, token_policies: [at] })
    const read = (token: string): Promise<number> => statusOf('secret/data/dev/budget/read', token)
    assert.equal(await read(await login()), 200)

    const before = await login()
    await allow('secret/data/dev/other/*')
    assert.equal(await read(before), 403)
    await allow('secret/data/dev/budget/*')

    const { entity_id } = (await ask('POST', `auth/${at}/login`, await credentialsOf(at), undefined)).auth
    const ofEntity = await login()
    await ask('POST', `identity/entity/id/${entity_id}`, { disabled: true })
    assert.equal(await read(ofEntity), 403)
    await ask('POST', `identity/entity/id/${entity_id}`, { disabled: false })
    assert.equal(await read(ofEntity), 200)

    const grouped = await login()
    await ask('PUT', 'sys/policies/acl/forbids', { policy: 'path "secret/data/dev/budget/read" { capabilities = ["deny"] }' })
    await ask('POST', 'identity/group', { name: at, policies: ['forbids'], member_entity_ids: [entity_id] })
    assert.equal(await read(grouped), 403)
    await ask('DELETE', `identity/group/name/${at}`, {})
    assert.equal(await read(grouped), 200)

    const revoked = await login()
    if (type === 'service') {
      await ask('POST', 'auth/token/revoke', { token: revoked })
      assert.equal(await read(revoked), 403)
    }
    const last = await login()
    if (type === 'batch') await ask('DELETE', `auth/${at}/role/app`, {})
    else await ask('DELETE', `sys/auth/${at}`, {})
    assert.equal(await read(last), 403)
  })
}

/** Of a role of `approle`. */
const credentialsOf = async (at: string): Promise<{ readonly role_id: string; readonly secret_id: string }> => ({ role_id: (await ask('GET', `auth/${at}/role/app/role-id`, {})).data.role_id, secret_id: (await ask('POST', `auth/${at}/role/app/secret-id`, {})).data.secret_id })
