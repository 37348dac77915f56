// Organizations, projects (mounts) and environments as the rest of the server sees them: small, loaded whole per
// organization, and looked up without waiting.

import { fail, type CofferError } from './errors.ts'

export type OrgState = 'active' | 'suspended' | 'deleting' | 'shredded'

export interface Organization {
  readonly orgId: string
  readonly parentId: string | undefined
  readonly slug: string
  readonly shortId: string
  readonly name: string
  readonly state: OrgState
  readonly homeRegion: string | undefined
  readonly epoch: number
  readonly createdAt: number
}

export interface Mount {
  readonly mountId: string
  readonly class: 'secret' | 'auth'
  /** Without slashes at its ends. */
  readonly path: string
  readonly type: string
  readonly description: string
  readonly options: Readonly<Record<string, string>>
  readonly config: Readonly<Record<string, unknown>>
  readonly createdAt: number
  readonly rowVersion: number
}

export interface Environment {
  readonly environmentId: string
  readonly mountId: string
  readonly slug: string
  readonly name: string
  readonly protected: boolean
  readonly position: number
  readonly createdAt: number
  readonly rowVersion: number
}

/** Everything about an organization's places, for synchronous look-ups. */
export interface OrgRegistry {
  readonly orgId: string
  readonly mounts: readonly Mount[]
  /** The most segments that a mount's path has. */
  readonly deepest: number
  mountByPath(cls: Mount['class'], path: string): Mount | undefined
  mountById(mountId: string): Mount | undefined
  environment(mountId: string, slug: string): Environment | undefined
  environments(mountId: string): readonly Environment[]
}

/** No organization is called so: they are what paths begin with. */
export const reservedSlugs: ReadonlySet<string> = new Set(['sys', 'auth', 'identity', 'cubbyhole', 'secrets', 'v1', 'api', 'root'])

/** The answer to an operation of the whole server in the name of an organization, whether there is such a one or not. */
export const wholeServerOnly = (): CofferError => fail('not_found', 'vault.no_handler', 'no handler for route: operations of the whole server are reached without a namespace.')

/** The built-in environment of paths that name no registered one. */
export const DEFAULT_ENVIRONMENT = 'default'
/** The project that a request means when nothing names one. */
export const DEFAULT_PROJECT = 'secret'

export const makeRegistry = (orgId: string, mounts: readonly Mount[], environments: readonly Environment[]): OrgRegistry => {
  const byPath = new Map(mounts.map((mount) => [`${mount.class}:${mount.path}`, mount]))
  const byId = new Map(mounts.map((mount) => [mount.mountId, mount]))
  const bySlug = new Map(environments.map((environment) => [`${environment.mountId}/${environment.slug}`, environment]))
  const ofMount = Map.groupBy(environments, (environment) => environment.mountId)
  return Object.freeze({
    orgId,
    mounts,
    deepest: Math.max(0, ...mounts.map(({ path }) => path.split('/').length)),
    mountByPath: (cls: Mount['class'], path: string) => byPath.get(`${cls}:${path}`),
    mountById: (mountId: string) => byId.get(mountId),
    environment: (mountId: string, slug: string) => bySlug.get(`${mountId}/${slug}`),
    environments: (mountId: string) => ofMount.get(mountId) ?? [],
  })
}

const lastDigits = (id: string): string => id.replaceAll('-', '').slice(-8)

/** What clients know a mount by besides its path. */
export const accessorOf = (mount: Pick<Mount, 'class' | 'type' | 'mountId'>): string => `${mount.class === 'auth' ? 'auth_' : ''}${mount.type}_${lastDigits(mount.mountId)}`

/** The accessor of auth/token, which every organization has without a mount. */
export const tokenAccessorOf = (orgId: string): string => `auth_token_${lastDigits(orgId)}`
