// What is made of a token or a mount while that is being ended ends with it, or is never made.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { lastFirst } from '../../kernel/testing/scope.ts'
import { startTestWorker, type TestWorker } from '../testing/worker.ts'

let worker: TestWorker
const scope = lastFirst({ after })
before(async () => {
  worker = await startTestWorker(scope)
  await ask('PUT', 'sys/policies/acl/maker', { policy: 'path "auth/token/create" { capabilities = ["update"] }' })
})

interface Body {
  readonly data?: Readonly<Record<string, string>>
  readonly auth?: { readonly client_token: string; readonly accessor: string }
}

const send = async (method: string, path: string, body: object | undefined, token: string): Promise<{ readonly status: number; readonly body: Body }> => {
  const response = await fetch(`${worker.origin}/v1/${path}`, { method, headers: { 'content-type': 'application/json', 'x-vault-token': token }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body }
}

const ask = async (method: string, path: string, body?: object, token = 'root'): Promise<Body> => {
  const answer = await send(method, path, body, token)
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

/** Asks again and again, several at a time, until it is refused; gives the tokens that it got. `begun`: when it has the first, and is about to have more. */
const untilRefused = (connections: number, make: () => Promise<{ readonly status: number; readonly body: Body }>): { readonly begun: Promise<void>; readonly all: Promise<readonly string[]> } => {
  const got: string[] = []
  const { promise: begun, resolve } = Promise.withResolvers<void>()
  const all = Promise.all(Array.from({ length: connections }, async () => {
    for (;;) {
      const { status, body } = await make()
      if (status >= 400) return resolve()
      got.push(body.auth?.client_token ?? '')
      resolve()
    }
  }))
  return { begun, all: all.then(() => got) }
}

const living = async (tokens: readonly string[]): Promise<number> => (await Promise.all(tokens.map((token) => send('GET', 'auth/token/lookup-self', undefined, token)))).filter(({ status }) => status === 200).length

const parent = async (): Promise<NonNullable<Body['auth']>> => {
  const { auth } = await ask('POST', 'auth/token/create', { policies: ['maker'] })
  assert.ok(auth !== undefined)
  return auth
}

const ways: Readonly<Record<string, (of: NonNullable<Body['auth']>) => Promise<unknown>>> = {
  'by itself': ({ client_token: token }) => ask('POST', 'auth/token/revoke-self', undefined, token),
  'by its accessor': ({ accessor }) => ask('POST', 'auth/token/revoke-accessor', { accessor }),
  'with its lease': () => ask('PUT', 'sys/leases/revoke-prefix/auth/token/create'),
}
for (const [name, end] of Object.entries(ways)) {
  for (const connections of [1, 6]) {
    test(`no child outlives a token that ends ${name} while ${connections} at a time are made`, async () => {
      for (let trial = 0; trial < 4; trial++) {
        const made = await parent()
        const making = untilRefused(connections, () => send('POST', 'auth/token/create', { policies: ['maker'] }, made.client_token))
        await making.begun
        await end(made)
        const children = await making.all
        assert.ok(children.length > 0)
        assert.equal(await living(children), 0)
      }
    })
  }
}

for (const type of ['service', 'batch']) {
  test(`no ${type} token outlives its mount, whether that is disabled or moved while logins are under way`, async () => {
    for (const [trial, end] of [...Array(4).keys()].flatMap((trial) => [[`${type}-off-${trial}`, 'disable'], [`${type}-away-${trial}`, 'move']] as const)) {
      await ask('POST', `sys/auth/${trial}`, { type: 'approle' })
      await ask('POST', `auth/${trial}/role/app`, { bind_secret_id: false, token_bound_cidrs: ['127.0.0.0/8'], token_type: type })
      const { role_id } = (await ask('GET', `auth/${trial}/role/app/role-id`)).data ?? {}
      const logins = untilRefused(6, () => send('POST', `auth/${trial}/login`, { role_id }, ''))
      await logins.begun
      if (end === 'disable') await ask('DELETE', `sys/auth/${trial}`)
      else await ask('POST', 'sys/remount', { from: `auth/${trial}`, to: `auth/${trial}-moved` })
      const tokens = await logins.all
      assert.ok(tokens.length > 0)
      assert.equal(await living(tokens), 0, end)
    }
  })
}
