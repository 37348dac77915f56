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
  readonly isBuiltIn?: boolean
}

/** As they are set: 0 for what the system's own limit holds. Programs for people are told that limit instead. */
export interface ViewOptions {
  readonly effectiveTtls?: boolean
}

/** Settings that are shown where they are given, by their names on the wire. */
const LISTS: readonly (readonly [string, string])[] = [
  ['allowed_response_headers', 'allowedResponseHeaders'], ['audit_non_hmac_request_keys', 'auditNonHmacRequestKeys'], ['audit_non_hmac_response_keys', 'auditNonHmacResponseKeys'], ['passthrough_request_headers', 'passthroughRequestHeaders'],
]

/** What mounts and their tuning say alike. */
export const givenSettings = (config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => ({
  force_no_cache: config['forceNoCache'] ?? false,
  ...Object.fromEntries(LISTS.flatMap(([wire, name]) => (Array.isArray(config[name]) && config[name].length > 0 ? [[wire, config[name]]] : []))),
  ...(config['listingVisibility'] === undefined || config['listingVisibility'] === '' ? {} : { listing_visibility: config['listingVisibility'] }),
})

/** A version that nobody named is not shown: Vault's clients take its absence for the first one. */
export const shownOptions = ({ options, config }: Pick<Mount, 'options' | 'config'>): Readonly<Record<string, string>> => {
  if (config['impliedVersion'] !== true || options['version'] !== '1') return options
  const { version: _implied, ...rest } = options
  return rest
}

const row = ({ accessor, type, description, uuid, options, config, isAuth, isBuiltIn = false }: Shown, { effectiveTtls = false }: ViewOptions): Readonly<Record<string, unknown>> => ({
  accessor,
  config: {
    default_lease_ttl: config['defaultLeaseTtl'] || (effectiveTtls ? SYSTEM_TTL_SECONDS : 0),
    max_lease_ttl: config['maxLeaseTtl'] || (effectiveTtls ? SYSTEM_TTL_SECONDS : 0),
    ...(isAuth ? { token_type: config['tokenType'] ?? 'default-service' } : {}),
    ...givenSettings(config),
  },
  ...(isBuiltIn ? {} : { deprecation_status: 'supported' }),
  description,
  external_entropy_access: false,
  local: config['local'] ?? false,
  options,
  plugin_version: '',
  running_plugin_version: '',
  running_sha256: '',
  seal_wrap: config['sealWrap'] ?? false,
  type,
  uuid,
})

export const mountRow = (mount: Mount, options: ViewOptions = {}): Readonly<Record<string, unknown>> =>
  row({ accessor: accessorOf(mount), type: mount.type, description: mount.description, uuid: mount.mountId, options: Object.keys(mount.options).length === 0 && mount.class === 'secret' ? null : shownOptions(mount), config: mount.config, isAuth: mount.class === 'auth' }, options)

interface BuiltIn {
  readonly path: string
  readonly type: string
  readonly description: string
  readonly config?: Readonly<Record<string, unknown>>
}

const builtInSecret: readonly BuiltIn[] = [
  { path: 'cubbyhole', type: 'cubbyhole', description: 'storage of each token by itself', config: { local: true } },
  { path: 'identity', type: 'identity', description: 'principals and groups', config: { passthroughRequestHeaders: ['Authorization'] } },
  { path: 'sys', type: 'system', description: 'the server itself: mounts, policies, debugging', config: { passthroughRequestHeaders: ['Accept'], sealWrap: true } },
]
const builtInAuth: readonly BuiltIn[] = [{ path: 'token', type: 'token', description: 'tokens' }]
const builtInOf = (cls: Mount['class']): readonly BuiltIn[] => (cls === 'auth' ? builtInAuth : builtInSecret)

const builtInRow = (each: BuiltIn, orgId: string, isAuth: boolean, options: ViewOptions): Readonly<Record<string, unknown>> =>
  row({ accessor: `${isAuth ? 'auth_' : ''}${each.type}_${orgId.replaceAll('-', '').slice(-8)}`, type: each.type, description: each.description, uuid: orgId, options: null, config: each.config ?? {}, isAuth, isBuiltIn: true }, options)

/** The tuning of a mount, with the limits that hold. */
export const tuningView = (limits: { readonly defaultTtlSeconds: number; readonly maxTtlSeconds: number }, { class: cls, description, config, options }: Pick<Mount, 'class' | 'description' | 'config' | 'options'>): Readonly<Record<string, unknown>> => ({
  default_lease_ttl: limits.defaultTtlSeconds,
  description,
  max_lease_ttl: limits.maxTtlSeconds,
  ...(cls === 'auth' ? { token_type: config['tokenType'] ?? 'default-service' } : {}),
  ...givenSettings(config),
  ...(Object.keys(shownOptions({ options, config })).length === 0 ? {} : { options: shownOptions({ options, config }) }),
})

/** The tuning of a built-in mount, which nobody changes; undefined: none such. */
export const builtInTuning = (cls: Mount['class'], path: string): Readonly<Record<string, unknown>> | undefined => {
  const found = builtInOf(cls).find((each) => each.path === path)
  return found === undefined ? undefined : tuningView({ defaultTtlSeconds: SYSTEM_TTL_SECONDS, maxTtlSeconds: SYSTEM_TTL_SECONDS }, { class: cls, description: found.description, config: found.config ?? {}, options: {} })
}

/** Every mount of a class by its path with a slash, built-in ones included. */
export const mountTable = (cls: Mount['class'], mounts: readonly Mount[], orgId: string, options: ViewOptions = {}): Readonly<Record<string, unknown>> => {
  const builtIn = builtInOf(cls).map((each) => [`${each.path}/`, builtInRow(each, orgId, cls === 'auth', options)] as const)
  const own = mounts.filter((mount) => mount.class === cls).map((mount) => [`${mount.path}/`, mountRow(mount, options)] as const)
  return Object.fromEntries([...builtIn, ...own].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A built-in mount by its path; undefined: none such. */
export const builtInMount = (cls: Mount['class'], path: string, orgId: string, options: ViewOptions = {}): Readonly<Record<string, unknown>> | undefined => {
  const found = builtInOf(cls).find((each) => each.path === path)
  return found === undefined ? undefined : builtInRow(found, orgId, cls === 'auth', options)
}

/** What who has no token may know of mounts that are to be seen by everybody. */
export const publicTable = (cls: Mount['class'], mounts: readonly Mount[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(mounts.filter((mount) => mount.class === cls && isPublic(mount)).map((mount) => [`${mount.path}/`, { description: mount.description, options: shownOptions(mount), type: mount.type }]))

export const isPublic = ({ config }: Mount): boolean => config['listingVisibility'] === 'unauth'
