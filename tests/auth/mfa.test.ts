// Second steps of logins by TOTP, over the wire, on two workers.

import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, test } from 'node:test'
import type { Answer, Client } from '../support/http.ts'
import { scratchDirectory, startDurableServer } from '../support/server.ts'
import { errorsOf } from './support.ts'

const scope = { after }
const { root } = await startDurableServer(scope, { folder: scratchDirectory(scope), flags: ['--workers', '2'] })
const nobody = root.as(undefined)
const HOUR = 3600

/** The code of a period from now, as an authenticator makes it (RFC 6238 by the book, apart from the server's own). */
const codeOf = (url: string, periods = 0): string => {
  const secret = new URL(url).searchParams.get('secret') ?? ''
  const bits = [...secret].map((char) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 1000 / HOUR) + periods))
  const mac = createHmac('sha1', key).update(counter).digest()
  return String((mac.readUInt32BE((mac.at(-1) ?? 0) & 15) & 0x7fffffff) % 1e6).padStart(6, '0')
}

let number = 0
interface Setting {
  readonly at: string
  readonly accessor: string
  readonly methodId: string
  readonly entityId: string
  /** Of ann's authenticator. */
  readonly url: string
  login(headers?: Readonly<Record<string, string>>): Promise<Answer>
}

const validate = (requestId: string, payload: object, client: Client = nobody): Promise<Answer> => client.call('POST', '/v1/sys/mfa/validate', { mfa_request_id: requestId, mfa_payload: payload })

/** A userpass mount with ann, and a method of which she has a secret. Periods of an hour: a code of the last, this and the next one are good. */
const prepared = async (type = 'service', on: Client = root): Promise<Setting> => {
  number += 1
  const at = `people${number}`
  await on.expect('POST', `/v1/sys/auth/${at}`, { type: 'userpass' }, { status: 204 })
  await on.expect('POST', `/v1/auth/${at}/users/ann`, { password: 'correct horse', token_policies: ['people'], token_type: type }, { status: 204 })
  const login: Setting['login'] = (headers = {}) => on.as(undefined).call('POST', `/v1/auth/${at}/login/ann`, { password: 'correct horse' }, { headers })
  const { auth } = (await login()).json
  const methodId = (await on.expect('POST', '/v1/identity/mfa/method/totp', { issuer: 'Coffer', method_name: `totp${number}`, period: HOUR })).json.data.method_id as string
  const made = (await on.expect('POST', '/v1/identity/mfa/method/totp/admin-generate', { method_id: methodId, entity_id: auth.entity_id })).json.data
  assert.equal(Buffer.from(made.barcode as string, 'base64').subarray(1, 4).toString('latin1'), 'PNG')
  const accessor = (await on.expect('GET', '/v1/sys/auth')).json.data[`${at}/`].accessor as string
  return { at, accessor, methodId, entityId: auth.entity_id as string, url: made.url as string, login }
}
const enforce = (name: string, body: object): Promise<Answer> => root.expect('POST', `/v1/identity/mfa/login-enforcement/${name}`, body, { status: 204 })

test('a login that needs a second step gets no token until the passcode is given', async () => {
  const { at, accessor, methodId, entityId, url, login } = await prepared()
  await enforce('people', { mfa_method_ids: [methodId], auth_method_accessors: [accessor] })
  const first = (await login()).json
  assert.deepEqual([first.auth.client_token, first.auth.accessor, first.auth.policies], ['', '', []])
  const { mfa_request_id: requestId, mfa_constraints: constraints } = first.auth.mfa_requirement
  assert.deepEqual(constraints, { people: { any: [{ type: 'totp', id: methodId, uses_passcode: true, name: `totp${number}` }] } })
  const done = await validate(requestId, { [methodId]: [codeOf(url)] })
  assert.equal(done.status, 200, done.text)
  assert.deepEqual([done.json.auth.policies, done.json.auth.entity_id, done.json.auth.mfa_requirement], [['default', 'people'], entityId, null])
  const look = (await root.as(done.json.auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).json.data
  assert.deepEqual([look.path, look.display_name], [`auth/${at}/login/ann`, `${at}-ann`])
  assert.deepEqual(errorsOf(await validate(requestId, { [methodId]: [codeOf(url, 1)] })), ['invalid request ID'], 'a login is finished once')
  await root.expect('DELETE', '/v1/identity/mfa/login-enforcement/people', undefined, { status: 204 })
  assert.notEqual((await login()).json.auth.client_token, '')
})

test('a passcode works once, also in the header of the login, by the method\'s id or name', async () => {
  const { accessor, methodId, url, login } = await prepared()
  await enforce('header', { mfa_method_ids: [methodId], auth_method_accessors: [accessor] })
  const good = codeOf(url, -1)
  assert.notEqual((await login({ 'x-vault-mfa': `${methodId}:${good}` })).json.auth.client_token, '')
  const again = await login({ 'x-vault-mfa': `${methodId}:${good}` })
  assert.equal(again.status, 403)
  assert.match(errorsOf(again)[0] ?? '', /^failed to satisfy enforcement header\. error: code already used/)
  assert.notEqual((await login({ 'x-vault-mfa': `totp${number}:${codeOf(url)}` })).json.auth.client_token, '')
  const earlier = await login({ 'x-vault-mfa': `${methodId}:${good}` })
  assert.equal(earlier.status, 403, 'nor one of an earlier period')
  await root.expect('DELETE', '/v1/identity/mfa/login-enforcement/header', undefined, { status: 204 })
})

test('what a second step opens is open on every worker, and after a restart, to service tokens and batch tokens', async () => {
  const folder = scratchDirectory(scope)
  const flags = ['--workers', '2']
  const first = await startDurableServer(scope, { folder, flags })
  const careful = { effect: 'allow', principal: 'user:*', actions: ['secrets:read'], resources: ['dev/*'], conditions: { mfa: true } }
  await first.root.expect('PUT', '/api/v1/policies/careful', { kind: 'json', body: JSON.stringify(careful) })
  await first.root.expect('POST', '/v1/secret/data/dev/a', { data: { x: '1' } })
  const given: { readonly token: string; readonly status: number }[] = []
  for (const type of ['service', 'batch']) {
    const { accessor, methodId, url, login } = await prepared(type, first.root)
    given.push({ token: (await login()).json.auth.client_token, status: 403 })
    await first.root.expect('POST', `/v1/identity/mfa/login-enforcement/${type}`, { mfa_method_ids: [methodId], auth_method_accessors: [accessor] }, { status: 204 })
    given.push({ token: (await login({ 'x-vault-mfa': `${methodId}:${codeOf(url, -1)}` })).json.auth.client_token, status: 200 })
    const { mfa_request_id: requestId } = (await login()).json.auth.mfa_requirement
    given.push({ token: (await validate(requestId, { [methodId]: [codeOf(url)] }, first.root.as(undefined))).json.auth.client_token, status: 200 })
  }
  const statuses = (client: Client): Promise<readonly number[]> => Promise.all([...given, ...given].map(async ({ token }) => (await client.as(token).call('GET', '/v1/secret/data/dev/a')).status))
  const due = [...given, ...given].map(({ status }) => status)
  assert.deepEqual(await statuses(first.root), due)
  await first.server.stop()
  const second = await startDurableServer(scope, { folder, flags }, first.rootToken)
  assert.deepEqual(await statuses(second.root), due)
})

test('guesses are counted, whichever worker they reach, and then even the right code has to wait', async () => {
  const { accessor, methodId, url, login } = await prepared()
  await enforce('guessing', { mfa_method_ids: [methodId], auth_method_accessors: [accessor] })
  const wrong = String((Number(codeOf(url)) + 1) % 1e6).padStart(6, '0')
  for (let attempt = 0; attempt < 5; attempt++) assert.equal((await login({ 'x-vault-mfa': `${methodId}:${wrong}` })).status, 403)
  const refused = await login({ 'x-vault-mfa': `${methodId}:${codeOf(url)}` })
  assert.match(errorsOf(refused)[0] ?? '', /maximum TOTP validation attempts 6 exceeded the allowed attempts 5/)
  await root.expect('DELETE', '/v1/identity/mfa/login-enforcement/guessing', undefined, { status: 204 })
})

test('of many codes at the same moment each is answered as a code that is not valid, or lets in once', async () => {
  const { accessor, methodId, url, login } = await prepared()
  await enforce('crowd', { mfa_method_ids: [methodId], auth_method_accessors: [accessor] })
  const { mfa_request_id: requestId } = (await login()).json.auth.mfa_requirement
  const answers = await Promise.all(Array.from({ length: 24 }, () => validate(requestId, { [methodId]: [codeOf(url)] })))
  const refused = answers.filter(({ status }) => status !== 200)
  assert.equal(refused.length, 23)
  for (const answer of refused) {
    assert.equal(answer.status, 403, answer.text)
    assert.match(errorsOf(answer)[0] ?? '', /failed to validate TOTP passcode|code already used|exceeded the allowed attempts|invalid request ID/)
  }
  await root.expect('DELETE', '/v1/identity/mfa/login-enforcement/crowd', undefined, { status: 204 })
})

test('a secret stays as it was made when its method is changed', async () => {
  const { accessor, methodId, url, login } = await prepared()
  await enforce('changed', { mfa_method_ids: [methodId], auth_method_accessors: [accessor] })
  await root.expect('POST', `/v1/identity/mfa/method/totp/${methodId}`, { issuer: 'Coffer', method_name: `totp${number}`, period: 30, digits: 8, algorithm: 'SHA256' })
  assert.notEqual((await login({ 'x-vault-mfa': `${methodId}:${codeOf(url)}` })).json.auth.client_token, '')
  await root.expect('DELETE', '/v1/identity/mfa/login-enforcement/changed', undefined, { status: 204 })
})

test('one that is for a type, an entity or a group concerns exactly these', async () => {
  const one = await prepared()
  const other = await prepared()
  const group = (await root.expect('POST', '/v1/identity/group', { name: 'second-step', member_entity_ids: [one.entityId] })).json.data.id
  for (const subject of [{ identity_entity_ids: [one.entityId] }, { identity_group_ids: [group] }]) {
    await enforce('some', { mfa_method_ids: [one.methodId], ...subject })
    assert.notEqual((await one.login()).json.auth.mfa_requirement, null, JSON.stringify(subject))
    assert.equal((await other.login()).json.auth.mfa_requirement, null)
  }
  await enforce('some', { mfa_method_ids: [one.methodId], auth_method_types: ['userpass'] })
  for (const { login } of [one, other]) assert.notEqual((await login()).json.auth.mfa_requirement, null)
  const withoutSecret = (await other.login()).json.auth.mfa_requirement.mfa_request_id
  assert.equal((await validate(withoutSecret, { [one.methodId]: ['123456'] })).status, 403)
  await root.expect('DELETE', '/v1/identity/mfa/login-enforcement/some', undefined, { status: 204 })
})

test('a login that waits ends with the account, its password and its policies', async () => {
  const { at, accessor, methodId, url, login } = await prepared()
  await enforce('waiting', { mfa_method_ids: [methodId], auth_method_accessors: [accessor] })
  const user = `/v1/auth/${at}/users/ann`
  const changes: readonly (() => Promise<unknown>)[] = [
    () => root.expect('POST', `${user}/password`, { password: 'another horse' }, { status: 204 }),
    () => root.expect('POST', `${user}/policies`, { token_policies: 'fewer' }, { status: 204 }),
    () => root.expect('DELETE', user, undefined, { status: 204 }),
    async () => {
      await root.expect('DELETE', user, undefined, { status: 204 })
      await root.expect('POST', user, { password: 'correct horse' }, { status: 204 })
    },
  ]
  for (const change of changes) {
    await root.expect('POST', user, { password: 'correct horse', token_policies: ['people'] }, { status: 204 })
    const { mfa_request_id: requestId } = (await login()).json.auth.mfa_requirement
    await change()
    assert.deepEqual(errorsOf(await validate(requestId, { [methodId]: [codeOf(url)] })), ['invalid request ID'])
  }
  const { mfa_request_id: unchanged } = (await login()).json.auth.mfa_requirement
  assert.equal((await validate(unchanged, { [methodId]: [codeOf(url)] })).status, 200)
  await root.expect('DELETE', '/v1/identity/mfa/login-enforcement/waiting', undefined, { status: 204 })
})

test('two enforcements are two steps, and one method that both name is asked once', async () => {
  const { accessor, methodId, url, login } = await prepared()
  const second = (await root.expect('POST', '/v1/identity/mfa/method/totp', { issuer: 'Other', period: HOUR })).json.data.method_id as string
  await enforce('first', { mfa_method_ids: [methodId], auth_method_accessors: [accessor] })
  await enforce('both', { mfa_method_ids: [methodId, second], auth_method_accessors: [accessor] })
  const { mfa_request_id: requestId } = (await login()).json.auth.mfa_requirement
  assert.equal((await validate(requestId, { [methodId]: [codeOf(url)] })).status, 200)
  await enforce('both', { mfa_method_ids: [second], auth_method_accessors: [accessor] })
  const { mfa_request_id: lacking } = (await login()).json.auth.mfa_requirement
  assert.match(errorsOf(await validate(lacking, { [methodId]: [codeOf(url, 1)] }))[0] ?? '', /failed to satisfy enforcement both/)
  for (const name of ['first', 'both']) await root.expect('DELETE', `/v1/identity/mfa/login-enforcement/${name}`, undefined, { status: 204 })
})

test('people make a secret of their own, once; administrators destroy it', async () => {
  const { methodId, entityId, login } = await prepared()
  await root.expect('PUT', '/v1/sys/policies/acl/people', { policy: 'path "identity/mfa/method/totp/generate" { capabilities = ["update"] }' }, { status: 204 })
  const ann = root.as((await login()).json.auth.client_token)
  const there = (await ann.expect('POST', '/v1/identity/mfa/method/totp/generate', { method_id: methodId })).json
  assert.deepEqual([there.data, there.warnings], [null, [`Entity already has a secret for MFA method "${methodId}"`]])
  await root.expect('POST', '/v1/identity/mfa/method/totp/admin-destroy', { method_id: methodId, entity_id: entityId }, { status: 204 })
  assert.match((await ann.expect('POST', '/v1/identity/mfa/method/totp/generate', { method_id: methodId })).json.data.url, /^otpauth:\/\/totp\/Coffer:.*&secret=[A-Z2-7]{32}$/)
  await ann.expect('POST', '/v1/identity/mfa/method/totp/admin-generate', { method_id: methodId, entity_id: entityId }, { status: 403 })
})

test('methods and enforcements are read, listed and refused in Vault\'s words', async () => {
  const { methodId, accessor } = await prepared()
  assert.deepEqual((await root.expect('GET', `/v1/identity/mfa/method/totp/${methodId}`)).json.data, { id: methodId, name: `totp${number}`, type: 'totp', issuer: 'Coffer', period: HOUR, key_size: 20, qr_size: 200, algorithm: 'SHA1', digits: 6, skew: 1, max_validation_attempts: 5, namespace_id: 'root', namespace_path: '' })
  assert.ok((await root.expect('LIST', '/v1/identity/mfa/method')).json.data.keys.includes(methodId))
  const refused = async (path: string, body: object): Promise<string> => errorsOf(await root.expect('POST', `/v1/identity/mfa/${path}`, body, { status: 400 }))[0] ?? ''
  assert.equal(await refused('method/totp', { issuer: 'x', digits: 7 }), 'digits can only be 6 or 8')
  assert.equal(await refused('method/totp', { issuer: 'x', algorithm: 'MD5' }), 'unrecognized algorithm')
  assert.equal(await refused('method/totp', {}), 'issuer must be set')
  assert.match(await refused('login-enforcement/x', { mfa_method_ids: ['nothing'], auth_method_types: ['userpass'] }), /^one of the provided method ids doesn't exist/)
  assert.equal(await refused('login-enforcement/x', { auth_method_types: ['userpass'] }), 'missing method ids')
  await enforce('kept', { mfa_method_ids: [methodId], auth_method_accessors: [accessor] })
  assert.deepEqual((await root.expect('GET', '/v1/identity/mfa/login-enforcement/kept')).json.data.auth_method_accessors, [accessor])
  assert.match(errorsOf(await root.expect('DELETE', `/v1/identity/mfa/method/totp/${methodId}`, undefined, { status: 400 }))[0] ?? '', /still used by an enforcement/)
  await root.expect('DELETE', '/v1/identity/mfa/login-enforcement/kept', undefined, { status: 204 })
  await root.expect('DELETE', `/v1/identity/mfa/method/totp/${methodId}`, undefined, { status: 204 })
  await root.expect('GET', `/v1/identity/mfa/method/totp/${methodId}`, undefined, { status: 404 })
  for (const [path, body] of [['mfa_request_id', { mfa_payload: {} }], ['mfa_payload', { mfa_request_id: 'x', mfa_payload: { m: 'text' } }]] as const) {
    const answer = await nobody.call('POST', '/v1/sys/mfa/validate', body)
    assert.equal(answer.status, 400, path)
  }
  assert.deepEqual(errorsOf(await validate('../../x', {})), ['invalid request ID'])
})
