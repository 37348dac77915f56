// The same application role on any server of Vault's API: a role of service tokens and one of batch tokens, and the requests
// that log in by them.

import type { RawRequest } from './load/raw-client.ts'
import { call, sizes } from './seed.ts'

export interface Approle {
  /** One login per request, answered with a service token, or with a batch token. */
  readonly service: readonly RawRequest[]
  readonly batch: readonly RawRequest[]
  /** A read that logs in by its own headers. Vault has no such thing. */
  readonly inline: readonly RawRequest[]
}

const json = { 'content-type': 'application/json' }

const inlineHeader = (key: string, value: string): string => Buffer.from(JSON.stringify({ key, value })).toString('base64url')

export const makeApprole = async (origin: string, root: string): Promise<Approle> => {
  await call(origin, 'POST', '/v1/sys/auth/approle', { type: 'approle' }, root)
  await call(origin, 'PUT', '/v1/sys/policies/acl/bench-login', { policy: 'path "secret/data/*" { capabilities = ["read"] }' }, root)
  const credentials = async (role: string, tokenType: string): Promise<{ readonly role_id: string; readonly secret_id: string }> => {
    await call(origin, 'POST', `/v1/auth/approle/role/${role}`, { token_type: tokenType, token_ttl: '1h', token_policies: 'bench-login' }, root)
    const { role_id } = (await call(origin, 'GET', `/v1/auth/approle/role/${role}/role-id`, undefined, root))['data'] as { role_id: string }
    const { secret_id } = (await call(origin, 'POST', `/v1/auth/approle/role/${role}/secret-id`, {}, root))['data'] as { secret_id: string }
    return { role_id, secret_id }
  }
  const login = (body: object): RawRequest => ({ method: 'POST', path: '/v1/auth/approle/login', headers: json, body: JSON.stringify(body) })
  const [service, batch] = [await credentials('bench-service', 'service'), await credentials('bench-batch', 'batch')]
  const inline = { 'x-vault-inline-auth-path': 'auth/approle/login', 'x-vault-inline-auth-parameter-one': inlineHeader('role_id', batch.role_id), 'x-vault-inline-auth-parameter-two': inlineHeader('secret_id', batch.secret_id) }
  return {
    service: [login(service)],
    batch: [login(batch)],
    inline: sizes.map((size) => ({ method: 'GET', path: `/v1/secret/data/dev/kv/value-${size}`, headers: inline })),
  }
}
