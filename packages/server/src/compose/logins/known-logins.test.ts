// A credential that is remembered logs in without being judged again, and not once more after anything that it was judged by has changed.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { lastFirst } from '../../kernel/testing/scope.ts'
import { startTestWorker, type TestWorker } from '../testing/worker.ts'

let worker: TestWorker
const scope = lastFirst({ after })
before(async () => {
  worker = await startTestWorker(scope)
  await ask('PUT', 'sys/policies/acl/reader', { policy: 'path "secret/data/*" { capabilities = ["read", "create", "update"] }' })
  await ask('POST', 'secret/data/a', { data: { x: '1' } })
})

interface Body {
  readonly data: Readonly<Record<string, string>>
  readonly auth: { readonly client_token: string; readonly entity_id: string; readonly policies: readonly string[]; readonly identity_policies?: readonly string[]; readonly lease_duration: number; readonly metadata: Readonly<Record<string, string>>; readonly mfa_requirement: object | null } | null
}

const send = async (method: string, path: string, body?: object, headers: Readonly<Record<string, string>> = {}): Promise<{ readonly status: number; readonly body: Body }> => {
  const response = await fetch(`${worker.origin}/v1/${path}`, { method, headers: { 'content-type': 'application/json', ...headers }, ...(body === undefined || method === 'GET' ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body }
}

const ask = async (method: string, path: string, body?: object, token = 'root'): Promise<Body> => {
  const answer = await send(method, path, body, { 'x-vault-token': token })
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

const hits = (): number => worker.metric('coffer_cache_hits_total', 'logins')

interface Remembered {
  readonly at: string
  readonly credentials: { readonly role_id: string; readonly secret_id: string }
  login(): Promise<{ readonly status: number; readonly body: Body }>
  /** Logs in until a login was answered from memory. */
  warm(): Promise<void>
}

const encode = (key: string, value: unknown): string => Buffer.from(JSON.stringify({ key, value })).toString('base64url')

const inline = ({ at, credentials }: Remembered): Promise<{ readonly status: number; readonly body: Body }> =>
  send('GET', 'secret/data/a', undefined, { 'x-vault-inline-auth-path': `auth/${at}/login`, 'x-vault-inline-auth-parameter-a': encode('role_id', credentials.role_id), 'x-vault-inline-auth-parameter-b': encode('secret_id', credentials.secret_id) })

/** A secret id of a role that has logged in until it was remembered. */
const remembered = async (at: string, settings: object = {}, secretId: object = {}): Promise<Remembered> => {
  await ask('POST', `sys/auth/${at}`, { type: 'approle' })
  await ask('POST', `auth/${at}/role/app`, { token_type: 'batch', token_policies: ['reader'], ...settings })
  const { role_id = '' } = (await ask('GET', `auth/${at}/role/app/role-id`)).data
  const { secret_id = '' } = (await ask('POST', `auth/${at}/role/app/secret-id`, secretId)).data
  const credentials = { role_id, secret_id }
  const login = () => send('POST', `auth/${at}/login`, credentials)
  const warm = async (): Promise<void> => {
    const known = hits()
    // A lease may have lapsed on a busy machine.
    for (let tries = 0; tries < 20 && hits() === known; tries += 1) assert.equal((await login()).status, 200)
    assert.ok(hits() > known, 'it is remembered')
  }
  await warm()
  return { at, credentials, login, warm }
}

test('a secret id that was destroyed does not log in, by itself or inline', async () => {
  const it = await remembered('destroyed')
  assert.equal((await inline(it)).status, 200)
  await ask('POST', `auth/${it.at}/role/app/secret-id/destroy`, { secret_id: it.credentials.secret_id })
  assert.deepEqual([(await it.login()).status, (await inline(it)).status], [400, 400])
})

test('a role that was deleted does not log in, and its last tokens end with it', async () => {
  const it = await remembered('deleted')
  const token = (await it.login()).body.auth?.client_token ?? ''
  await ask('GET', 'secret/data/a', undefined, token)
  await ask('DELETE', `auth/${it.at}/role/app`)
  assert.deepEqual([(await it.login()).status, (await inline(it)).status], [400, 400])
  assert.equal((await send('GET', 'secret/data/a', undefined, { 'x-vault-token': token })).status, 403)
})

test('what is changed of a role, its role id and its mount counts from the next login on', async () => {
  const it = await remembered('changed', { token_ttl: 100 })
  assert.equal((await it.login()).body.auth?.lease_duration, 100)
  await ask('POST', `auth/${it.at}/role/app`, { token_ttl: 200, token_policies: ['other'] })
  const changed = (await it.login()).body.auth
  assert.deepEqual([changed?.lease_duration, changed?.policies], [200, ['default', 'other']])
  await it.warm()
  await ask('POST', `sys/auth/${it.at}/tune`, { max_lease_ttl: '50s' })
  assert.equal((await it.login()).body.auth?.lease_duration, 50)
  await it.warm()
  await ask('POST', `auth/${it.at}/role/app/role-id`, { role_id: 'another' })
  assert.equal((await it.login()).status, 400)
})

test('a policy that is taken away is not there for the next inline request', async () => {
  const it = await remembered('policy', { token_policies: ['taken'] })
  await ask('PUT', 'sys/policies/acl/taken', { policy: 'path "secret/data/*" { capabilities = ["read"] }' })
  assert.deepEqual([(await inline(it)).status, (await inline(it)).status], [200, 200])
  await ask('DELETE', 'sys/policies/acl/taken')
  assert.equal((await inline(it)).status, 403)
})

test('an entity that is disabled, or gets a policy, is so at its next login', async () => {
  const it = await remembered('entity')
  const id = (await it.login()).body.auth?.entity_id ?? ''
  await ask('POST', `identity/entity/id/${id}`, { policies: ['given'] })
  assert.deepEqual((await it.login()).body.auth?.identity_policies, ['given'])
  await it.warm()
  await ask('POST', `identity/entity/id/${id}`, { disabled: true })
  assert.deepEqual([(await it.login()).status, (await inline(it)).status], [403, 403])
})

test('an alias that was deleted is somebody else from the next login on, and one that moved is who it moved to', async () => {
  const it = await remembered('alias')
  const first = (await it.login()).body.auth?.entity_id ?? ''
  const { aliases } = (await ask('GET', `identity/entity/id/${first}`)).data as unknown as { readonly aliases: readonly { readonly id: string }[] }
  const alias = aliases[0]?.id ?? ''
  const other = (await ask('POST', 'identity/entity', { name: 'other', policies: ['others'] })).data['id'] ?? ''
  await ask('POST', `identity/entity-alias/id/${alias}`, { canonical_id: other })
  const moved = (await it.login()).body.auth
  assert.deepEqual([moved?.entity_id, moved?.identity_policies], [other, ['others']])
  await it.warm()
  await ask('DELETE', `identity/entity-alias/id/${alias}`)
  const anew = (await it.login()).body.auth?.entity_id
  assert.ok(anew !== undefined && ![first, other].includes(anew))
})

test('an inline request acts by its own login alone, and each has a record of the login and one of what it did', async () => {
  const it = await remembered('inline')
  await inline(it)
  const records = worker.metric('coffer_audit_records_total')
  const answers = await Promise.all(Array.from({ length: 10 }, () => inline(it)))
  assert.deepEqual(answers.map(({ status }) => status), Array.from({ length: 10 }, () => 200))
  assert.ok(worker.metric('coffer_audit_records_total') - records >= 20)
  const self = async (): Promise<Body> => (await send('GET', 'auth/token/lookup-self', undefined, { 'x-vault-inline-auth-path': `auth/${it.at}/login`, 'x-vault-inline-auth-parameter-a': encode('role_id', it.credentials.role_id), 'x-vault-inline-auth-parameter-b': encode('secret_id', it.credentials.secret_id) })).body
  const [one, other] = [await self(), await self()]
  assert.deepEqual([one.data['type'], one.data['creation_ttl'], one.data['path'], one.data['entity_id']], ['batch', 120, `auth/${it.at}/login`, (await it.login()).body.auth?.entity_id])
  assert.notEqual(one.data['id'], other.data['id'])
  assert.equal((await send('GET', 'auth/token/lookup-self', undefined, { 'x-vault-token': one.data['id'] ?? '' })).status, 403)
  const { rows } = await worker.database.superuser.query<{ actor: string }>("select record::jsonb->>'accessorHmac' as actor from coffer.audit_events where path is not null and record::jsonb->>'principal' like 'workload:inline/%' order by at")
  assert.equal(new Set(rows.map(({ actor }) => actor)).size, rows.length)
})

test('a mount that is disabled logs nobody in', async () => {
  const it = await remembered('disabled')
  await ask('DELETE', `sys/auth/${it.at}`)
  assert.ok((await it.login()).status >= 400)
  assert.ok((await inline(it)).status >= 400)
})

test('addresses are looked at each time, of the role and of the secret id', async () => {
  const it = await remembered('addresses', { secret_id_bound_cidrs: ['127.0.0.0/8'] }, { cidr_list: ['127.0.0.1/32'] })
  assert.equal((await it.login()).status, 200)
  await ask('POST', `auth/${it.at}/role/app`, { secret_id_bound_cidrs: ['10.0.0.0/8'] })
  assert.equal((await it.login()).status, 400)
})

test('a secret id ends by its time', async () => {
  const it = await remembered('times', {}, { ttl: '8s' })
  await worker.database.superuser.query('select pg_sleep(8.1)')
  assert.deepEqual([(await it.login()).status, (await inline(it)).status], [400, 400])
})

test('a role that is locked for wrong secret ids is locked for the right one', async () => {
  const it = await remembered('locked')
  for (let guess = 0; guess < 5; guess += 1) assert.equal((await send('POST', `auth/${it.at}/login`, { ...it.credentials, secret_id: `wrong-${guess}` })).status, 400)
  assert.deepEqual([(await it.login()).status, (await inline(it)).status], [403, 403])
})

test('a second step that is asked for from now on is asked of who is remembered', async () => {
  const it = await remembered('steps')
  const { accessor = '' } = (await ask('GET', `sys/auth/${it.at}`)).data
  const { method_id = '' } = (await ask('POST', 'identity/mfa/method/totp', { issuer: 'test' })).data
  await ask('POST', 'identity/mfa/login-enforcement/steps', { mfa_method_ids: [method_id], auth_method_accessors: [accessor] })
  assert.notEqual((await it.login()).body.auth?.mfa_requirement, null)
  assert.equal((await inline(it)).status, 403)
  await ask('DELETE', 'identity/mfa/login-enforcement/steps')
})

test('a secret id of counted uses is never remembered', async () => {
  await ask('POST', 'sys/auth/counted', { type: 'approle' })
  await ask('POST', 'auth/counted/role/app', { token_type: 'batch', secret_id_num_uses: 12 })
  const { role_id } = (await ask('GET', 'auth/counted/role/app/role-id')).data
  const { secret_id } = (await ask('POST', 'auth/counted/role/app/secret-id', {})).data
  const statuses = await Promise.all(Array.from({ length: 30 }, async () => (await send('POST', 'auth/counted/login', { role_id, secret_id })).status))
  assert.equal(statuses.filter((status) => status === 200).length, 12)
})

test('each remembered login has a token and a record of its own', async () => {
  const it = await remembered('records', { token_type: 'service' })
  const records = worker.metric('coffer_audit_records_total')
  const tokens = await Promise.all(Array.from({ length: 10 }, async () => (await it.login()).body.auth?.client_token ?? ''))
  assert.equal(new Set(tokens).size, 10)
  assert.ok(worker.metric('coffer_audit_records_total') - records >= 10)
  for (const token of tokens) await ask('GET', 'auth/token/lookup-self', undefined, token)
  const one = (await it.login()).body.auth?.client_token ?? ''
  await ask('POST', 'auth/token/revoke-self', {}, one)
  assert.equal((await send('GET', 'auth/token/lookup-self', undefined, { 'x-vault-token': one })).status, 403)
  await ask('GET', 'auth/token/lookup-self', undefined, tokens[0])
})

test('a signed token that comes again is good until its own end, and until its role or the keys change', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const config = { jwt_validation_pubkeys: [publicKey.export({ type: 'spki', format: 'pem' })] }
  await ask('POST', 'sys/auth/pods', { type: 'jwt' })
  await ask('POST', 'auth/pods/config', config)
  const role = { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['coffer'], token_type: 'batch', clock_skew_leeway: -1 }
  await ask('POST', 'auth/pods/role/app', role)
  const signed = (seconds: number): string => {
    const now = Math.floor(Date.now() / 1000)
    const text = [{ alg: 'ES256' }, { sub: 'pod', aud: 'coffer', iat: now - 1, exp: now + seconds }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  const login = async (jwt: string): Promise<number> => (await send('POST', 'auth/pods/login', { role: 'app', jwt })).status
  const known = async (jwt: string): Promise<void> => {
    const before_ = hits()
    for (let tries = 0; tries < 20 && hits() === before_; tries += 1) assert.equal(await login(jwt), 200)
    assert.ok(hits() > before_)
  }
  const [short, long] = [signed(8), signed(600)]
  await known(short)
  await sleep(8500)
  assert.equal(await login(short), 400)
  await known(long)
  await ask('POST', 'auth/pods/role/app', { ...role, bound_audiences: ['others'] })
  assert.equal(await login(long), 400)
  await ask('POST', 'auth/pods/role/app', role)
  await known(long)
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' })
  await ask('POST', 'auth/pods/config', { jwt_validation_pubkeys: [other] })
  assert.equal(await login(long), 400)
})

test('a credential of one organization is none of another', async () => {
  await ask('POST', 'sys/namespaces/team', {})
  const it = await remembered('ours')
  assert.equal((await send('POST', `auth/${it.at}/login`, it.credentials, { 'x-vault-namespace': 'team' })).status, 403)
})
