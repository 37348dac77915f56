// Under which address tokens are issued.

import type { Call, Grant } from '../../../kernel/call.ts'
import type { SealedView } from '../../../kernel/ports/sealed-store.ts'
import { CONFIG } from './records.ts'
import { bad, change, type OidcPorts } from './store.ts'

/** Said when an issuer is set, as Vault does. */
export const ISSUER_WARNING = 'If "issuer" is set explicitly, all tokens must be validated against that address, including those issued by secondary clusters. Setting issuer to "" will restore the default behavior of using the cluster\'s api_addr as the issuer.'

/** Scheme, host and port, and nothing more. @throws invalid_request in Vault's words */
export const checkIssuer = (issuer: string): string => {
  const isOrigin = /^https?:\/\/(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,255})(:\d{1,5})?$/.test(issuer) && URL.canParse(issuer)
  if (issuer !== '' && !isOrigin) throw bad('issuer', 'invalid issuer, which must include only a scheme, host, and optional port (e.g. https://example.com:8200)', 'issuer')
  return issuer
}

export const issuerOf = async (view: SealedView): Promise<string> => {
  const value = (await view.get(CONFIG))?.value
  return value !== null && typeof value === 'object' && 'issuer' in value && typeof value.issuer === 'string' ? value.issuer : ''
}

export const effective = async (ports: OidcPorts, orgId: string, issuer: string, path: string): Promise<string> => `${issuer === '' ? ports.address : issuer}/v1/${await ports.namespaceOf(orgId)}${path}`

export const tokenIssuer = async (ports: OidcPorts, orgId: string): Promise<string> => effective(ports, orgId, await issuerOf(ports.view(orgId)), 'identity/oidc')

export const setIssuer = async (ports: OidcPorts, grant: Grant, call: Call, issuer: string): Promise<readonly string[]> => {
  checkIssuer(issuer)
  call.says(issuer !== '')
  await change(ports, grant, call, ({ view }) => view.put(CONFIG, { issuer }))
  return issuer === '' ? [] : [ISSUER_WARNING]
}

export const namespaceIdOf = async (ports: OidcPorts, orgId: string): Promise<string> => (orgId === ports.rootOrgId ? 'root' : ((await ports.directory.shortIdOf(orgId)) ?? ''))
