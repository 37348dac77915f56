// What of each auth method can be read back, and so be carried over: configuration and roles, never what it keeps to itself.

export interface MethodShape {
  /** Paths below the mount that hold one thing. */
  readonly configs: readonly string[]
  /** Paths to list, and where each thing of the list is. */
  readonly lists: readonly { readonly list: string; readonly at: (name: string) => string; readonly what: string }[]
  /** What no server gives back, and what to do about it. */
  readonly lost?: string
}

const below = (list: string, folder = list, what = 'role'): MethodShape['lists'][number] => ({ list, at: (name) => `${folder}/${name}`, what })

/** Null-prototype: types of mounts are looked up in it as they come. */
export const methodShapes: Readonly<Record<string, MethodShape>> = Object.freeze(Object.assign(Object.create(null) as Record<string, MethodShape>, {
  approle: { configs: [], lists: [below('role')], lost: 'secret ids: hand out new ones' },
  cert: { configs: ['config'], lists: [below('certs', 'certs', 'certificate')] },
  github: { configs: ['config'], lists: [below('map/teams', 'map/teams', 'team'), below('map/users', 'map/users', 'user')] },
  jwt: { configs: ['config'], lists: [below('role')], lost: 'oidc_client_secret: write it into the configuration again, if it has one' },
  kubernetes: { configs: ['config'], lists: [below('role')], lost: 'token_reviewer_jwt: write it into the configuration again, if it has one' },
  ldap: { configs: ['config'], lists: [below('groups', 'groups', 'group'), below('users', 'users', 'user')], lost: 'bindpass: write it into the configuration again' },
  aws: { configs: ['config/client', 'config/identity'], lists: [below('roles', 'role')], lost: 'secret_key: write it into config/client again, if it has one' },
  azure: { configs: ['config'], lists: [below('role')], lost: 'client_secret: write it into the configuration again, if it has one' },
  gcp: { configs: ['config'], lists: [below('roles', 'role')], lost: 'credentials: write them into the configuration again, if it has some' },
  radius: { configs: ['config'], lists: [below('users', 'users', 'user')], lost: 'secret: write it into the configuration again' },
} satisfies Record<string, MethodShape>))

/** The same method under another name. */
export const shapeOf = (type: string): MethodShape | undefined => methodShapes[type === 'oidc' ? 'jwt' : type]
