// A role that may read everything, and the two ways to log in by it: by itself, and in the headers of a request.

import type { Client } from './http.ts'

export interface ApproleLogin {
  /** Of a request that logs in by itself. */
  readonly headers: Readonly<Record<string, string>>
  /** For auth/approle/login, which gives a batch token. */
  readonly body: { readonly role_id: string; readonly secret_id: string }
}

export const makeApproleLogin = async (root: Client): Promise<ApproleLogin> => {
  await root.expect('POST', '/v1/sys/auth/approle', { type: 'approle' }, { status: 204 })
  await root.expect('PUT', '/v1/sys/policies/acl/reader', { policy: 'path "secret/data/*" { capabilities = ["read"] }' }, { status: 204 })
  await root.expect('POST', '/v1/auth/approle/role/app', { token_policies: ['reader'], token_type: 'batch' }, { status: 204 })
  const { role_id } = (await root.expect('GET', '/v1/auth/approle/role/app/role-id')).data
  const { secret_id } = (await root.expect('POST', '/v1/auth/approle/role/app/secret-id', {})).data
  const encode = (key: string, value: string): string => Buffer.from(JSON.stringify({ key, value })).toString('base64url')
  return { body: { role_id, secret_id }, headers: { 'x-vault-inline-auth-path': 'auth/approle/login', 'x-vault-inline-auth-parameter-a': encode('role_id', role_id), 'x-vault-inline-auth-parameter-b': encode('secret_id', secret_id) } }
}
