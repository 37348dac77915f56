// The login with a signed token: signature, times, claims, in this order, so that nothing of an unsigned token is believed.

import { login as loginOf, type AuthParts, type Login } from '../../kernel/auth/method.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { JwsError } from '../../crypto/jws.ts'
import { reveal } from '../../crypto/secret.ts'
import { checkTimes, ClaimError } from '../../lib/jwt-claims.ts'
import { checkClaims, groupsOf, metadataOf, userOf } from './claims.ts'
import { login } from './operations.ts'
import { markOf, roleKey, roleOfLogin } from '../../kernel/auth/roles.ts'
import { CONFIG, configs, roles, type Config, type Role } from './records.ts'

/** Of keys that are fetched: an issuer that takes one back is believed as soon. */
const FETCHED_MS = 60_000

const refused = (message: string, cause?: unknown): Error => fail('invalid_request', 'jwt.login', message, { cause })

/** What is wrong with a token is the caller's fault, and says which rule it broke; anything else is not. */
const explained = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (error instanceof JwsError) throw refused(`error verifying token signature: ${error.message}`, error)
    if (error instanceof ClaimError) throw refused(`error validating token: ${error.message}`, error)
    throw error
  }
}

const find = async (parts: AuthParts, call: Call, name: string | undefined): Promise<{ readonly config: Config; readonly role: Role }> => {
  const store = parts.remembered(call)
  const config = (await configs.get(store, CONFIG))?.value
  if (config === undefined) throw refused('could not load configuration')
  const wanted = roleKey(name ?? '') || config.defaultRole
  if (wanted === '') throw refused('missing role')
  const role = await roleOfLogin(roles, store, wanted)
  if (role === undefined) throw refused(`role ${JSON.stringify(wanted.slice(0, 64))} could not be found`)
  if (role.type === 'oidc') throw refused('role with oidc role_type is not allowed')
  return { config, role }
}

export const jwtLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => input.role,
    credentialOf: ({ role = '', jwt }) => (jwt === undefined ? undefined : `${role.length} ${role}${reveal(jwt, 'to be found by its digest')}`),
    async verify(input, call) {
      const token = input.jwt === undefined ? '' : reveal(input.jwt, 'to be verified')
      if (token === '') throw refused('missing token')
      const { config, role } = await find(parts, call, input.role)
      return explained(async () => {
        const { claims, issuer } = await parts.signedTokens.verify(token, config.source, config.algorithms)
        const now = call.now() / 1000
        const end = checkTimes(claims, now, { expirationSeconds: role.expirationLeeway, notBeforeSeconds: role.notBeforeLeeway, clockSkewSeconds: role.clockSkewLeeway })
        checkClaims(role, claims, { wanted: config.boundIssuer, discovered: issuer }, now)
        const user = userOf(role, claims)
        // How long ago somebody was authenticated is asked anew each time.
        const holds = role.maxAgeSeconds === 0 ? { holds: { untilMs: config.source.kind === 'pem' ? end * 1000 : Math.min(end * 1000, call.now() + FETCHED_MS), within: [] } } : {}
        return { alias: user, displayName: user, kind: 'workload', metadata: metadataOf(role, claims), groups: groupsOf(role, claims), token: role.token, role: markOf(roles, role), ...holds }
      })
    },
  })
