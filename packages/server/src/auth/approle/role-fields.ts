// One setting of a role at a path of its own: `role/<name>/token-ttl` and its like, each read, written and set back to its
// default. They are one table, so that none can behave otherwise than the rest.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { applyTokenFields, checkCidrs, cidrs, noTokenSettings, policyNames, seconds } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { f, type FieldBuilder, type Fields } from '../../kernel/fields.ts'
import { operation, type Implemented, type Operation } from '../../kernel/operation.ts'
import { errors, roleName, tag, uses } from './operations.ts'
import { findRole, type Role } from './records.ts'
import { approleBook, checkConstraints, noRole } from './roles.ts'

interface Setting<T> {
  /** The last segment of its path. */
  readonly path: string
  readonly field: FieldBuilder<T>
  /** Names under which it comes and goes; the first is its own. */
  readonly names: readonly string[]
  read(role: Role): T
  /** Absent: cannot be written. */
  readonly write?: (role: Role, value: T) => Role
  readonly fallback: T
}

const token = (role: Role, input: Parameters<typeof applyTokenFields>[1]): Role => ({ ...role, token: applyTokenFields(role.token, input) })
const boundCidrs = (role: Role, ranges: readonly string[]): Role => ({ ...role, secretIdBoundCidrs: checkCidrs('secret_id_bound_cidrs', ranges) })
const none = noTokenSettings

const setting = <T>(entry: Setting<T>): Setting<unknown> => entry as unknown as Setting<unknown> // each entry is checked against its own T here

export const roleSettings: readonly Setting<unknown>[] = [
  setting({ path: 'policies', field: policyNames('Policies'), names: ['tokenPolicies', 'policies'], read: (role) => role.token.policies, write: (role, tokenPolicies) => token(role, { tokenPolicies }), fallback: none.policies }),
  setting({ path: 'token-bound-cidrs', field: cidrs('Address ranges'), names: ['tokenBoundCidrs'], read: (role) => role.token.boundCidrs, write: (role, tokenBoundCidrs) => token(role, { tokenBoundCidrs }), fallback: none.boundCidrs }),
  setting({ path: 'token-ttl', field: seconds('Life'), names: ['tokenTtl'], read: (role) => role.token.ttlSeconds, write: (role, tokenTtl) => token(role, { tokenTtl }), fallback: 0 }),
  setting({ path: 'token-max-ttl', field: seconds('Longest life'), names: ['tokenMaxTtl'], read: (role) => role.token.maxTtlSeconds, write: (role, tokenMaxTtl) => token(role, { tokenMaxTtl }), fallback: 0 }),
  setting({ path: 'token-num-uses', field: uses('Uses of a token'), names: ['tokenNumUses'], read: (role) => role.token.numUses, write: (role, tokenNumUses) => token(role, { tokenNumUses }), fallback: 0 }),
  setting({ path: 'period', field: seconds('Period'), names: ['tokenPeriod', 'period'], read: (role) => role.token.periodSeconds, write: (role, tokenPeriod) => token(role, { tokenPeriod }), fallback: 0 }),
  setting({ path: 'bind-secret-id', field: f.bool('Whether a login needs a secret id'), names: ['bindSecretId'], read: (role) => role.bindSecretId, write: (role, bindSecretId) => ({ ...role, bindSecretId }), fallback: true }),
  setting({ path: 'secret-id-bound-cidrs', field: cidrs('Address ranges'), names: ['secretIdBoundCidrs'], read: (role) => role.secretIdBoundCidrs, write: boundCidrs, fallback: [] }),
  setting({ path: 'bound-cidr-list', field: cidrs('Address ranges'), names: ['boundCidrList'], read: (role) => role.secretIdBoundCidrs, write: boundCidrs, fallback: [] }),
  setting({ path: 'secret-id-num-uses', field: uses('Uses of a secret id'), names: ['secretIdNumUses'], read: (role) => role.secretIdNumUses, write: (role, secretIdNumUses) => ({ ...role, secretIdNumUses }), fallback: 0 }),
  setting({ path: 'secret-id-ttl', field: seconds('Life of a secret id'), names: ['secretIdTtl'], read: (role) => role.secretIdTtlSeconds, write: (role, secretIdTtlSeconds) => ({ ...role, secretIdTtlSeconds }), fallback: 0 }),
  setting({ path: 'local-secret-ids', field: f.bool('Kept and shown'), names: ['localSecretIds'], read: (role) => role.localSecretIds, fallback: false }),
]

const camel = (path: string): string => path.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase())

const contracts = ({ path, field, names, write }: Setting<unknown>): { readonly read: Operation; readonly write: Operation | undefined; readonly clear: Operation | undefined } => {
  const common = { path: `/role/:role/${path}`, tag, access: 'policy', errors } as const
  const input: Fields = Object.fromEntries(names.map((name) => [name, field.optional()]))
  const output: Fields = Object.fromEntries(names.map((name) => [name, field]))
  return {
    read: operation({ ...common, id: `approle.read${camel(path)}`, method: 'GET', audit: 'auth.role-read', work: 'read', summary: `Read ${path} of a role`, input: { role: roleName }, output }),
    write: write && operation({ ...common, id: `approle.write${camel(path)}`, method: 'POST', audit: 'auth.role-write', work: 'write', status: 204, summary: `Set ${path} of a role`, input: { role: roleName, ...input }, output: {} }),
    clear: write && operation({ ...common, id: `approle.clear${camel(path)}`, method: 'DELETE', audit: 'auth.role-write', work: 'write', status: 204, summary: `Set ${path} of a role back to its default`, input: { role: roleName }, output: {} }),
  }
}

export const roleSettingContracts: readonly Operation[] = roleSettings.flatMap((each) => Object.values(contracts(each)).filter((contract) => contract !== undefined))

const implementSetting = (parts: AuthParts, each: Setting<unknown>): readonly Implemented[] => {
  const { read, write, clear } = contracts(each)
  const book = approleBook(parts)
  const nameOf = (input: Readonly<Record<string, unknown>>): string => String(input['role']) // a required text of the contract
  const done: Implemented[] = [{
    operation: read,
    async handle(input, call) {
      authorised(call, 'read', `role/${nameOf(input)}/${each.path}`)
      const found = await findRole(parts.store(call), nameOf(input))
      if (found === undefined) throw noRole()
      return Object.fromEntries(each.names.map((name) => [name, each.read(found.value)]))
    },
  }]
  const { write: apply } = each
  if (apply === undefined || write === undefined || clear === undefined) return done
  done.push({
    operation: write,
    async handle(input, call) {
      authorised(call, 'update', `role/${nameOf(input)}/${each.path}`)
      const value = each.names.map((name) => input[name]).find((given) => given !== undefined)
      if (value === undefined) throw fail('invalid_request', 'approle.missing', `missing ${each.path.replaceAll('-', '_')}`, { field: each.path.replaceAll('-', '_') })
      return book.change(nameOf(input), call, (role) => checkConstraints(apply(role, value)))
    },
  }, {
    operation: clear,
    async handle(input, call) {
      authorised(call, 'delete', `role/${nameOf(input)}/${each.path}`)
      return book.change(nameOf(input), call, (role) => checkConstraints(apply(role, each.fallback)))
    },
  })
  return done
}

export const roleSettingOperations = (parts: AuthParts): readonly Implemented[] => roleSettings.flatMap((each) => implementSetting(parts, each))
