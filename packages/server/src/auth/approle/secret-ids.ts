// Secret ids: made or pushed, listed, looked up and destroyed by themselves or by their accessors, and tidied.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { checkCidrs } from '../../kernel/auth/token-settings.ts'
import type { Call } from '../../kernel/call.ts'
import { fail, quote } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import type { SealedView } from '../../kernel/ports/sealed-store.ts'
import { cidrCovers, parseCidr } from '../../lib/cidr.ts'
import { JsonError, parseJson } from '../../lib/json.ts'
import { makeUuidV4 } from '../../crypto/random.ts'
import { reveal, secret, type Secret } from '../../crypto/secret.ts'
import { accessors, dropSecretId, findRole, indexKey, macOf, secretIds, type Role, type SecretId } from './records.ts'
import { noRole } from './roles.ts'
import { deleteAccessor, deleteSecretId, destroyAccessor, destroySecretId, listSecretIds, lookupAccessor, lookupSecretId, makeSecretId, pushSecretId } from './secret-id-operations.ts'

const operations = { makeSecretId, pushSecretId, listSecretIds, lookupSecretId, destroySecretId, deleteSecretId, lookupAccessor, destroyAccessor, deleteAccessor }
type Handled = Handlers<typeof operations>
type Making = Parameters<Handled['makeSecretId']>[0]

const invalid = (field: string, message: string): Error => fail('invalid_request', 'approle.secret_id', message, { field })

const ranges = (texts: readonly string[]) => texts.map(parseCidr).filter((range) => range !== undefined)

/** @throws invalid_request when an address of the secret id is in none of the role's ranges */
const checkSubset = (field: string, inner: readonly string[], outer: readonly string[]): readonly string[] => {
  checkCidrs(field, inner)
  const allowed = ranges(outer)
  if (outer.length > 0 && !ranges(inner).every((range) => allowed.some((wide) => cidrCovers(wide, range)))) throw invalid(field, `failed to verify subset relationship between CIDR blocks on the role and CIDR blocks on the secret ID: ${field}`)
  return inner
}

/** Metadata comes as text: a JSON object of texts. */
const metadataOf = (text: string | undefined): Readonly<Record<string, string>> => {
  if (text === undefined || text === '') return {}
  try {
    const parsed = parseJson(text, { maxDepth: 2, maxBytes: 65_536 })
    if (parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)) {
      const given = Object.entries(parsed)
      const texts = given.flatMap(([key, value]) => (typeof value === 'string' && key.length <= 128 && value.length <= 512 ? [[key, value] as const] : []))
      if (given.length <= 64 && texts.length === given.length) return Object.fromEntries(texts)
    }
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
  }
  throw invalid('metadata', 'failed to parse metadata: it must be a JSON object of up to 64 texts')
}

const usesOf = (role: Role, given: number | undefined): number => {
  if (given === undefined) return role.secretIdNumUses
  if (role.secretIdNumUses > 0 && (given === 0 || given > role.secretIdNumUses)) throw invalid('num_uses', "num_uses cannot be higher than the role's secret_id_num_uses")
  return given
}

const ttlOf = (role: Role, given: number | undefined, most: number): number => {
  if (given !== undefined && role.secretIdTtlSeconds > 0 && (given === 0 || given > role.secretIdTtlSeconds)) throw invalid('ttl', "ttl cannot be longer than the role's secret_id_ttl")
  return Math.min(given ?? role.secretIdTtlSeconds, most)
}

const recordOf = (role: Role, input: Making, facts: { readonly at: number; readonly maxTtlSeconds: number }): SecretId => {
  if (!role.bindSecretId) throw invalid('role_name', 'bind_secret_id is not set on the role')
  const ttlSeconds = ttlOf(role, input.ttl, facts.maxTtlSeconds)
  return {
    v: 1, accessor: makeUuidV4(), numUses: usesOf(role, input.numUses), ttlSeconds, createdAt: facts.at, updatedAt: facts.at, expiresAt: ttlSeconds === 0 ? 0 : facts.at + ttlSeconds * 1000,
    metadata: metadataOf(input.metadata),
    cidrList: checkSubset('cidr_list', input.cidrList ?? [], role.secretIdBoundCidrs),
    tokenBoundCidrs: checkSubset('token_bound_cidrs', input.tokenBoundCidrs ?? [], role.token.boundCidrs),
  }
}

const iso = (ms: number): string => (ms === 0 ? '0001-01-01T00:00:00Z' : new Date(ms).toISOString())

const shown = (found: SecretId) => ({
  cidrList: found.cidrList, creationTime: iso(found.createdAt), expirationTime: iso(found.expiresAt), lastUpdatedTime: iso(found.updatedAt), metadata: found.metadata,
  secretIdAccessor: found.accessor, secretIdNumUses: found.numUses, secretIdTtl: found.ttlSeconds, tokenBoundCidrs: found.tokenBoundCidrs,
})

const unknownRole = (name: string): Error => fail('not_found', 'approle.role_unknown', `role ${quote(name)} does not exist`)

const requireRole = async (view: SealedView, name: string): Promise<Role> => {
  const found = await findRole(view, name)
  if (found === undefined) throw unknownRole(name)
  return found.value
}

const given = (wrapped: Secret<string> | undefined): string => {
  const text = wrapped === undefined ? '' : reveal(wrapped, 'to be found by its HMAC').trim()
  if (text === '') throw invalid('secret_id', 'missing secret_id')
  return text
}

const make = async (parts: AuthParts, call: Call, input: Making, text: string): ReturnType<Handled['makeSecretId']> => {
  const store = parts.store(call)
  const role = await requireRole(store, input.role)
  const mount = call.mount
  const record = recordOf(role, input, { at: Math.trunc(call.now()), maxTtlSeconds: mount === undefined ? 0 : parts.limits(mount).maxTtlSeconds })
  const mac = macOf(role, text)
  await store.change(async (view) => {
    if ((await secretIds(role.uid).get(view, mac)) !== undefined) throw invalid('secret_id', 'SecretID is already registered')
    await secretIds(role.uid).put(view, mac, record, { cas: 0 })
    await accessors.put(view, indexKey(record.accessor), { v: 1, uid: role.uid, mac }, { cas: 0 })
  })
  return { secretId: secret(text), secretIdAccessor: record.accessor, secretIdTtl: record.ttlSeconds, secretIdNumUses: record.numUses }
}

interface Located {
  readonly role: Role
  readonly mac: string
  readonly record: SecretId
}

const bySecretId = async (view: SealedView, roleName: string, text: string): Promise<Located | undefined> => {
  const role = await requireRole(view, roleName)
  const mac = macOf(role, text)
  const found = await secretIds(role.uid).get(view, mac)
  return found === undefined ? undefined : { role, mac, record: found.value }
}

/** @throws not_found also for an accessor of another role */
const byAccessor = async (view: SealedView, roleName: string, accessor: string | undefined): Promise<Located> => {
  if (accessor === undefined || accessor === '') throw invalid('secret_id_accessor', 'missing secret_id_accessor')
  const role = await requireRole(view, roleName)
  const index = (await accessors.get(view, indexKey(accessor)))?.value
  const found = index === undefined || index.uid !== role.uid ? undefined : await secretIds(role.uid).get(view, index.mac)
  if (index === undefined || found === undefined) throw fail('not_found', 'approle.accessor_not_found', 'There is no secret id with this accessor.', { data: { error: `failed to find accessor entry for secret_id_accessor: ${quote(accessor)}` } })
  return { role, mac: index.mac, record: found.value }
}

const destroyer = (parts: AuthParts, action: 'update' | 'delete'): Handled['destroySecretId'] => async (input, call) => {
  authorised(call, action, `role/${input.role}/secret-id/destroy`)
  const text = given(input.secretId)
  await parts.store(call).change(async (view) => {
    const found = await bySecretId(view, input.role, text)
    if (found !== undefined) await dropSecretId(view, found.role.uid, found.mac, found.record.accessor)
  })
  return {}
}

const accessorDestroyer = (parts: AuthParts, action: 'update' | 'delete'): Handled['destroyAccessor'] => async (input, call) => {
  authorised(call, action, `role/${input.role}/secret-id-accessor/destroy`)
  await parts.store(call).change(async (view) => {
    const found = await byAccessor(view, input.role, input.secretIdAccessor)
    await dropSecretId(view, found.role.uid, found.mac, found.record.accessor)
  })
  return {}
}

export const secretIdOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async makeSecretId(input, call) {
      authorised(call, 'update', `role/${input.role}/secret-id`)
      return make(parts, call, input, makeUuidV4())
    },
    async pushSecretId(input, call) {
      authorised(call, 'update', `role/${input.role}/custom-secret-id`)
      return make(parts, call, input, given(input.secretId))
    },
    async listSecretIds(input, call) {
      authorised(call, 'list', `role/${input.role}/secret-id/`)
      const store = parts.store(call)
      if ((await findRole(store, input.role)) === undefined) throw invalid('role_name', unknownRole(input.role).message)
      const mine = secretIds((await requireRole(store, input.role)).uid)
      const keys: string[] = []
      for (const mac of await mine.names(store)) {
        const found = await mine.get(store, mac)
        if (found !== undefined) keys.push(found.value.accessor)
      }
      if (keys.length === 0) throw noRole()
      return { keys }
    },
    async lookupSecretId(input, call) {
      authorised(call, 'update', `role/${input.role}/secret-id/lookup`)
      const found = await bySecretId(parts.store(call), input.role, given(input.secretId))
      if (found === undefined) throw fail('not_found', 'approle.secret_id_not_found', 'There is no such secret id.')
      return shown(found.record)
    },
    destroySecretId: destroyer(parts, 'update'),
    deleteSecretId: destroyer(parts, 'delete'),
    async lookupAccessor(input, call) {
      authorised(call, 'update', `role/${input.role}/secret-id-accessor/lookup`)
      return shown((await byAccessor(parts.store(call), input.role, input.secretIdAccessor)).record)
    },
    destroyAccessor: accessorDestroyer(parts, 'update'),
    deleteAccessor: accessorDestroyer(parts, 'delete'),
  })
