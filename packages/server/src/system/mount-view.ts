// Mounts as Vault shows them, by the names of the wire: a table of mounts has their paths for names, so it is a document.

import { accessorOf, type Mount } from '../kernel/tenancy.ts'

export const SYSTEM_TTL_SECONDS = 2_764_800

interface Shown {
  readonly accessor: string
  readonly type: string
  readonly description: string
  readonly uuid: string
  readonly options: Readonly<Record<string, string>> | null
  readonly config: Readonly<Record<string, unknown>>
  readonly isAuth: boolean
}

const row = ({ accessor, type, description, uuid, options, config, isAuth }: Shown): Readonly<Record<string, unknown>> => ({
  accessor,
  config: {
    default_lease_ttl: config['defaultLeaseTtl'] ?? 0,
    force_no_cache: false,
    max_lease_ttl: config['maxLeaseTtl'] ?? 0,
    ...(isAuth ? { token_type: config['tokenType'] ?? 'default-service' } : {}),
    ...(config['listingVisibility'] === undefined ? {} : { listing_visibility: config['listingVisibility'] }),
  },
  deprecation_status: 'supported',
  description,
  external_entropy_access: false,
  local: false,
  options,
  plugin_version: '',
  running_plugin_version: '',
  running_sha256: '',
  seal_wrap: false,
  type,
  uuid,
})

export const mountRow = (mount: Mount): Readonly<Record<string, unknown>> =>
  row({ accessor: accessorOf(mount), type: mount.type, description: mount.description, uuid: mount.mountId, options: Object.keys(mount.options).length === 0 ? null : mount.options, config: mount.config, isAuth: mount.class === 'auth' })

interface BuiltIn {
  readonly path: string
  readonly type: string
  readonly description: string
}

const builtInSecret: readonly BuiltIn[] = [
  { path: 'cubbyhole', type: 'cubbyhole', description: 'storage of each token by itself' },
  { path: 'identity', type: 'identity', description: 'principals and groups' },
  { path: 'sys', type: 'system', description: 'the server itself: mounts, policies, debugging' },
]
const builtInAuth: readonly BuiltIn[] = [{ path: 'token', type: 'token', description: 'tokens' }]

const builtInRow = (each: BuiltIn, orgId: string, isAuth: boolean): Readonly<Record<string, unknown>> =>
  row({ accessor: `${isAuth ? 'auth_' : ''}${each.type}_${orgId.replaceAll('-', '').slice(-8)}`, type: each.type, description: each.description, uuid: orgId, options: null, config: {}, isAuth })

/** Every mount of a class by its path with a slash, built-in ones included. */
export const mountTable = (cls: Mount['class'], mounts: readonly Mount[], orgId: string): Readonly<Record<string, unknown>> => {
  const builtIn = (cls === 'auth' ? builtInAuth : builtInSecret).map((each) => [`${each.path}/`, builtInRow(each, orgId, cls === 'auth')] as const)
  const own = mounts.filter((mount) => mount.class === cls).map((mount) => [`${mount.path}/`, mountRow(mount)] as const)
  return Object.fromEntries([...builtIn, ...own].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A built-in mount by its path; undefined: none such. */
export const builtInMount = (cls: Mount['class'], path: string, orgId: string): Readonly<Record<string, unknown>> | undefined => {
  const found = (cls === 'auth' ? builtInAuth : builtInSecret).find((each) => each.path === path)
  return found === undefined ? undefined : builtInRow(found, orgId, cls === 'auth')
}
