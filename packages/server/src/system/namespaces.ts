// sys/namespaces: Vault's namespaces are the product's organizations.

import type { Action, Call, Grant } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { f } from '../kernel/fields.ts'
import { implement, operation, type Implemented } from '../kernel/operation.ts'
import type { Organization } from '../kernel/tenancy.ts'
import type { NamespacesPort } from './ports.ts'

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'conflict', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', errors } as const
const path = f.text('Name of the namespace', { max: 512 })
const document = f.json('The answer', { maxBytes: 16 * 1024 * 1024 })
const shown = { id: f.text('Id', { max: 64 }), path, customMetadata: f.labels('Never set') }

export const listNamespaces = operation({ ...common, work: 'list', id: 'system.listNamespaces', method: 'LIST', path: '/v1/sys/namespaces', audit: 'organization.list', summary: 'List the namespaces below', input: {}, output: { keys: f.list('Names', path, { max: 10_000 }), keyInfo: document } })
export const readNamespace = operation({ ...common, work: 'read', id: 'system.readNamespace', method: 'GET', path: '/v1/sys/namespaces/:path', audit: 'organization.read', summary: 'Read a namespace', input: { path }, output: shown })
export const createNamespace = operation({ ...common, work: 'write', id: 'system.createNamespace', method: 'POST', path: '/v1/sys/namespaces/:path', audit: 'organization.create', summary: 'Make a namespace', input: { path, customMetadata: f.labels('Accepted and without effect').optional() }, output: shown })

const ask = (call: Call, action: Action, rest: string): Grant => call.authorise(action, { kind: 'platform', apiPath: `sys/namespaces/${rest}` })

export const namespaceOperations = (port: NamespacesPort): readonly Implemented[] => {
  const view = async (call: Call, organization: Organization) => ({ id: organization.shortId, path: `${await port.pathOf(call.orgId)}${organization.slug}/`, customMetadata: {} })
  return implement(
    { listNamespaces, readNamespace, createNamespace },
    {
      async listNamespaces(_input, call) {
        const found = await port.list(ask(call, 'list', ''), call)
        if (found.length === 0) throw fail('not_found', 'namespace.none', 'There are no namespaces below.')
        const info: Record<string, unknown> = {}
        for (const each of found) {
          const { id, path: at } = await view(call, each)
          info[`${each.slug}/`] = { id, path: at, custom_metadata: {} }
        }
        return { keys: found.map(({ slug }) => `${slug}/`), keyInfo: info }
      },
      async readNamespace(input, call) {
        const found = (await port.list(ask(call, 'read', input.path), call)).find(({ slug }) => slug === input.path)
        if (found === undefined) throw fail('not_found', 'namespace.not_found', 'There is no such namespace.')
        return view(call, found)
      },
      async createNamespace(input, call) {
        const grant = ask(call, 'update', input.path)
        const existing = (await port.list(grant, call)).find(({ slug }) => slug === input.path)
        // Written twice it is there once, as in Vault.
        return view(call, existing ?? (await port.create(grant, call, input.path)))
      },
    },
  )
}
