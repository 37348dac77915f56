// The login of a role: its role id, and, unless the role says otherwise, a secret id, whose uses are counted exactly.

import { INVALID_CREDENTIALS, login as loginOf, type AuthParts, type Login, type LoginVerdict } from '../../kernel/auth/method.ts'
import type { Call } from '../../kernel/call.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import type { SealedStore, SealedView } from '../../kernel/ports/sealed-store.ts'
import { anyCidrContains, parseCidr } from '../../lib/cidr.ts'
import { reveal } from '../../crypto/secret.ts'
import { login } from './operations.ts'
import { markOf, roleKey } from '../../kernel/auth/roles.ts'
import { accessors, dropSecretId, indexKey, macOf, roleIds, roles, secretIds, type Role, type SecretId } from './records.ts'

/** Others that may take a use of the same secret id at the same moment. */
const ATTEMPTS = 200

const wrong = (): Error => fail('invalid_request', INVALID_CREDENTIALS, 'invalid role or secret ID')
const missing = (field: string): Error => fail('invalid_request', 'approle.missing', `missing ${field}`, { field })

const requireAddress = (call: Call, allowed: readonly string[], where: string): void => {
  if (allowed.length === 0) return
  const ranges = allowed.map(parseCidr).filter((range) => range !== undefined)
  if (call.sourceIp === undefined || !anyCidrContains(ranges, call.sourceIp)) throw fail('invalid_request', 'approle.address', `source address ${JSON.stringify(call.sourceIp ?? '')} unauthorized through CIDR restrictions on the ${where}`)
}

const roleOf = async (store: Pick<SealedView, 'get'>, roleId: string): Promise<Role | undefined> => {
  const index = (await roleIds.get(store, indexKey(roleId)))?.value
  const role = index === undefined ? undefined : (await roles.get(store, roleKey(index.name)))?.value
  // The index may be older than the role when a role id is being changed.
  return role?.roleId === roleId ? role : undefined
}

/** A secret id of unlimited uses, as this worker remembers it. Undefined: it is to be looked at, and counted, in the database. */
const unlimited = async (remembered: Pick<SealedView, 'get'>, call: Call, role: Role, mac: string): Promise<SecretId | undefined> => {
  const found = (await secretIds(role.uid).get(remembered, mac))?.value
  if (found === undefined || found.numUses !== 0 || (found.expiresAt !== 0 && found.expiresAt <= call.now())) return undefined
  requireAddress(call, found.cidrList, 'secret ID')
  return found
}

/** Takes one use. The last one takes the secret id with it. @throws when there is none to take */
const takeUse = async (store: SealedStore, call: Call, role: Role, mac: string): Promise<SecretId> => {
  const mine = secretIds(role.uid)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const found = await mine.get(store, mac)
    if (found === undefined) throw wrong()
    const { value, version } = found
    if (value.expiresAt !== 0 && value.expiresAt <= call.now()) {
      await dropSecretId(store, role.uid, mac, value.accessor)
      throw wrong()
    }
    requireAddress(call, value.cidrList, 'secret ID')
    if (value.numUses === 0) return value
    try {
      if (value.numUses > 1) await mine.put(store, mac, { ...value, numUses: value.numUses - 1, updatedAt: Math.trunc(call.now()) }, { cas: version })
      else {
        await mine.delete(store, mac, { cas: version })
        await accessors.delete(store, indexKey(value.accessor))
      }
      return value
    } catch (error) {
      if (!isCofferError(error) || error.kind !== 'conflict') throw error
    }
  }
  throw fail('unavailable', 'approle.busy', 'Too many logins with this secret id at once. Try again later.', { retryAfterSeconds: 1 })
}

const verdictOf = (role: Role, used: SecretId | undefined): LoginVerdict => ({
  ...(used === undefined || used.numUses === 0 ? { holds: { untilMs: used === undefined || used.expiresAt === 0 ? Number.POSITIVE_INFINITY : used.expiresAt, within: [role.secretIdBoundCidrs, used?.cidrList ?? []] } } : {}),
  alias: role.roleId,
  displayName: '',
  kind: 'workload',
  metadata: { ...used?.metadata, role_name: role.name },
  role: markOf(roles, role),
  token: used === undefined || used.tokenBoundCidrs.length === 0 ? role.token : { ...role.token, boundCidrs: used.tokenBoundCidrs },
})

export const roleLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => input.roleId?.trim() || undefined,
    credentialOf(input) {
      const roleId = input.roleId?.trim() ?? ''
      return `${roleId.length} ${roleId}${input.secretId === undefined ? '' : reveal(input.secretId, 'to be found by its digest').trim()}`
    },
    async verify(input, call) {
      const roleId = input.roleId?.trim() ?? ''
      if (roleId === '') throw missing('role_id')
      const remembered = parts.remembered(call)
      const role = await roleOf(remembered, roleId)
      if (role === undefined) throw wrong()
      requireAddress(call, role.secretIdBoundCidrs, 'role')
      if (!role.bindSecretId) return verdictOf(role, undefined)
      const secretId = input.secretId === undefined ? '' : reveal(input.secretId, 'to be found by its HMAC').trim()
      if (secretId === '') throw missing('secret_id')
      const mac = macOf(role, secretId)
      return verdictOf(role, (await unlimited(remembered, call, role, mac)) ?? (await takeUse(parts.store(call), call, role, mac)))
    },
  })
