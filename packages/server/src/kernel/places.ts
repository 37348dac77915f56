// From what a request names (project, environment, path or id) to the place that policy, cache, audit and storage mean by
// it. One resolution for every door.

import type { Action, Call, Resource } from './call.ts'
import { fail, quote } from './errors.ts'
import { isIdOf, parseId } from './ids.ts'
import { joinPath, parsePath } from './path.ts'
import type { SecretAccess } from './secrets.ts'
import type { SecretSettings } from './secret-model.ts'
import { DEFAULT_ENVIRONMENT, DEFAULT_PROJECT, type Mount, type OrgRegistry } from './tenancy.ts'

export interface Place {
  readonly project: string
  readonly environment: string
  readonly path: string
  readonly protected: boolean
  readonly kvVersion?: 1 | undefined
}

export interface Places {
  registry(orgId: string): Promise<OrgRegistry>
  /** The resource that an action on a secret, or for `list` on a folder, addresses. */
  secretResource(action: Action, place: Place): Resource
  /** Longest path of a secret. */
  readonly pathBytes: number
  locate(orgId: string, secretId: string): Promise<{ readonly mountId: string; readonly environment: string; readonly path: string } | undefined>
}

export interface Named {
  readonly project?: string | undefined
  readonly environment?: string | undefined
}

const kvVersionOf = (mount: Mount): 1 | undefined => (mount.options['version'] === '1' ? 1 : undefined)

/** What a kv mount says of secrets that say nothing themselves. Version 1 keeps one version, as its clients expect of it. */
export const mountSettings = (mount: Mount): SecretSettings => {
  const { maxVersions, casRequired, deleteVersionAfterSeconds } = mount.config
  if (kvVersionOf(mount) === 1) return { maxVersions: 1 }
  return {
    ...(typeof maxVersions === 'number' && maxVersions > 0 ? { maxVersions } : {}),
    ...(casRequired === true ? { casRequired } : {}),
    ...(typeof deleteVersionAfterSeconds === 'number' && deleteVersionAfterSeconds > 0 ? { deleteVersionAfterSeconds } : {}),
  }
}

const NOWHERE = '00000000-0000-0000-0000-000000000000'

/** The project that a request means: as named, else the token's lock, else X-Coffer-Project, else the default one. */
export const projectOf = (call: Call, named: string | undefined): string => named ?? call.caller?.lock?.project ?? call.projectHeader ?? DEFAULT_PROJECT

// Said of every project, there or not, before any permission is known; environments are listed to who may list in them.
const unnamed = (places: Places, call: Call, project: string, slugs: readonly string[]): Error => {
  const shown = slugs.filter((slug) => call.allows('list', places.secretResource('list', { project, environment: slug, path: '', protected: true })).allow)
  return fail('invalid_request', 'environment.unnamed', `Name the environment${shown.length === 0 ? '' : `: ${shown.slice(0, 20).join(', ')}`}.`, { field: 'environment' })
}

interface Found {
  readonly place: Place
  readonly mountId: string
  readonly defaults?: SecretSettings | undefined
  /** Thrown once the caller is known to be allowed there: what does not exist and what is forbidden look the same before. */
  readonly missing: Error | undefined
}

/** The API path that a request names, where that is not the one that its action has by itself, and the capability that it needs there. */
export interface AskedAs {
  readonly apiPath: string
  readonly capability?: Resource['capability']
}

const accessTo = (places: Places, call: Call, { place, mountId, missing, defaults }: Found, asked?: AskedAs): SecretAccess => {
  const resourceOf = (action: Action): Resource => ({ ...places.secretResource(action, place), ...asked })
  return {
    call,
    address: { orgId: call.orgId, mountId, project: place.project, environment: place.environment, path: place.path, kvVersion: place.kvVersion },
    defaults,
    allows: (action) => missing === undefined && call.allows(action, resourceOf(action)).allow,
    authorise: (first, ...others) => {
      const action = others.length === 0 || call.allows(first, resourceOf(first)).allow ? first : (others.find((other) => call.allows(other, resourceOf(other)).allow) ?? first)
      const grant = call.authorise(action, resourceOf(action))
      if (missing !== undefined) throw missing
      return grant
    },
  }
}

const findPlace = async (places: Places, call: Call, named: Named, path: string): Promise<Found> => {
  const registry = await places.registry(call.orgId)
  const project = projectOf(call, named.project)
  const mount = registry.mountByPath('secret', project)
  const implied = named.environment ?? call.caller?.lock?.environment
  if (mount === undefined || mount.type !== 'kv') {
    const place = { project, environment: implied ?? DEFAULT_ENVIRONMENT, path, protected: true }
    if (implied === undefined && !call.allows('list', places.secretResource('list', { ...place, path: '' })).allow) throw unnamed(places, call, project, [])
    return { place, mountId: NOWHERE, missing: fail('not_found', 'project.not_found', `There is no project ${quote(project)}.`, { field: 'project' }) }
  }
  const slugs = registry.environments(mount.mountId).map((environment) => environment.slug)
  if (implied === undefined && slugs.length > 0) throw unnamed(places, call, project, slugs)
  const slug = implied ?? DEFAULT_ENVIRONMENT
  const environment = registry.environment(mount.mountId, slug)
  const missing = environment === undefined && slug !== DEFAULT_ENVIRONMENT ? fail('not_found', 'environment.not_found', `The project ${quote(project)} has no environment ${quote(slug)}.`, { field: 'environment' }) : undefined
  return { place: { project, environment: slug, path, protected: environment?.protected ?? missing !== undefined, kvVersion: kvVersionOf(mount) }, mountId: mount.mountId, defaults: mountSettings(mount), missing }
}

/** A secret by its path, or by its id. @throws invalid_request, not_found */
export const resolveSecret = async (places: Places, call: Call, named: Named, key: string, asked?: AskedAs): Promise<SecretAccess> => {
  if (isIdOf('secret', key)) return resolveSecretId(places, call, key)
  const { segments, trailingSlash } = parsePath(key, places.pathBytes)
  if (trailingSlash) throw fail('invalid_request', 'path.invalid', 'A secret\'s path does not end with a slash.', { field: 'key' })
  const found = await findPlace(places, call, named, joinPath(segments, places.pathBytes))
  // A path of the default environment must not begin with a registered one's name: it would be two secrets' name.
  const registry = await places.registry(call.orgId)
  const first = segments[0] ?? ''
  const ambiguous = found.place.environment === DEFAULT_ENVIRONMENT && registry.environment(found.mountId, first) !== undefined
  const missing = found.missing ?? (ambiguous ? fail('invalid_request', 'path.names_environment', `The path begins with the environment ${quote(first)}. Name it as the environment instead.`, { field: 'key' }) : undefined)
  return accessTo(places, call, { ...found, missing }, asked)
}

/** A secret by its wire id. An id of another organization is as unknown as one that never was. */
export const resolveSecretId = async (places: Places, call: Call, id: string): Promise<SecretAccess> => {
  const secretId = parseId('secret', id)
  const at = secretId === undefined ? undefined : await places.locate(call.orgId, secretId)
  const registry = await places.registry(call.orgId)
  const mount = at === undefined ? undefined : registry.mountById(at.mountId)
  if (at === undefined || mount === undefined) {
    const missing = fail('not_found', 'secret.not_found', 'There is no secret with this id, or you may not see it.')
    return { call, allows: () => false, address: { orgId: call.orgId, mountId: NOWHERE, project: '', environment: '', path: '' }, authorise: () => { throw refuseUnknown(call, missing) } }
  }
  const place = { project: mount.path, environment: at.environment, path: at.path, protected: registry.environment(mount.mountId, at.environment)?.protected ?? false, kvVersion: kvVersionOf(mount) }
  const access = accessTo(places, call, { place, mountId: mount.mountId, defaults: mountSettings(mount), missing: undefined })
  return { ...access, authorise: (first, ...others) => hideDenied(call, access, first, others) }
}

// By id there is no path in the request that a denial could be about: "not yours" must look like "not there".
const hideDenied = (call: Call, access: SecretAccess, first: Action, others: readonly Action[]): ReturnType<SecretAccess['authorise']> => {
  try {
    return access.authorise(first, ...others)
  } catch (error) {
    if (call.audit.denied === true) throw fail('not_found', 'secret.not_found', 'There is no secret with this id, or you may not see it.', { cause: error })
    throw error
  }
}

const refuseUnknown = (call: Call, missing: Error): Error => {
  call.allows('read', { kind: 'secret', apiPath: '' })
  return missing
}

/** A folder of an environment: the whole environment when the prefix is absent. The address's path ends with a slash or is empty. */
export const resolveFolder = async (places: Places, call: Call, named: Named, prefix: string | undefined): Promise<SecretAccess> => {
  const path = prefix === undefined || prefix === '' || prefix === '/' ? '' : `${joinPath(parsePath(prefix, places.pathBytes).segments, places.pathBytes)}/`
  return accessTo(places, call, await findPlace(places, call, named, path))
}

/** The resource of one secret below a folder, for asking about each. */
export const resourceBelow = (places: Pick<Places, 'secretResource'>, access: Pick<SecretAccess, 'address'>, path: string, action: Action, isProtected: boolean): Resource =>
  places.secretResource(action, { project: access.address.project, environment: access.address.environment, path, protected: isProtected, kvVersion: access.address.kvVersion })
