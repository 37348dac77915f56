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
const LABELS = { maxKeys: 64, maxKey: 128, maxValue: 512 }
const customMetadata = f.labels('What people note about it', LABELS)
const shown = { id: f.text('Id', { max: 64 }), path, customMetadata, locked: f.bool('Whether it is suspended') }

export const listNamespaces = operation({ ...common, work: 'list', id: 'system.listNamespaces', method: 'LIST', path: '/v1/sys/namespaces', audit: 'organization.list', summary: 'List the namespaces below', input: {}, output: { keys: f.list('Names', path, { max: 10_000 }), keyInfo: document } })
export const readNamespace = operation({ ...common, work: 'read', id: 'system.readNamespace', method: 'GET', path: '/v1/sys/namespaces/:path', audit: 'organization.read', summary: 'Read a namespace', input: { path }, output: shown })
export const createNamespace = operation({ ...common, work: 'write', id: 'system.createNamespace', method: 'POST', path: '/v1/sys/namespaces/:path', audit: 'organization.create', summary: 'Make a namespace, or note something else about it', input: { path, customMetadata: customMetadata.optional() }, output: shown })
export const patchNamespace = operation({ ...common, work: 'write', id: 'system.patchNamespace', method: 'PATCH', path: '/v1/sys/namespaces/:path', audit: 'organization.update', summary: 'Change what is noted about a namespace', input: { path, customMetadata: f.json('Names and texts; null takes one away', { maxBytes: 64 * 1024 }).default({}) }, output: shown })
export const deleteNamespace = operation({ ...common, work: 'write', status: 204, id: 'system.deleteNamespace', method: 'DELETE', path: '/v1/sys/namespaces/:path', audit: 'organization.shred', summary: 'Destroy a namespace: its keys, and with them all that it stored', input: { path }, output: {} })

type Labels = Readonly<Record<string, string>>

const ask = (call: Call, action: Action, rest: string): Grant => call.authorise(action, { kind: 'platform', apiPath: `sys/namespaces/${rest}` })

const labelsIn = (stored: unknown): Labels => (stored === null || typeof stored !== 'object' ? {} : Object.fromEntries(Object.entries(stored).filter((entry): entry is [string, string] => typeof entry[1] === 'string')))

const badLabels = (): Error => fail('invalid_request', 'namespace.bad_metadata', `custom_metadata holds at most ${LABELS.maxKeys} texts of at most ${LABELS.maxValue} characters under names of at most ${LABELS.maxKey}.`, { field: 'custom_metadata' })

/** RFC 7396, for a flat object of texts. */
const merged = (labels: Labels, patch: Readonly<Record<string, unknown>>): Labels => {
  const out = new Map<string, string>(Object.entries(labels))
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) out.delete(name)
    else if (typeof value !== 'string' || value.length > LABELS.maxValue || name === '' || name.length > LABELS.maxKey) throw badLabels()
    else out.set(name, value)
  }
  if (out.size > LABELS.maxKeys) throw badLabels()
  return Object.fromEntries(out)
}

const trimmed = (given: string): string => given.replace(/\/+$/, '')

export const namespaceOperations = (port: NamespacesPort): readonly Implemented[] => {
  const labelsOf = async (call: Call, { orgId }: Organization): Promise<Labels> => labelsIn(await port.labels.get(call.orgId, orgId))
  const view = async (call: Call, organization: Organization) => ({ id: organization.shortId, path: `${await port.pathOf(call.orgId)}${organization.slug}/`, customMetadata: await labelsOf(call, organization), locked: organization.state === 'suspended' })
  const find = async (call: Call, grant: Grant, given: string): Promise<Organization | undefined> => (await port.list(grant, call)).find(({ slug }) => slug === trimmed(given))
  const note = async (call: Call, grant: Grant, organization: Organization, labels: Labels): Promise<void> => {
    // A second write of the call: what made the namespace has its record already.
    call.keepRecord()
    await port.labels.put(grant, call, organization.orgId, labels)
  }
  return implement(
    { listNamespaces, readNamespace, createNamespace, patchNamespace, deleteNamespace },
    {
      async listNamespaces(_input, call) {
        const found = await port.list(ask(call, 'list', ''), call)
        if (found.length === 0) throw fail('not_found', 'namespace.none', 'There are no namespaces below.')
        const rows = await Promise.all(found.map(async (each) => [`${each.slug}/`, await view(call, each)] as const))
        return { keys: rows.map(([name]) => name), keyInfo: Object.fromEntries(rows.map(([name, { customMetadata: labels, ...rest }]) => [name, { ...rest, custom_metadata: labels }])) }
      },
      async readNamespace(input, call) {
        const found = await find(call, ask(call, 'read', input.path), input.path)
        if (found === undefined) throw fail('not_found', 'namespace.not_found', 'There is no such namespace.')
        return view(call, found)
      },
      async createNamespace(input, call) {
        const grant = ask(call, 'update', input.path)
        // Written twice it is there once, as in Vault.
        const organization = (await find(call, grant, input.path)) ?? (await port.create(grant, call, trimmed(input.path)))
        if (input.customMetadata !== undefined) await note(call, grant, organization, input.customMetadata)
        return view(call, organization)
      },
      async patchNamespace(input, call) {
        const grant = call.authorise('update', { kind: 'platform', apiPath: `sys/namespaces/${input.path}`, capability: 'patch' })
        const found = await find(call, grant, input.path)
        if (found === undefined) throw fail('not_found', 'namespace.not_found', 'There is no such namespace.')
        await note(call, grant, found, merged(await labelsOf(call, found), input.customMetadata))
        return view(call, found)
      },
      async deleteNamespace(input, call) {
        const grant = call.authorise('destroy', { kind: 'platform', apiPath: `sys/namespaces/${input.path}`, capability: 'delete' })
        // As in Vault, what is not there is deleted already.
        const found = await find(call, grant, input.path)
        if (found !== undefined) await port.remove(grant, call, found.slug)
        return {}
      },
    },
  )
}
