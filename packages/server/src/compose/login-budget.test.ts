// What a login asks of the database: nothing for a batch token of who has logged in before, one statement for a service token.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestWorker, type TestWorker } from './testing/worker.ts'

let worker: TestWorker
const cleanUps: (() => Promise<void>)[] = []
before(async () => {
  worker = await startTestWorker({ after: (cleanUp) => void cleanUps.push(cleanUp) })
})
after(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

interface Answered {
  readonly data: { readonly role_id: string; readonly secret_id: string }
  readonly auth: { readonly client_token: string }
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

test('a secret id whose uses are counted is looked at in the database', async () => {
  const login = await approle('counted', { token_type: 'batch', secret_id_num_uses: 40 })
  const { roundTrips } = await cost(login)
  assert.ok(roundTrips > 0 && roundTrips <= 6, `${roundTrips} round trips`)
})
