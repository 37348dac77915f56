// Roles, the tokens that they make for whoever calls, and what there is to say of such a token afterwards.

import { JwsError, parseKeySet, verifyJws } from '../../../crypto/jws.ts'
import { makeBase62Text } from '../../../crypto/random.ts'
import { secret } from '../../../crypto/secret.ts'
import { signingAlgorithms } from '../../../crypto/jose/signing.ts'
import type { Call, Grant } from '../../../kernel/call.ts'
import type { IdentityToken, NamedPort, PublishedKeys, RoleView } from '../../../kernel/ports/oidc.ts'
import { JsonError, parseJson, type JsonObject } from '../../../lib/json.ts'
import { namespaceIdOf, tokenIssuer } from './issuers.ts'
import { allows, changeNeeding, keySet, sign } from './keys.ts'
import { DEFAULT, keys, roles, type Role } from './records.ts'
import { bad, change, namesWhere, type OidcPorts } from './store.ts'
import { findSubject } from './subjects.ts'
import { checkTemplate, decodeTemplate, fillTemplate } from './templates.ts'

const DAY = 86_400
const NANOSECONDS = 1_000_000_000

type RoleWishes = Parameters<NamedPort<RoleView, RoleView>['write']>[3]

const write = async (ports: OidcPorts, grant: Grant, call: Call, name: string, wishes: RoleWishes): Promise<readonly string[]> => {
  const keyName = wishes.key ?? (await roles.get(ports.view(call.orgId), name))?.value.key
  await changeNeeding(ports, grant, call, keyName, async ({ view }, furnished) => {
    const before = (await roles.get(view, name))?.value
    const wanted: Role = { key: wishes.key ?? before?.key ?? '', template: decodeTemplate(wishes.template ?? before?.template ?? ''), ttlSeconds: wishes.ttl ?? before?.ttlSeconds ?? DAY, clientId: wishes.clientId ?? before?.clientId ?? '' }
    if (wanted.key === '') throw bad('no_key', 'the key parameter is required', 'key')
    checkTemplate(wanted.template)
    const key = (await keys.get(view, wanted.key))?.value
    if (key === undefined) throw bad('no_key', `cannot find key ${JSON.stringify(wanted.key)}`, 'key')
    if (wanted.ttlSeconds > key.verificationSeconds) throw bad('ttl', "a role's token ttl cannot be longer than the verification_ttl of the key it references", 'ttl')
    await furnished(wanted.key, key)
    await roles.put(view, name, { ...wanted, clientId: wanted.clientId === '' ? makeBase62Text(26) : wanted.clientId })
  })
  return []
}

export const makeRoles = (ports: OidcPorts): NamedPort<RoleView, RoleView> => ({
  async find(orgId, name) {
    const role = (await roles.get(ports.view(orgId), name))?.value
    return role === undefined ? undefined : { key: role.key, template: role.template, ttl: role.ttlSeconds, clientId: role.clientId }
  },
  names: (orgId) => roles.names(ports.view(orgId)),
  write: (grant, call, name, wishes) => write(ports, grant, call, name, wishes),
  async delete(grant, call, name) {
    await change(ports, grant, call, ({ view }) => roles.delete(view, name))
  },
})

/** Whoever calls, in the organization that is asked: root's own tokens act in others and are nobody there. */
export const callerIn = (call: Call): string | undefined => (call.caller?.orgId === call.orgId ? call.caller.principalId : undefined)

export const issueToken = async (ports: OidcPorts, _grant: Grant, call: Call, name: string): Promise<IdentityToken> => {
  const { orgId } = call
  const view = ports.view(orgId)
  const role = (await roles.get(view, name))?.value
  if (role === undefined) throw bad('no_role', `role ${JSON.stringify(name)} not found`)
  const key = (await keys.get(view, role.key))?.value
  if (key === undefined) throw bad('no_key', `key ${JSON.stringify(role.key)} not found`)
  if (!allows(key, role.clientId)) throw bad('client_not_allowed', `the key ${JSON.stringify(role.key)} does not list the client ID of the role ${JSON.stringify(name)} as an allowed client ID`)
  const principalId = callerIn(call)
  const subject = principalId === undefined ? undefined : await findSubject(ports, orgId, principalId)
  if (subject === undefined || subject.entity.disabled) throw bad('no_entity', "no entity associated with the request's token")
  const lifetime = Math.min(role.ttlSeconds, key.verificationSeconds)
  const now = Math.floor(call.now() / 1000)
  const own = { iss: await tokenIssuer(ports, orgId), namespace: await namespaceIdOf(ports, orgId), sub: subject.entity.principalId, aud: role.clientId, exp: now + lifetime, iat: now }
  const token = await sign(ports, orgId, role.key, Object.fromEntries([...fillTemplate(role.template, subject, now), ...Object.entries(own)]))
  if (token === undefined) throw bad('no_key', 'error signing OIDC token: signing key is nil; rotate the key and try again')
  call.audit.resourceId = subject.entity.principalId
  // The number is in nanoseconds, as Vault says it.
  const warnings = role.ttlSeconds > lifetime ? [`a role's token ttl cannot be longer than the verification_ttl of the key it references, setting token ttl to ${lifetime * NANOSECONDS}`] : []
  return { token: secret(token), clientId: role.clientId, ttl: role.ttlSeconds, warnings }
}

/** Of every key that roles sign with. The default one is there from the start, as for mounts of Vault. */
export const publicKeys = async (ports: OidcPorts, orgId: string): Promise<PublishedKeys> => {
  const names = new Set([DEFAULT])
  await namesWhere(roles, ports.view(orgId), ({ key }) => names.add(key) === undefined)
  return keySet(ports, orgId, names)
}

const claimsOf = (payload: Uint8Array): Readonly<Record<string, unknown>> => {
  try {
    const parsed = parseJson(Buffer.from(payload), { maxDepth: 64, maxBytes: 64 * 1024 })
    return parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed) ? (parsed as JsonObject) : {} // an object, as just checked
  } catch (error) {
    if (error instanceof JsonError) return {}
    throw error
  }
}

const INVALID = 'error validating claims: go-jose/go-jose/jwt: validation failed, '

/** Undefined: active; else why not, in Vault's words. */
export const introspect = async (ports: OidcPorts, _grant: Grant, call: Call, token: string, clientId: string): Promise<string | undefined> => {
  const set = await publicKeys(ports, call.orgId)
  let payload: Uint8Array
  try {
    payload = await verifyJws(token, parseKeySet({ keys: set.keys }), signingAlgorithms)
  } catch (error) {
    if (!(error instanceof JwsError)) throw error
    return error.code === 'jws_malformed' ? `error parsing token: ${error.message}` : 'unable to validate the token signature'
  }
  const { iss, aud, exp, sub } = claimsOf(payload)
  if (iss !== (await tokenIssuer(ports, call.orgId))) return `${INVALID}invalid issuer claim (iss)`
  if (clientId !== '' && aud !== clientId) return `${INVALID}invalid audience claim (aud)`
  if (typeof exp !== 'number' || exp * 1000 <= call.now()) return `${INVALID}token is expired (exp)`
  const subject = typeof sub === 'string' ? await findSubject(ports, call.orgId, sub) : undefined
  if (subject === undefined) return 'entity was not found'
  return subject.entity.disabled ? 'entity is disabled' : undefined
}
