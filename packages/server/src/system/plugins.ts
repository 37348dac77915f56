// What clients ask of plugins, replication and namespaces where there are none to manage: everything is built in, so that
// reading answers truthfully and changing says why it cannot.

import type { Action, Call, Grant } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { f } from '../kernel/fields.ts'
import { implement, operation, type Implemented } from '../kernel/operation.ts'
import type { ServerPort } from './ports.ts'

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', errors } as const
const text = (describe: string) => f.text(describe, { max: 512 })
const names = f.list('Names', text('Name'), { max: 1000 })
const document = f.json('The answer', { maxBytes: 64 * 1024 })
const place = { type: text('auth, database or secret'), name: text('Name') }
const wishes = { sha256: text('Accepted').optional(), command: text('Accepted').optional(), args: f.list('Accepted', text('Argument'), { max: 100 }).optional(), env: f.list('Accepted', text('Variable'), { max: 100 }).optional(), version: text('Accepted').optional(), ociImage: text('Accepted').optional(), runtime: text('Accepted').optional() }

export const registerPlugin = operation({ ...common, scope: 'server', work: 'write', status: 204, id: 'system.registerPlugin', method: 'POST', path: '/v1/sys/plugins/catalog/:type/:name', audit: 'system.plugin-register', summary: 'Refused: nothing but what is built in can be run', input: { ...place, ...wishes }, output: {} })
export const deregisterPlugin = operation({ ...common, scope: 'server', work: 'write', status: 204, id: 'system.deregisterPlugin', method: 'DELETE', path: '/v1/sys/plugins/catalog/:type/:name', audit: 'system.plugin-deregister', summary: 'Refused for what is built in; nothing else is there', input: place, output: {} })
export const reloadPlugin = operation({ ...common, scope: 'server', work: 'write', id: 'system.reloadPlugin', method: 'POST', path: '/v1/sys/plugins/reload/backend', audit: 'system.plugin-reload', summary: 'Accepted: what is built in has nothing to reload', input: { plugin: text('Plugin').default(''), mounts: f.list('Mounts', text('Path'), { max: 1000 }).default([]), scope: text('Empty or global').default('') }, output: { reloadId: text('Id') } })
export const listPins = operation({ ...common, scope: 'server', work: 'list', id: 'system.listPins', method: 'GET', path: '/v1/sys/plugins/pins', audit: 'system.plugin-pins', summary: 'Versions that plugins are pinned to: none', input: {}, output: { pinnedVersions: f.list('Pins', document, { max: 1 }) } })
export const listRuntimes = operation({ ...common, scope: 'server', work: 'list', id: 'system.listRuntimes', method: 'LIST', path: '/v1/sys/plugins/runtimes/catalog', audit: 'system.plugin-runtimes', summary: 'Runtimes of plugins: none', input: {}, output: { runtimes: f.list('Runtimes', document, { max: 1 }) } })
export const replicationStatus = operation({ ...common, access: 'public', work: 'read', isEverywhere: true, id: 'system.replicationStatus', method: 'GET', path: '/v1/sys/replication/status', audit: undefined, summary: 'Replication between clusters: none', input: {}, output: { dr: document, performance: document } })
export const uiNamespaces = operation({ ...common, access: 'token', work: 'list', id: 'system.uiNamespaces', method: 'GET', path: '/v1/sys/internal/ui/namespaces', audit: 'organization.list', summary: 'The namespaces that you may list', input: {}, output: { keys: names.optional() } })

const ask = (call: Call, action: Action, apiPath: string): Grant => call.authorise(action, { kind: 'system', apiPath, sudo: true })
const cannot = (): Error => fail('invalid_request', 'plugins.built_in_only', 'Everything that can be mounted is built in. Foreign programs are never run.')

export interface NamespaceNames {
  names(grant: Grant, call: Call): Promise<readonly string[]>
}

export const pluginOperations = (server: Pick<ServerPort, 'engines' | 'authMethods'>, namespaces: NamespaceNames): readonly Implemented[] => {
  const known = new Set([...server.engines, ...server.authMethods])
  return implement(
    { registerPlugin, deregisterPlugin, reloadPlugin, listPins, listRuntimes, replicationStatus, uiNamespaces },
    {
      async registerPlugin(input, call) {
        ask(call, 'update', `sys/plugins/catalog/${input.type}/${input.name}`)
        throw cannot()
      },
      async deregisterPlugin(input, call) {
        ask(call, 'delete', `sys/plugins/catalog/${input.type}/${input.name}`)
        if (known.has(input.name)) throw cannot()
        return {}
      },
      async reloadPlugin(input, call) {
        ask(call, 'update', 'sys/plugins/reload/backend')
        if (input.scope !== '' && input.scope !== 'global') throw fail('invalid_request', 'plugins.bad_scope', "reload scope must be omitted or 'global'", { field: 'scope' })
        if (input.plugin !== '' && input.mounts.length > 0) throw fail('invalid_request', 'plugins.both', 'plugin and mounts cannot be set at the same time', { field: 'mounts' })
        if (input.plugin === '' && input.mounts.length === 0) throw fail('invalid_request', 'plugins.neither', 'plugin or mounts must be provided', { field: 'plugin' })
        return { reloadId: call.requestId.replace(/^req_/, '') }
      },
      async listPins(_input, call) {
        ask(call, 'read', 'sys/plugins/pins')
        return { pinnedVersions: [] }
      },
      async listRuntimes(_input, call) {
        ask(call, 'list', 'sys/plugins/runtimes/catalog/')
        return { runtimes: [] }
      },
      replicationStatus: async () => ({ dr: { mode: 'disabled' }, performance: { mode: 'disabled' } }),
      async uiNamespaces(_input, call) {
        // Only what a list would show; without that right there is nothing to see, which is no refusal.
        const resource = { kind: 'platform', apiPath: 'sys/namespaces/' } as const
        if (!call.allows('list', resource).allow) return {}
        const keys = await namespaces.names(call.authorise('list', resource), call)
        return keys.length === 0 ? {} : { keys }
      },
    },
  )
}
