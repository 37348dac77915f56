// What a quota is about: the mount and the rest of the path that somebody wrote. Vault's rules, in its words.

import { fail } from '../../kernel/errors.ts'
import type { Mount, OrgRegistry } from '../../kernel/tenancy.ts'
import type { QuotaType } from '../../services/quotas/rows.ts'

export interface QuotaPlace {
  /** With a slash behind; empty: the whole organization. */
  readonly mount: string
  readonly suffix: string
}

const BUILT_IN: readonly string[] = ['auth/token', 'cubbyhole', 'identity', 'sys']
/** Methods whose logins say their role in so many words; AppRole's tokens say it once they are made. */
const WITH_ROLES: Readonly<Record<QuotaType, ReadonlySet<string>>> = { 'rate-limit': new Set(['jwt', 'oidc', 'kubernetes', 'aws', 'azure', 'gcp', 'cert']), 'lease-count': new Set(['approle', 'jwt', 'oidc', 'kubernetes', 'aws', 'azure', 'gcp']) }

const bad = (code: string, message: string, field: string): Error => fail('invalid_request', code, message, { field })
const apiPathOf = (mount: Mount): string => (mount.class === 'auth' ? `auth/${mount.path}` : mount.path)
const isBelow = (path: string, start: string): boolean => `${path}/`.startsWith(`${start}/`)

/** @throws invalid_request */
export const placeOf = (registry: OrgRegistry, type: QuotaType, given: { readonly path: string; readonly role: string }): QuotaPlace => {
  const path = given.path.replace(/^\/+|\/+$/g, '')
  if (path === '') {
    if (given.role !== '') throw bad('quota.role_without_mount', 'Mount path "" is not a valid auth method and therefore unsuitable for use with role-based quotas', 'role')
    return { mount: '', suffix: '' }
  }
  const mounted = registry.mounts.filter((mount) => isBelow(path, apiPathOf(mount))).sort((a, b) => b.path.length - a.path.length)[0]
  const at = mounted === undefined ? BUILT_IN.find((each) => isBelow(path, each)) : apiPathOf(mounted)
  if (at === undefined) throw bad('quota.no_mount', `invalid mount path ${JSON.stringify(`${path}/`)}`, 'path')
  const suffix = path.slice(at.length + 1)
  if (suffix.slice(0, -1).includes('*')) throw bad('quota.star', 'a star may only be the last character of a path', 'path')
  if (given.role === '') return { mount: `${at}/`, suffix }
  if (suffix !== '') throw bad('quota.suffix_and_role', 'Quotas cannot contain both a path suffix and a role. If a role is provided, path must be a valid auth mount with a concept of roles', 'role')
  if (!at.startsWith('auth/')) throw bad('quota.no_auth', `Mount path ${JSON.stringify(`${at}/`)} is not a valid auth method and therefore unsuitable for use with role-based quotas`, 'role')
  if (mounted === undefined || !WITH_ROLES[type].has(mounted.type)) throw bad('quota.no_roles', `Mount path ${JSON.stringify(`${at}/`)} does not support use with role-based quotas`, 'role')
  return { mount: `${at}/`, suffix }
}
