// sys/policies/password: how passwords are to be made, by name, for what makes them.

import type { Secret } from '../../crypto/secret.ts'
import type { Action, Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'
import type { SealedState } from '../../kernel/ports/tokens.ts'

export interface PasswordPoliciesPort {
  readonly state: SealedState
  /** @throws invalid_request for a text that is no password policy */
  check(text: string): void
  /** A new password. @throws invalid_request */
  generate(text: string): Secret<string>
}

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const name = f.text('Name of the policy', { max: 512, min: 1 })
const policy = f.text('The policy in HCL or JSON, as it is or in base64', { max: 64 * 1024 })
const common = { tag, access: 'policy', errors } as const

export const listPasswordPolicies = operation({ ...common, work: 'list', id: 'system.listPasswordPolicies', method: 'LIST', path: '/v1/sys/policies/password', audit: 'password-policy.list', summary: 'List password policies', input: {}, output: { keys: f.list('Names', name, { max: 100_000 }) } })
export const readPasswordPolicy = operation({ ...common, work: 'read', id: 'system.readPasswordPolicy', method: 'GET', path: '/v1/sys/policies/password/:name', audit: 'password-policy.read', summary: 'Read a password policy', input: { name }, output: { policy } })
export const writePasswordPolicy = operation({ ...common, work: 'write', status: 204, id: 'system.writePasswordPolicy', method: 'POST', path: '/v1/sys/policies/password/:name', audit: 'password-policy.write', summary: 'Write a password policy', input: { name, policy: policy.default('') }, output: {} })
export const deletePasswordPolicy = operation({ ...common, work: 'write', status: 204, id: 'system.deletePasswordPolicy', method: 'DELETE', path: '/v1/sys/policies/password/:name', audit: 'password-policy.delete', summary: 'Delete a password policy', input: { name }, output: {} })
export const generatePassword = operation({ ...common, work: 'read', id: 'system.generatePassword', method: 'GET', path: '/v1/sys/policies/password/:name/generate', audit: 'password-policy.generate', summary: 'Make a password as a policy says', input: { name }, output: { password: f.secret('The password', { max: 400 }) } })

const ask = (call: Call, action: Action, rest: string): Grant => call.authorise(action, { kind: 'policy', apiPath: `sys/policies/password/${rest}` })

/** A text that is base64 as a whole is taken for the encoded policy, as in Vault: no policy is itself base64. */
const decoded = (given: string): string => {
  const bytes = Buffer.from(given, 'base64')
  return bytes.toString('base64') === given ? bytes.toString('utf8') : given
}

export const passwordPolicyOperations = ({ state, check, generate }: PasswordPoliciesPort): readonly Implemented[] => {
  const find = async (call: Call, wanted: string): Promise<string> => {
    const found = await state.get(call.orgId, wanted)
    if (typeof found !== 'string') throw fail('not_found', 'password_policy.not_found', 'policy does not exist')
    return found
  }
  return implement(
    { listPasswordPolicies, readPasswordPolicy, writePasswordPolicy, deletePasswordPolicy, generatePassword },
    {
      async listPasswordPolicies(_input, call) {
        ask(call, 'list', '')
        const keys = await state.names(call.orgId, '')
        if (keys.length === 0) throw fail('not_found', 'password_policy.none', 'There are no password policies.')
        return { keys }
      },
      async readPasswordPolicy(input, call) {
        ask(call, 'read', input.name)
        return { policy: await find(call, input.name) }
      },
      async writePasswordPolicy(input, call) {
        const grant = ask(call, 'update', input.name)
        if (input.policy === '') throw fail('invalid_request', 'password_policy.missing', 'missing policy', { field: 'policy' })
        const text = decoded(input.policy)
        check(text)
        await state.put(grant, call, input.name, text)
        return {}
      },
      async deletePasswordPolicy(input, call) {
        await state.delete(ask(call, 'delete', input.name), call, input.name)
        return {}
      },
      async generatePassword(input, call) {
        ask(call, 'read', `${input.name}/generate`)
        return { password: generate(await find(call, input.name)) }
      },
    },
  )
}
