// sys/locked-users: whom failed logins have locked out, and letting them in again before the time is over.

import type { Call, Grant } from '../../kernel/call.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'
import { accessorOf, type Mount, type OrgRegistry } from '../../kernel/tenancy.ts'

export interface LockedUsersPort {
  registry(orgId: string): Promise<OrgRegistry>
  /** Names that are locked at a mount now. */
  locked(grant: Grant, call: Call, mount: Mount): Promise<readonly string[]>
  /** Forgets a name's failures. */
  unlock(grant: Grant, call: Call, mount: Mount, name: string): Promise<void>
  /** How clients name the organization: empty for root. */
  namespaceOf(orgId: string): Promise<string>
}

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const document = f.json('The answer', { maxBytes: 16 * 1024 * 1024 })
const mountAccessor = f.text('Accessor of the auth mount', { max: 256 })

export const listLockedUsers = operation({
  id: 'system.listLockedUsers', method: 'GET', path: '/v1/sys/locked-users', tag, access: 'policy', audit: 'auth.locked-list', work: 'list', errors,
  summary: 'Tell whom failed logins have locked out', input: { mountAccessor: mountAccessor.optional() }, output: { document },
})
export const unlockUser = operation({
  id: 'system.unlockUser', method: 'POST', path: '/v1/sys/locked-users/:accessor/unlock/:alias+', tag, access: 'policy', audit: 'auth.unlock', work: 'write', status: 204, errors,
  summary: 'Let in a name that failed logins have locked out', input: { accessor: mountAccessor, alias: f.text('The name that logs in', { max: 512, min: 1 }) }, output: {},
})

const shown = (accessor: string, names: readonly string[]) => ({ mount_accessor: accessor, counts: names.length, alias_identifiers: names.length === 0 ? null : names })

export const lockedUserOperations = (port: LockedUsersPort): readonly Implemented[] => {
  const mountsOf = async (call: Call, accessor: string | undefined): Promise<readonly Mount[]> => (await port.registry(call.orgId)).mounts.filter((mount) => mount.class === 'auth' && (accessor === undefined || accessorOf(mount) === accessor))
  return implement({ listLockedUsers, unlockUser }, {
    async listLockedUsers({ mountAccessor: accessor }, call) {
      const grant = call.authorise('read', { kind: 'system', apiPath: 'sys/locked-users' })
      const found = await Promise.all((await mountsOf(call, accessor)).map(async (mount) => ({ accessor: accessorOf(mount), names: await port.locked(grant, call, mount) })))
      const locked = found.filter(({ names }) => names.length > 0)
      const total = locked.reduce((sum, { names }) => sum + names.length, 0)
      const mounts = accessor !== undefined && locked.length === 0 ? [shown(accessor, [])] : locked.sort((a, b) => b.names.length - a.names.length).map((each) => shown(each.accessor, each.names))
      const path = await port.namespaceOf(call.orgId)
      return { document: { by_namespace: mounts.length === 0 ? [] : [{ namespace_id: path === '' ? 'root' : path.replace(/\/$/, '').split('/').at(-1), namespace_path: path, counts: total, mount_accessors: mounts }], total } }
    },
    async unlockUser({ accessor, alias }, call) {
      const grant = call.authorise('update', { kind: 'system', apiPath: `sys/locked-users/${accessor}/unlock/${alias}` })
      // Who is not locked, or where nobody can be, is let in already: Vault says nothing of it.
      for (const mount of await mountsOf(call, accessor)) await port.unlock(grant, call, mount, alias)
      return {}
    },
  })
}
