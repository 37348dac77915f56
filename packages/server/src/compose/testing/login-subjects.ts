// Roles with a credential, and the requests that log in by it: by themselves, or in the headers of a read.

import assert from 'node:assert/strict'
import { generally, type Answer, type Asked, type BothWays } from './both-ways.ts'

export type Data = Readonly<Record<string, string>>

export interface Subject {
  readonly at: string
  readonly credentials: { readonly role_id: string; readonly secret_id: string }
  /** A read that logs in by its headers. */
  readonly asked: Asked
  readonly login: Asked
}

export interface Making {
  readonly role?: object
  readonly secretId?: object
  readonly namespace?: string
}

export interface Subjects {
  /** A request of a root token that must succeed; its data. */
  ask(method: string, path: string, body?: object, namespace?: string): Promise<Data>
  /** A mount with a role and a secret id. */
  subject(at: string, making?: Making): Promise<Subject>
  /** Asks until a plan answers. A lapsed lease on a busy machine sends one the general way. */
  planned(asked: Asked): Promise<Answer>
  recordsOf(answer: Answer, count: number): Promise<readonly string[]>
  /** Not answered by a plan, and the same the general way. */
  refused(asked: Asked, status: number): Promise<void>
  /** Answered, but judged anew first. */
  judgedAnew(asked: Asked): Promise<Answer>
}

export const encode = (key: string, value: unknown): string => Buffer.from(JSON.stringify({ key, value })).toString('base64url')

/** Without what every two tokens differ by. */
export const alike = (record: string): string => record.replace(/"accessorHmac":"hmac-sha256:[0-9a-f]{64}"/, '"accessorHmac":"HMAC"').replace(/"tokenId":"[0-9a-f-]{36}"/, '"tokenId":"TOKEN"')

export const metadataOf = (record: Readonly<Record<string, unknown>> | undefined): Data | undefined => record?.['metadata'] as Data | undefined

export const makeSubjects = (ways: BothWays): Subjects => {
  const ask: Subjects['ask'] = async (method, path, body, namespace) => {
    const answer = await ways.send({ method, path: `/v1/${path}`, token: 'root', ...(body === undefined ? {} : { body: JSON.stringify(body) }), ...(namespace === undefined ? {} : { headers: { 'x-vault-namespace': namespace } }) })
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.body}`)
    return answer.body === '' ? {} : ((JSON.parse(answer.body) as { readonly data: Data | null }).data ?? {})
  }
  return {
    ask,
    async subject(at, { role = {}, secretId = {}, namespace } = {}) {
      await ask('POST', `sys/auth/${at}`, { type: 'approle' }, namespace)
      await ask('POST', `auth/${at}/role/app`, { token_policies: ['reader'], ...role }, namespace)
      const { role_id = '' } = await ask('GET', `auth/${at}/role/app/role-id`, undefined, namespace)
      const { secret_id = '' } = await ask('POST', `auth/${at}/role/app/secret-id`, secretId, namespace)
      const named = namespace === undefined ? {} : { 'x-vault-namespace': namespace }
      const headers = { 'x-vault-inline-auth-path': `auth/${at}/login`, 'x-vault-inline-auth-parameter-a': encode('role_id', role_id), 'x-vault-inline-auth-parameter-b': encode('secret_id', secret_id), ...named }
      return { at, credentials: { role_id, secret_id }, asked: { path: '/v1/secret/data/dev/a', headers }, login: { method: 'POST', path: `/v1/auth/${at}/login`, body: JSON.stringify({ role_id, secret_id }), headers: named } }
    },
    async planned(asked) {
      for (let tries = 0; tries < 50; tries += 1) {
        const [answer, warm] = await ways.counted(asked)
        assert.equal(answer.status, 200, answer.body)
        if (warm === 1) return answer
      }
      throw new Error(`no plan answers ${asked.path}`)
    },
    async recordsOf(answer, count) {
      for (let tries = 0; tries < 400; tries += 1) {
        const records = await ways.recordOf(answer)
        if (records.length >= count) return records
        await new Promise((resolve) => { setTimeout(resolve, 25) })
      }
      throw new Error(`fewer than ${count} records of ${answer.requestId}`)
    },
    async refused(asked, status) {
      const [answer, warm] = await ways.counted(asked)
      assert.deepEqual([answer.status, warm], [status, 0], answer.body)
      assert.deepEqual(ways.masked(answer), ways.masked(await ways.send(generally(asked))))
    },
    async judgedAnew(asked) {
      const [answer, warm] = await ways.counted(asked)
      assert.deepEqual([answer.status, warm], [200, 0], answer.body)
      return answer
    },
  }
}
