// The login of a service account or an instance of Google Cloud, from what its token proves.

import { login as loginOf, type AuthParts, type Login } from '../../kernel/auth/method.ts'
import { markOf, roleKey, roleOfLogin } from '../../kernel/auth/roles.ts'
import { fail } from '../../kernel/errors.ts'
import { JwsError } from '../../crypto/jws.ts'
import { reveal } from '../../crypto/secret.ts'
import { audiencesOf, checkTimes, ClaimError, claimOf } from '../../lib/jwt-claims.ts'
import { holderOf, type Holder } from './holder.ts'
import { login } from './operations.ts'
import { CONFIG, configs, defaultConfig, roles, type Config, type Role } from './records.ts'

const TOLERANCE_SECONDS = 60
const MOST_SECONDS = 3600

const refused = (message: string, cause?: unknown): Error => fail('invalid_request', 'gcp.login', message, { cause })

const checkToken = ({ claims, instance }: Holder, role: Role, roleName: string, nowSeconds: number): void => {
  const expires = claimOf(claims, 'exp')
  if (typeof expires !== 'number' || expires < nowSeconds - TOLERANCE_SECONDS) throw new ClaimError("JWT is expired or does not have proper 'exp' claim")
  checkTimes(claims, nowSeconds, { expirationSeconds: -1, notBeforeSeconds: -1, clockSkewSeconds: TOLERANCE_SECONDS })
  if (expires - nowSeconds > MOST_SECONDS + TOLERANCE_SECONDS) throw new ClaimError(`JWT must expire in ${MOST_SECONDS / 60} minutes`)
  if (role.type === 'iam' && instance === undefined && expires > nowSeconds + role.maxJwtExpSeconds) throw new ClaimError(`role requires that service account JWTs expire within ${role.maxJwtExpSeconds} seconds`)
  const wanted = `vault/${roleName}`
  const audiences = audiencesOf(claims)
  if (audiences.length === 0 || !audiences.every((each) => each === wanted || each.endsWith(`/${wanted}`))) throw new ClaimError(`at least one of the JWT claim 'aud' must end in ${JSON.stringify(wanted)}`)
}

const checkAccount = (role: Role, holder: Holder): void => {
  if (role.projects.length > 0 && (holder.project === '' || !role.projects.includes(holder.project))) throw new ClaimError(`${holder.instance === undefined ? `service account ${JSON.stringify(holder.email || holder.uniqueId)}` : `instance ${JSON.stringify(holder.instance.id)} (project ${JSON.stringify(holder.project)})`} not in bound projects`)
  if (role.accounts.length === 0 || (role.accounts.length === 1 && role.accounts[0] === '*')) return
  if (![holder.email, holder.uniqueId].some((each) => each !== '' && role.accounts.includes(each))) throw new ClaimError(`service account ${holder.email} (id: ${holder.uniqueId}) is not authorized for role`)
}

/** @throws ClaimError for an instance that the role does not want */
const checkInstance = (role: Role, holder: Holder): void => {
  const { instance } = holder
  if (role.type === 'iam') {
    if (instance !== undefined && !role.allowGceInference) throw new ClaimError(`Got GCE token but IAM role ${JSON.stringify(role.name)} does not allow GCE inference`)
    return
  }
  if (instance === undefined) throw new ClaimError('expected JWT to have claims with GCE metadata')
  const region = instance.zone.replace(/-[a-z]$/, '')
  if (role.zones.length > 0 && !role.zones.includes(instance.zone)) throw new ClaimError('instance not in bound zones')
  // As in Vault: zones count when both are bound.
  if (role.zones.length === 0 && role.regions.length > 0 && !role.regions.includes(region)) throw new ClaimError('instance not in bound regions')
}

const aliasOf = (config: Config, role: Role, holder: Holder): string => {
  if (role.type === 'gce') return config.gceAlias === 'role_id' ? role.uid : (holder.instance?.id ?? '')
  if (config.iamAlias === 'role_id') return role.uid
  if (holder.uniqueId === '') throw new ClaimError('unable to create alias: the token was signed by the account under its address, which does not prove its unique_id; put the id into its sub')
  return holder.uniqueId
}

const metadataOf = (config: Config, role: Role, holder: Holder): Readonly<Record<string, string>> => {
  const { instance } = holder
  const known: Readonly<Record<string, string>> = {
    role: role.name, service_account_id: holder.uniqueId, service_account_email: holder.email, project_id: holder.project,
    ...(instance === undefined ? {} : { project_number: instance.projectNumber, zone: instance.zone, instance_id: instance.id, instance_name: instance.name, instance_creation_timestamp: instance.createdAt }),
  }
  return Object.fromEntries((role.type === 'gce' ? config.gceMetadata : config.iamMetadata).flatMap((name) => (Object.hasOwn(known, name) ? [[name, known[name] ?? '']] : [])))
}

export const gcpLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => input.role,
    async verify(input, call) {
      const token = input.jwt === undefined ? '' : reveal(input.jwt, 'to be verified')
      const roleName = input.role ?? ''
      if (roleName === '') throw refused('role is required')
      const store = parts.store(call)
      const role = await roleOfLogin(roles, store, roleKey(roleName))
      if (role === undefined) throw refused(`role ${JSON.stringify(roleName.slice(0, 64))} not found`)
      if (token === '') throw refused('jwt argument is required')
      const config = (await configs.get(store, CONFIG))?.value ?? defaultConfig
      try {
        const holder = await holderOf(parts, config, role, token)
        checkToken(holder, role, roleName, call.now() / 1000)
        checkInstance(role, holder)
        checkAccount(role, holder)
        const metadata = metadataOf(config, role, holder)
        const displayName = role.type === 'gce' ? (holder.instance?.name ?? '') : holder.email || holder.uniqueId
        return { alias: aliasOf(config, role, holder), displayName, kind: 'workload', metadata, groups: role.addGroupAliases && holder.project !== '' ? [`project-${holder.project}`] : [], token: role.token, role: markOf(roles, role) }
      } catch (error) {
        if (error instanceof JwsError) throw refused(`unable to get public key for signed JWT, or it does not verify: ${error.message}`, error)
        if (error instanceof ClaimError) throw refused(error.message, error)
        throw error
      }
    },
  })
