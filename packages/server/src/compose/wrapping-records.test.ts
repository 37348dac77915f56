// Who asked for a wrapped answer is in the record of its token, and in those of whoever brings the token afterwards, who may have nothing else.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lastFirst } from '../kernel/testing/scope.ts'
import { startTestWorker, type TestWorker } from './testing/worker.ts'

let worker: TestWorker
const scope = lastFirst({ after })

before(async () => {
  worker = await startTestWorker(scope)
})

type Fields = Readonly<Record<string, unknown>>
interface Sent {
  readonly requestId: string
  readonly body: { readonly auth?: { readonly client_token: string }; readonly wrap_info?: { readonly token: string }; readonly data?: Fields & { readonly items?: readonly Fields[] } }
}

const send = async (method: string, path: string, headers: Readonly<Record<string, string>>, body?: object): Promise<Sent> => {
  const response = await fetch(`${worker.origin}/${path}`, { method, headers: { 'content-type': 'application/json', ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  assert.ok(response.status < 300, `${method} ${path}: ${text}`)
  return { requestId: response.headers.get('x-request-id') ?? '', body: (text === '' ? {} : JSON.parse(text)) as Sent['body'] }
}

const as = (token: string): { readonly 'x-vault-token': string } => ({ 'x-vault-token': token })

const recordOf = async (action: string, requestId: string): Promise<Fields> => {
  for (let tries = 0; tries < 100; tries += 1) {
    const { body } = await send('GET', `api/v1/audit/events?requestId=${requestId}&action=${action}`, { authorization: 'Bearer root' })
    const [found] = body.data?.items ?? []
    if (found !== undefined) return found
    await sleep(50)
  }
  throw new Error(`there is no record of ${action}`)
}


test('whoever asked for a wrapped answer is named by all records of its token', async () => {
  await send('POST', 'v1/secret/data/a', as('root'), { data: { x: '1' } })
  await send('PUT', 'v1/sys/policies/acl/reading', as('root'), { policy: 'path "secret/data/*" { capabilities = ["read"] }' })
  const { auth } = (await send('POST', 'v1/auth/token/create', as('root'), { display_name: 'reader', policies: ['reading'] })).body
  const made = await send('GET', 'v1/secret/data/a', { ...as(auth?.client_token ?? ''), 'x-vault-wrap-ttl': '60' })
  const created = await recordOf('wrapping.create', made.requestId)
  const { principal } = created
  assert.match(String(principal), /reader/)
  assert.equal(created['actorType'], (await recordOf('secret.reveal', made.requestId))['actorType'])
  const whole = { creationPath: 'secret/data/a', wrappedRequest: made.requestId, wrappedFor: principal }
  assert.deepEqual(created['metadata'], whole)

  const looked = await send('POST', 'v1/sys/wrapping/lookup', {}, { token: made.body.wrap_info?.token })
  const byNobody = await recordOf('wrapping.lookup', looked.requestId)
  assert.deepEqual([byNobody['metadata'], byNobody['actorType'], byNobody['principal']], [whole, 'anonymous', undefined])
  // Whoever brings a token is named, also with the last use of it, which looking leaves; who brings none or a bad one is not refused.
  const once = (await send('POST', 'v1/auth/token/create', as('root'), { display_name: 'looker', num_uses: 1 })).body.auth?.client_token ?? ''
  for (const [token, expected] of [[once, 'token:token-looker'], [once, 'token:token-looker'], ['nobody', undefined]] as const) {
    const { requestId } = await send('POST', 'v1/sys/wrapping/lookup', as(token), { token: made.body.wrap_info?.token })
    assert.equal((await recordOf('wrapping.lookup', requestId))['principal'], expected)
  }
  const again = await send('POST', 'v1/sys/wrapping/rewrap', as('root'), { token: made.body.wrap_info?.token })
  assert.deepEqual((await recordOf('wrapping.rewrap', again.requestId))['metadata'], whole)
  const opened = await send('POST', 'v1/sys/wrapping/unwrap', as(again.body.wrap_info?.token ?? ''))
  const unwrapped = await recordOf('wrapping.unwrap', opened.requestId)
  assert.deepEqual(unwrapped['metadata'], whole)
  assert.equal((opened.body.data?.['data'] as { readonly x: string } | undefined)?.x, '1')
})

test('of a login nobody asked but the one who logged in', async () => {
  await send('POST', 'v1/sys/auth/people', as('root'), { type: 'userpass' })
  await send('POST', 'v1/auth/people/users/anna', as('root'), { password: 'a long passphrase' })
  const made = await send('POST', 'v1/auth/people/login/anna', { 'x-vault-wrap-ttl': '60' }, { password: 'a long passphrase' })
  const created = await recordOf('wrapping.create', made.requestId)
  assert.equal(created['actorType'], 'anonymous')
  assert.deepEqual(created['metadata'], { creationPath: 'auth/people/login/anna', wrappedRequest: made.requestId })
})

test('an organization\'s wrapping token that is looked at from elsewhere tells the records there nothing of who asked', async () => {
  await send('POST', 'v1/sys/namespaces/acme', as('root'))
  const inAcme = { ...as('root'), 'x-vault-namespace': 'acme' }
  await send('POST', 'v1/secret/data/b', inAcme, { data: { x: '1' } })
  const made = await send('GET', 'v1/secret/data/b', { ...inAcme, 'x-vault-wrap-ttl': '60' })
  const looked = await send('POST', 'v1/sys/wrapping/lookup', {}, { token: made.body.wrap_info?.token })
  const record = await recordOf('wrapping.lookup', looked.requestId)
  assert.deepEqual([record['metadata'], record['resourceId']], [undefined, undefined])
})
