// Many logins at once: they share their journeys, each is judged and recorded by itself, and however few connections there are none waits for ever.

import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { after, before, test } from 'node:test'
import { lastFirst } from '../../kernel/testing/scope.ts'
import { startTestWorker, type TestWorker } from '../testing/worker.ts'

const CROWD = 60
const workers = new Map<string, TestWorker>()
const scope = lastFirst({ after })
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

before(async () => {
  for (const [name, flags] of [['ten', []], ['two', ['--database-pool-size', '2']]] as const) {
    const worker = await startTestWorker(scope, flags)
    workers.set(name, worker)
    await ask(worker, 'POST', 'sys/auth/jwt', { type: 'jwt' })
    await ask(worker, 'POST', 'auth/jwt/config', { jwt_validation_pubkeys: [publicKey.export({ type: 'spki', format: 'pem' })] })
    for (const type of ['batch', 'service']) await ask(worker, 'POST', `auth/jwt/role/${type}`, { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['coffer'], token_type: type })
    await ask(worker, 'POST', 'sys/auth/approle', { type: 'approle' })
    await ask(worker, 'POST', 'auth/approle/role/app', { secret_id_num_uses: 10 })
    await ask(worker, 'POST', 'sys/auth/userpass', { type: 'userpass' })
    await ask(worker, 'POST', 'auth/userpass/users/eva', { password: 'correct horse' })
  }
})

interface Body {
  readonly data?: Readonly<Record<string, string>>
  readonly auth?: { readonly client_token: string; readonly entity_id: string; readonly metadata: Readonly<Record<string, string>> | null }
  readonly errors?: readonly string[]
}

const send = async ({ origin }: TestWorker, method: string, path: string, body?: object, token?: string): Promise<{ readonly status: number; readonly body: Body }> => {
  const response = await fetch(`${origin}/v1/${path}`, { method, headers: { 'content-type': 'application/json', ...(token === undefined ? {} : { 'x-vault-token': token }) }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Body }
}

const ask = async (worker: TestWorker, method: string, path: string, body?: object): Promise<Body> => {
  const answer = await send(worker, method, path, body, 'root')
  assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
  return answer.body
}

const jwtOf = (sub: string, claims: object = {}): string => {
  const now = Math.floor(Date.now() / 1000)
  const text = [{ alg: 'ES256', typ: 'JWT' }, { sub, aud: 'coffer', iat: now - 30, nbf: now - 30, exp: now + 600, ...claims }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const workerOf = (name: string): TestWorker => {
  const worker = workers.get(name)
  assert.ok(worker !== undefined)
  return worker
}

const logIn = (worker: TestWorker, role: string, jwt: string): ReturnType<typeof send> => send(worker, 'POST', 'auth/jwt/login', { role, jwt })

/** Records of logins with this decision, by the principal's name; shipped a moment after their answers. */
const recorded = async ({ database }: TestWorker, prefix: string, wanted: number): Promise<number> => {
  for (let tries = 0; ; tries += 1) {
    const { rows } = await database.superuser.query<{ count: number }>("select count(*)::int as count from coffer.audit_events where action = 'auth.login' and decision = 'ALLOW' and record like $1", [`%${prefix}%`])
    const count = rows[0]?.count ?? 0
    if (count >= wanted || tries > 200) return count
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

for (const role of ['batch', 'service']) {
  test(`first logins with ${role} tokens at once share their journeys, and each has its principal, token and record`, async () => {
    const worker = workerOf('ten')
    const names = Array.from({ length: CROWD }, (_, index) => `crowd-${role}-${index}`)
    const jwts = names.map((name) => jwtOf(name))
    const before_ = worker.statements.statements
    const answers = await Promise.all(jwts.map((jwt) => logIn(worker, role, jwt)))
    const statements = worker.statements.statements - before_
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    // Each by itself would be two.
    assert.ok(statements < 1.5 * CROWD, `${statements} statements for ${CROWD} first logins`)
    assert.equal(new Set(answers.map(({ body }) => body.auth?.entity_id)).size, CROWD)
    for (const [index, { body }] of answers.entries()) {
      const self = await send(worker, 'GET', 'auth/token/lookup-self', undefined, body.auth?.client_token ?? '')
      assert.equal(self.body.data?.['display_name'], `jwt-${names[index]}`)
      assert.equal(self.body.data?.['entity_id'], body.auth?.entity_id)
    }
    assert.equal(await recorded(worker, `crowd-${role}-`, CROWD), CROWD)
  })
}

test('bad credentials among many fail, each for itself, and nobody else does', async () => {
  const worker = workerOf('ten')
  const jwts = Array.from({ length: CROWD }, (_, index) => {
    const jwt = jwtOf(`mixed-${index}`, index % 4 === 1 ? { aud: 'somebody-else' } : index % 4 === 2 ? { exp: 1, iat: 0, nbf: 0 } : {})
    return index % 4 === 3 ? `${jwt.slice(0, jwt.lastIndexOf('.'))}.${Buffer.alloc(64, 1).toString('base64url')}` : jwt
  })
  const answers = await Promise.all(jwts.map((jwt) => logIn(worker, 'batch', jwt)))
  for (const [index, { status, body }] of answers.entries()) assert.equal(status === 200, index % 4 === 0, `${index}: ${status} ${JSON.stringify(body.errors)}`)
})

for (const name of ['ten', 'two']) {
  test(`logins of every kind at once all end, with ${name} connections`, async () => {
    const worker = workerOf(name)
    const { role_id } = (await ask(worker, 'GET', 'auth/approle/role/app/role-id')).data ?? {}
    const secretIds = await Promise.all(Array.from({ length: 3 }, async () => (await ask(worker, 'POST', 'auth/approle/role/app/secret-id', {})).data?.['secret_id']))
    const logins = [
      ...Array.from({ length: 40 }, (_, index) => logIn(worker, index % 2 === 0 ? 'batch' : 'service', jwtOf(`kinds-${name}-${index}`))),
      // One and the same workload: the first makes it, the others find it.
      ...Array.from({ length: 12 }, () => logIn(worker, 'service', jwtOf(`same-${name}`))),
      // Uses are counted in transactions.
      ...secretIds.flatMap((secret_id) => Array.from({ length: 4 }, () => send(worker, 'POST', 'auth/approle/login', { role_id, secret_id }))),
      ...Array.from({ length: 2 }, () => send(worker, 'POST', 'auth/userpass/login/eva', { password: 'correct horse' })),
    ]
    const wrong = [send(worker, 'POST', 'auth/userpass/login/eva', { password: 'wrong' }), send(worker, 'POST', 'auth/approle/login', { role_id, secret_id: 'wrong' })]
    const answers = await Promise.all(logins)
    assert.deepEqual(answers.filter(({ status }) => status !== 200).map(({ body }) => body.errors), [])
    assert.equal(new Set(answers.slice(40, 52).map(({ body }) => body.auth?.entity_id)).size, 1)
    for (const { status } of await Promise.all(wrong)) assert.ok(status === 400 || status === 403)
    // Reads still find a connection.
    assert.equal((await send(worker, 'GET', 'sys/policies/acl/default', undefined, 'root')).status, 200)
  })
}
