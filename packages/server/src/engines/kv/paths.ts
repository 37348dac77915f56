// Where a KV path lives: when its first segment is a registered environment the rest is the secret's path in it, else the
// whole path is its own in the built-in environment `default`.

import type { Call, Resource } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { resolveFolder, resolveSecret, type Places } from '../../kernel/places.ts'
import type { SecretAccess } from '../../kernel/secrets.ts'
import { DEFAULT_ENVIRONMENT, type Mount, type OrgRegistry } from '../../kernel/tenancy.ts'

export const mountOf = (call: Call): Mount => {
  if (call.mount === undefined) throw fail('internal', 'kv.no_mount', 'The operation was not reached through a mount.')
  return call.mount
}

interface KvPlace {
  readonly environment: string
  /** Empty for the environment itself. */
  readonly path: string
}

export const placeOf = (registry: OrgRegistry, mount: Mount, path: string): KvPlace => {
  const slash = path.indexOf('/')
  const first = slash === -1 ? path : path.slice(0, slash)
  if (registry.environment(mount.mountId, first) === undefined) return { environment: DEFAULT_ENVIRONMENT, path }
  return { environment: first, path: slash === -1 ? '' : path.slice(slash + 1) }
}

/** What policies of Vault judge by, where the product's own action would be judged at another path or capability. */
export interface KvPath {
  readonly family: 'data' | 'metadata' | 'delete' | 'subkeys'
  readonly capability?: Resource['capability']
}

/** @throws not_found for a path that is an environment: there is no secret of that name */
export const secretAt = async (places: Places, call: Call, path: string, asked?: KvPath): Promise<SecretAccess> => {
  const mount = mountOf(call)
  const place = placeOf(await places.registry(call.orgId), mount, path)
  if (place.path === '') throw fail('invalid_request', 'kv.environment', 'The path names an environment, not a secret in it.', { field: 'path' })
  // The slash in front keeps a path that looks like a secret's id from being taken for one.
  return resolveSecret(places, call, { project: mount.path, environment: place.environment }, `/${place.path}`, asked === undefined ? undefined : { apiPath: `${mount.path}/${asked.family}/${path}`, ...(asked.capability === undefined ? {} : { capability: asked.capability }) })
}

export const folderAt = async (places: Places, call: Call, path: string): Promise<SecretAccess> => {
  const mount = mountOf(call)
  const place = placeOf(await places.registry(call.orgId), mount, path)
  return resolveFolder(places, call, { project: mount.path, environment: place.environment }, place.path)
}
