// The UserInfo endpoint: what there is to say now of whoever an access token is about, to whoever holds it.

import type { Call } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import { findClient } from './clients.ts'
import { findProvider } from './directory.ts'
import { refuseUserInfo } from './failures.ts'
import { findAccess } from './grants.ts'
import { allows } from './keys.ts'
import { isAssigned, scopeClaims } from './members.ts'
import type { OidcPorts } from './store.ts'
import { findSubject } from './subjects.ts'

export const userInfo = async (ports: OidcPorts, call: Call, providerName: string, accessToken: string): Promise<Readonly<Record<string, unknown>>> => {
  const { orgId } = call
  const access = await findAccess(ports, orgId, accessToken)
  if (access === undefined) {
    call.tell?.(['www-authenticate', 'Bearer error="invalid_token"'])
    throw fail('unauthenticated', 'token.invalid', 'The token is missing, unknown, expired or revoked. Log in and try again.')
  }
  call.audit.resourceId = access.principalId
  // It is good for the provider that issued it, and for nothing else.
  if (access.provider !== providerName) throw fail('permission_denied', 'policy.denied', 'The access token is of another provider.')
  const provider = await findProvider(ports, orgId, providerName)
  if (provider === undefined) throw refuseUserInfo(call, 'invalid_request', 'provider not found')
  const client = await findClient(ports.view(orgId), access.clientId)
  if (client === undefined) throw refuseUserInfo(call, 'access_denied', 'client not found')
  const subject = await findSubject(ports, orgId, access.principalId)
  if (subject === undefined) throw refuseUserInfo(call, 'access_denied', 'identity entity associated with the request not found')
  if (!(await isAssigned(ports, orgId, subject, client))) throw refuseUserInfo(call, 'access_denied', 'identity entity not authorized by client assignment')
  if (!allows(provider, client.clientId)) throw refuseUserInfo(call, 'access_denied', 'client is not authorized to use the provider')
  const names = access.scopes.filter((name) => provider.scopesSupported.includes(name))
  const claims = await scopeClaims(ports, orgId, subject, { names, conflicting: (message) => refuseUserInfo(call, 'invalid_request', message) })
  return Object.fromEntries([...claims, ['sub', access.principalId]])
}
