// sys/policies/acl and its former name sys/policy: ACL policies by name, `default` and `root` built in.

import type { Action, Call, Grant } from '../../kernel/call.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'
import type { PoliciesPort } from '../ports.ts'

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const text = (describe: string, max: number) => f.text(describe, { max })
const name = f.text('Name', { max: 512, min: 1 })
const body = text('The policy in HCL or JSON', 512 * 1024)
const names = f.list('Names', text('Name', 512), { max: 100_000 })
const reading = { tag, access: 'policy', work: 'read', errors } as const
const writing = { tag, access: 'policy', work: 'write', status: 204, errors } as const
const wishes = { name, policy: body.optional(), rules: body.optional() }

export const listPolicies = operation({ ...reading, work: 'list', id: 'system.listPolicies', method: 'LIST', path: '/v1/sys/policies/acl', audit: 'policy.list', summary: 'List ACL policies', input: {}, output: { keys: names } })
export const readPolicy = operation({ ...reading, id: 'system.readPolicy', method: 'GET', path: '/v1/sys/policies/acl/:name', audit: 'policy.read', summary: 'Read an ACL policy', input: { name }, output: { name, policy: body } })
export const writePolicy = operation({ ...writing, id: 'system.writePolicy', method: 'POST', path: '/v1/sys/policies/acl/:name', audit: 'policy.write', summary: 'Write an ACL policy', status: 200, input: wishes, output: { warnings: f.list('Warnings', f.text('Warning', { max: 1024 }), { max: 8 }) } })
export const deletePolicy = operation({ ...writing, id: 'system.deletePolicy', method: 'DELETE', path: '/v1/sys/policies/acl/:name', audit: 'policy.delete', summary: 'Delete an ACL policy', input: { name }, output: {} })
export const listOldPolicies = operation({ ...reading, work: 'list', id: 'system.listOldPolicies', method: 'LIST', path: '/v1/sys/policy', audit: 'policy.list', summary: 'List ACL policies', input: {}, output: { keys: names, policies: names } })
export const readOldPolicies = operation({ ...reading, work: 'list', id: 'system.readOldPolicies', method: 'GET', path: '/v1/sys/policy', audit: 'policy.list', summary: 'List ACL policies', input: {}, output: { keys: names, policies: names } })
export const readOldPolicy = operation({ ...reading, id: 'system.readOldPolicy', method: 'GET', path: '/v1/sys/policy/:name', audit: 'policy.read', summary: 'Read an ACL policy', input: { name }, output: { name, rules: body } })
export const writeOldPolicy = operation({ ...writing, id: 'system.writeOldPolicy', method: 'POST', path: '/v1/sys/policy/:name', audit: 'policy.write', summary: 'Write an ACL policy', status: 200, input: wishes, output: { warnings: f.list('Warnings', f.text('Warning', { max: 1024 }), { max: 8 }) } })
export const deleteOldPolicy = operation({ ...writing, id: 'system.deleteOldPolicy', method: 'DELETE', path: '/v1/sys/policy/:name', audit: 'policy.delete', summary: 'Delete an ACL policy', input: { name }, output: {} })

/** Never written: root is a property of tokens, the others belong to the server. */
const IMMUTABLE: ReadonlySet<string> = new Set(['root', 'response-wrapping', 'control-group'])

const nameOf = (given: string): string => given.toLowerCase()
const ask = (call: Call, action: Action, base: string, name_: string): Grant => call.authorise(action, { kind: 'policy', apiPath: `sys/${base}/${name_}` })
const bad = (code: string, message: string): Error => fail('invalid_request', code, message, { field: 'policy' })

/** Clients may send a policy in base64; no policy of more than nothing is itself base64. */
const decoded = (given: string): string => {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(given) || given.length % 4 !== 0) return given
  const bytes = Buffer.from(given, 'base64')
  return bytes.toString('base64') === given ? bytes.toString('utf8') : given
}

const handlers = (port: PoliciesPort, base: 'policies/acl' | 'policy') => ({
  async list(call: Call, action: 'list' | 'read' = 'list'): Promise<readonly string[]> {
    const grant = call.authorise(action, { kind: 'policy', apiPath: action === 'list' ? `sys/${base}/` : `sys/${base}` })
    const rows = (await port.list(grant, call)).filter((row) => row.kind === 'acl' && !IMMUTABLE.has(row.name))
    return [...new Set(['default', 'root', ...rows.map((row) => row.name)])].sort()
  },
  async read(input: { readonly name: string }, call: Call): Promise<{ readonly name: string; readonly text: string }> {
    const wanted = nameOf(input.name)
    const grant = ask(call, 'read', base, wanted)
    const row = (await port.list(grant, call)).find((each) => each.kind === 'acl' && each.name === wanted)
    const found = row?.body ?? (wanted === 'default' ? port.defaultText : wanted === 'root' ? '' : undefined)
    if (found === undefined) throw fail('not_found', 'policy.not_found', 'There is no such policy.')
    return { name: wanted, text: found }
  },
  async write(input: { readonly name: string; readonly policy?: string | undefined; readonly rules?: string | undefined }, call: Call): Promise<{ readonly warnings: readonly string[] }> {
    const wanted = nameOf(input.name)
    const grant = ask(call, 'update', base, wanted)
    if (IMMUTABLE.has(wanted)) throw bad('policy.immutable', `cannot update ${JSON.stringify(wanted)} policy`)
    const written = input.policy ?? input.rules ?? ''
    if (written === '') throw bad('policy.empty', "'policy' parameter not supplied or empty")
    const warnings = [...(input.policy === undefined ? ["'rules' is deprecated, please use 'policy' instead"] : []), ...(wanted === input.name ? [] : [`policy name was converted to ${wanted}`])]
    call.says(warnings.length > 0)
    await port.put(grant, call, wanted, decoded(written))
    return { warnings }
  },
  async remove(input: { readonly name: string }, call: Call): Promise<Record<string, never>> {
    const wanted = nameOf(input.name)
    const grant = ask(call, 'delete', base, wanted)
    if (IMMUTABLE.has(wanted) || wanted === 'default') throw bad('policy.immutable', wanted === 'default' ? 'cannot delete default policy' : `cannot delete ${JSON.stringify(wanted)} policy`)
    await port.delete(grant, call, wanted).catch((error: unknown) => {
      if (!isCofferError(error) || error.code !== 'policy.not_found') throw error
    })
    return {}
  },
})

export const policyOperations = (port: PoliciesPort): readonly Implemented[] => {
  const [acl, old] = [handlers(port, 'policies/acl'), handlers(port, 'policy')]
  const both = async (call: Call, action: 'list' | 'read'): Promise<{ readonly keys: readonly string[]; readonly policies: readonly string[] }> => {
    const keys = await old.list(call, action)
    return { keys, policies: keys }
  }
  return implement(
    { listPolicies, readPolicy, writePolicy, deletePolicy, listOldPolicies, readOldPolicies, readOldPolicy, writeOldPolicy, deleteOldPolicy },
    {
      listPolicies: async (_input, call) => ({ keys: await acl.list(call) }),
      async readPolicy(input, call) {
        const found = await acl.read(input, call)
        return { name: found.name, policy: found.text }
      },
      writePolicy: (input, call) => acl.write(input, call),
      deletePolicy: (input, call) => acl.remove(input, call),
      listOldPolicies: (_input, call) => both(call, 'list'),
      readOldPolicies: (_input, call) => both(call, 'read'),
      async readOldPolicy(input, call) {
        const found = await old.read(input, call)
        return { name: found.name, rules: found.text }
      },
      writeOldPolicy: (input, call) => old.write(input, call),
      deleteOldPolicy: (input, call) => old.remove(input, call),
    },
  )
}
