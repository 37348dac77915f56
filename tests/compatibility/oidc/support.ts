// What the tests of identity tokens and of the provider share: a server whose address is the issuer, and people with entities.

import type { Scope } from '../../support/cleanup.ts'
import type { Answer, Client } from '../../support/http.ts'
import { scratchDirectory, startDevServer, startDurableServer, type Server } from '../../support/server.ts'

export interface Person {
  readonly name: string
  readonly mount: string
  readonly entity: string
  readonly client: Client
}

export interface IdentityServer {
  readonly server: Server
  readonly root: Client
  readonly nobody: Client
  readonly address: string
  /** Somebody who has logged in by name and password, and may get identity tokens. */
  person(): Promise<Person>
  /** The identity token that a role makes for somebody. */
  jwt(person: Person, role: string): Promise<string>
}

let numbered = 0
export const fresh = (what: string): string => `${what}${(numbered += 1)}`

/** @param workers more than one: a server on disk, because those without one have a single worker */
export const identityServer = async (scope: Scope, workers = 1): Promise<IdentityServer> => {
  const { server, root } = workers === 1 ? await startDevServer(scope) : await startDurableServer(scope, { folder: scratchDirectory(scope), flags: ['--workers', String(workers)] })
  const nobody = root.as(undefined)
  await root.expect('POST', '/v1/identity/oidc/config', { issuer: server.address })
  await root.expect('POST', '/v1/sys/auth/people', { type: 'userpass' }, { status: 204 })
  await root.expect('POST', '/v1/sys/policies/acl/identity-tokens', { policy: 'path "identity/oidc/token/*" { capabilities = ["read"] }' }, { status: 204 })
  return {
    server,
    root,
    nobody,
    address: server.address,
    async person() {
      const name = fresh('person')
      await root.expect('POST', `/v1/auth/people/users/${name}`, { password: 'a-long-password', token_policies: ['identity-tokens'] }, { status: 204 })
      const { auth } = (await nobody.expect('POST', `/v1/auth/people/login/${name}`, { password: 'a-long-password' })).json
      return { name, mount: 'people', entity: auth.entity_id as string, client: root.as(auth.client_token as string) }
    },
    jwt: async ({ client }, role) => (await client.expect('GET', `/v1/identity/oidc/token/${role}`)).json.data.token as string,
  }
}

/** A form, as OAuth's clients send it. */
export const form = (client: Client, target: string, fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  client.call('POST', target, new URLSearchParams(fields).toString(), { headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } })
