// The login with an identity token of Azure: signature, issuer, audience and times, then what the role wants, all from signed claims.

import { login as loginOf, type AuthParts, type Login } from '../../kernel/auth/method.ts'
import { markOf, roleKey, roleOfLogin } from '../../kernel/auth/roles.ts'
import { fail } from '../../kernel/errors.ts'
import { JwsError } from '../../crypto/jws.ts'
import { reveal } from '../../crypto/secret.ts'
import { audiencesOf, checkTimes, ClaimError, claimOf } from '../../lib/jwt-claims.ts'
import type { JsonObject, JsonValue } from '../../lib/json.ts'
import { login } from './operations.ts'
import { CONFIG, configs, environments, roles, type Config, type Role } from './records.ts'
import { checkResource, type Claimed } from './resource.ts'

const LEEWAYS = { expirationSeconds: -1, notBeforeSeconds: -1, clockSkewSeconds: -1 }

const refused = (message: string, cause?: unknown): Error => fail('invalid_request', 'azure.login', message, { cause })

const environmentOf = ({ environment }: Config): { readonly authority: string; readonly issuer: string } => Object.entries(environments).find(([name]) => name === environment.toLowerCase())?.[1] ?? environments.azurepubliccloud

const isAll = (list: readonly string[]): boolean => list.length === 1 && list[0] === '*'

const groupsOf = (claims: JsonObject): readonly string[] => {
  const value = claimOf(claims, 'groups')
  return Array.isArray(value) ? (value as readonly JsonValue[]).filter((each) => typeof each === 'string' && each !== '').map(String) : []
}

const checkHolder = (role: Role, objectId: string, groups: readonly string[]): void => {
  const { principals, groups: bound } = role
  if ((isAll(principals) && isAll(bound)) || (principals.length === 0 && bound.length === 0)) throw new ClaimError("expected specific bound_group_ids or bound_service_principal_ids; both cannot be empty or '*'")
  if (principals.length > 0 && !isAll(principals) && !principals.includes(objectId)) throw new ClaimError(`service principal not authorized: ${objectId}`)
  if (bound.length > 0 && !isAll(bound) && !groups.some((each) => bound.includes(each))) throw new ClaimError('groups not authorized')
}

const text = (claims: JsonObject, name: string): string => {
  const value = claimOf(claims, name)
  return typeof value === 'string' && value.length <= 512 ? value : ''
}

const checkToken = (config: Config, claims: JsonObject, nowSeconds: number): void => {
  if (typeof claimOf(claims, 'exp') !== 'number') throw new ClaimError('it does not say when it expires')
  checkTimes(claims, nowSeconds, LEEWAYS)
  const issuer = config.issuer === '' ? `${environmentOf(config).issuer}/${config.tenantId}/` : config.issuer
  if (claimOf(claims, 'iss') !== issuer) throw new ClaimError(`it was issued by another than ${issuer}`)
  if (!audiencesOf(claims).includes(config.resource)) throw new ClaimError(`expected audience ${JSON.stringify(config.resource)}`)
}

const shownMetadata = (role: Role, claimed: Claimed, appId: string): Readonly<Record<string, string>> => ({
  role: role.name, resource_group_name: claimed.resourceGroup, subscription_id: claimed.subscriptionId,
  ...(claimed.vmName === '' || claimed.scaleSet !== '' ? {} : { vm_name: claimed.vmName }),
  // The name of a flexible scale set is not proved.
  ...(claimed.scaleSet === '' || role.scaleSets.length === 0 ? {} : { vmss_name: claimed.scaleSet }),
  ...(claimed.resourceId === '' || claimed.vmName !== '' || claimed.scaleSet !== '' ? {} : { resource_id: claimed.resourceId }),
  ...(appId === '' ? {} : { app_id: appId }),
})

export const azureLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => input.role,
    async verify(input, call) {
      const token = input.jwt === undefined ? '' : reveal(input.jwt, 'to be verified')
      if (token === '') throw refused('jwt is required')
      const wanted = roleKey(input.role ?? '')
      if (wanted === '') throw refused('role is required')
      const store = parts.store(call)
      const role = await roleOfLogin(roles, store, wanted)
      if (role === undefined) throw refused(`invalid role name ${JSON.stringify(wanted.slice(0, 64))}`)
      const config = (await configs.get(store, CONFIG))?.value
      if (config === undefined) throw refused('could not load backend configuration')
      const claimed: Claimed = { subscriptionId: input.subscriptionId ?? '', resourceGroup: input.resourceGroupName ?? '', vmName: input.vmName ?? '', scaleSet: input.vmssName ?? '', resourceId: input.resourceId ?? '' }
      const url = config.jwksUrl === '' ? `${environmentOf(config).authority}/${config.tenantId}/discovery/keys` : config.jwksUrl
      try {
        const { claims } = await parts.signedTokens.verify(token, { kind: 'jwks', url, caPem: config.jwksCaPem === '' ? undefined : config.jwksCaPem }, ['RS256'])
        checkToken(config, claims, call.now() / 1000)
        const objectId = text(claims, 'oid')
        if (objectId === '') throw new ClaimError('it names no object id')
        const groups = groupsOf(claims)
        checkHolder(role, objectId, groups)
        checkResource(role, claims, claimed)
        const metadata = shownMetadata(role, claimed, text(claims, 'appid'))
        const { role: _role, ...aliasMetadata } = metadata
        return { alias: objectId, displayName: objectId, kind: 'workload', metadata, aliasMetadata, groups, token: role.token, role: markOf(roles, role) }
      } catch (error) {
        if (error instanceof JwsError || error instanceof ClaimError) throw refused(`the token is refused: ${error.message}`, error)
        throw error
      }
    },
  })
