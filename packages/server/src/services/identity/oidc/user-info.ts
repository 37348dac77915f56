// The UserInfo endpoint: what there is to say now of whoever an access token is about, to whoever holds it.

import type { Call } from '../../../kernel/call.ts'
import type { AccessToken } from '../../../kernel/ports/oidc.ts'
import { findClient } from './clients.ts'
import { findProvider } from './directory.ts'
import { refuseUserInfo } from './failures.ts'
import { findAccess } from './grants.ts'
import { allows } from './keys.ts'
import { isAssigned, scopeClaims } from './members.ts'
import type { OidcPorts } from './store.ts'
import { findSubject } from './subjects.ts'

export const userInfo = async (ports: OidcPorts, call: Call, providerName: string, { text, isBearer }: AccessToken): Promise<Readonly<Record<string, unknown>>> => {
  const { orgId } = call
  const access = await findAccess(ports, orgId, text)
  if (text !== '' && !isBearer) throw refuseUserInfo(call, 'invalid_token', 'access token must be sent as a Bearer token')
  // It is good for the provider that issued it, and for nothing else.
  if (access === undefined || access.provider !== providerName) throw refuseUserInfo(call, 'invalid_token', 'permission denied')
  call.audit.resourceId = access.principalId
  const provider = await findProvider(ports, orgId, providerName)
  if (provider === undefined) throw refuseUserInfo(call, 'invalid_request', 'provider not found')
  const client = await findClient(ports.view(orgId), access.clientId)
  if (client === undefined) throw refuseUserInfo(call, 'access_denied', 'client not found')
  const subject = await findSubject(ports, orgId, access.principalId)
  if (subject === undefined || subject.entity.disabled) throw refuseUserInfo(call, 'invalid_token', 'permission denied')
  if (!(await isAssigned(ports, orgId, subject, client))) throw refuseUserInfo(call, 'access_denied', 'identity entity not authorized by client assignment')
  if (!allows(provider, client.clientId)) throw refuseUserInfo(call, 'access_denied', 'client is not authorized to use the provider')
  const names = access.scopes.filter((name) => provider.scopesSupported.includes(name))
  const claims = await scopeClaims(ports, orgId, subject, { names, conflicting: (message) => refuseUserInfo(call, 'invalid_request', message) })
  return Object.fromEntries([...claims, ['sub', access.principalId]])
}
