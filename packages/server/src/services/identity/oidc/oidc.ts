// The port over identity tokens and the provider, filled.

import type { OidcPort } from '../../../kernel/ports/oidc.ts'
import { authorize } from './authorize.ts'
import { makeClients } from './clients.ts'
import { makeAssignments, makeProviders, makeScopes, providerKeys } from './directory.ts'
import { exchange } from './exchange.ts'
import { issuerOf, setIssuer, tokenIssuer } from './issuers.ts'
import { makeKeys, rotate } from './keys.ts'
import type { OidcPorts } from './store.ts'
import { userInfo } from './user-info.ts'
import { introspect, issueToken, makeRoles, publicKeys } from './workload.ts'

export const makeOidc = (ports: OidcPorts): OidcPort => ({
  issuer: (orgId) => issuerOf(ports.view(orgId)),
  effectiveIssuer: (orgId) => tokenIssuer(ports, orgId),
  setIssuer: (grant, call, issuer) => setIssuer(ports, grant, call, issuer),
  keys: makeKeys(ports),
  rotate: (grant, call, name, verificationTtl) => rotate(ports, grant, call, name, verificationTtl),
  roles: makeRoles(ports),
  assignments: makeAssignments(ports),
  scopes: makeScopes(ports),
  clients: makeClients(ports),
  providers: makeProviders(ports),
  token: (grant, call, role) => issueToken(ports, grant, call, role),
  introspect: (grant, call, token, clientId) => introspect(ports, grant, call, token, clientId),
  publicKeys: (orgId) => publicKeys(ports, orgId),
  providerKeys: (orgId, provider) => providerKeys(ports, orgId, provider),
  authorize: (grant, call, request) => authorize(ports, grant, call, request),
  exchange: (call, request) => exchange(ports, call, request),
  userInfo: (call, provider, accessToken) => userInfo(ports, call, provider, accessToken),
})
