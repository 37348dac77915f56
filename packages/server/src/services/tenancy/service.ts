// Projects and environments. Reads go through one cached registry per organization; every change is one audited
// transaction that tells the feed `tenancy`, upon which the registry is loaded anew.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail, quote } from '../../kernel/errors.ts'
import { isUniqueViolation, type Database, type Transaction } from '../../kernel/storage.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import { makeRegistry, type Environment, type Mount, type OrgRegistry } from '../../kernel/tenancy.ts'
import * as repository from './repository.ts'
import type { VersionedKey } from './rows.ts'

export interface TenancyKeys {
  purpose(name: 'rows'): HmacKey
  purposeVersions(name: 'rows'): readonly VersionedKey[]
}

export interface TenancyPorts {
  readonly database: Database
  keys(orgId: string): Promise<TenancyKeys>
  cached(orgId: string, load: () => Promise<OrgRegistry>): Promise<OrgRegistry>
  /** Moves secrets of the default environment below `slug/` into the environment `slug`. */
  absorb(tx: Transaction, orgId: string, mountId: string, slug: string): Promise<void>
  /** Takes away roles bound in an environment and tokens locked to it. Returns the tokens' ids. */
  release(tx: Transaction, orgId: string, environment: Environment): Promise<readonly string[]>
  readonly flatSecrets: boolean
}

const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/
const PROJECT = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/
// Names that would shadow a door's own paths (architecture, section 2 "Organizations").
const RESERVED = new Set(['sys', 'auth', 'identity', 'cubbyhole', 'v1', 'api', 'root'])
const STANDARD = ['dev', 'staging', 'prod'] as const
const ABSORB_SHOWN = 100

export const registryOf = (ports: TenancyPorts, orgId: string): Promise<OrgRegistry> =>
  ports.cached(orgId, async () => {
    const keys = await ports.keys(orgId)
    const loaded = await ports.database.transaction(orgId, (tx) => repository.loadRegistry(tx, orgId, keys.purposeVersions('rows')), { readOnly: true })
    return makeRegistry(orgId, loaded.mounts, loaded.environments)
  })

const newMount = (path: string, description: string, at: number): Mount => ({ mountId: makeUuidV7(at), class: 'secret', path, type: 'kv', description, options: { version: '2' }, config: {}, createdAt: at, rowVersion: 1 })

const newEnvironment = (mountId: string, slug: string, options: { readonly protected: boolean; readonly position: number; readonly at: number; readonly name?: string }): Environment => ({
  environmentId: makeUuidV7(options.at),
  mountId,
  slug,
  name: options.name ?? slug,
  protected: options.protected,
  position: options.position,
  createdAt: options.at,
  rowVersion: 1,
})

/** A project with dev, staging and prod. Used by createProject and when an organization is made. */
export const insertProject = async (tx: Transaction, orgId: string, project: { readonly name: string; readonly description: string; readonly at: number }, key: HmacKey): Promise<{ readonly mount: Mount; readonly environments: readonly Environment[] }> => {
  const mount = newMount(project.name, project.description, project.at)
  await repository.insertMount(tx, orgId, mount, key)
  const environments = STANDARD.map((slug, position) => newEnvironment(mount.mountId, slug, { protected: false, position, at: project.at }))
  for (const environment of environments) await repository.insertEnvironment(tx, orgId, environment, key)
  return { mount, environments }
}

/** @throws invalid_request for a name that a door needs for itself or that is not a name */
export const checkProjectName = (name: string, flatSecrets: boolean): void => {
  if (!PROJECT.test(name)) throw fail('invalid_request', 'project.bad_name', 'A project name has up to 63 letters, digits, dots, dashes and underscores, and starts with a letter, digit or underscore.', { field: 'name' })
  if (RESERVED.has(name.toLowerCase()) || (flatSecrets && name === 'secrets')) throw fail('invalid_request', 'project.reserved_name', `The name ${quote(name)} is reserved.`, { field: 'name' })
}

export const createProject = async (ports: TenancyPorts, _grant: Grant, call: Call, command: { readonly name: string; readonly description: string }): Promise<{ readonly mount: Mount; readonly environments: readonly Environment[] }> => {
  checkProjectName(command.name, ports.flatSecrets)
  const keys = await ports.keys(call.orgId)
  const at = call.now()
  try {
    return await auditedWrite(ports.database, call, {}, async (tx, note) => {
      if (await repository.childExists(tx, call.orgId, command.name)) throw fail('conflict', 'project.organization_taken', `An organization below this one is called ${quote(command.name)}; its paths would be the project's.`, { field: 'name' })
      note('tenancy', '')
      return insertProject(tx, call.orgId, { ...command, at }, keys.purpose('rows'))
    })
  } catch (error) {
    if (isUniqueViolation(error)) throw fail('conflict', 'project.exists', `There is a project or mount ${quote(command.name)} already.`, { field: 'name', cause: error })
    throw error
  }
}

export interface EnvironmentCommand {
  readonly slug: string
  readonly name: string | undefined
  readonly protected: boolean
  /** Take in the secrets whose paths start with the slug. Without it they are shown and nothing is done. */
  readonly absorb: boolean
}

/** Registers an environment. @throws conflict listing the secrets that it would take in, unless `absorb` */
export const createEnvironment = async (ports: TenancyPorts, _grant: Grant, call: Call, mount: Mount, command: EnvironmentCommand): Promise<Environment> => {
  if (!SLUG.test(command.slug) || command.slug === 'default') {
    throw fail('invalid_request', 'environment.bad_slug', 'An environment is named by up to 63 lower-case letters, digits and dashes, and is not "default".', { field: 'slug' })
  }
  const keys = await ports.keys(call.orgId)
  const registry = await registryOf(ports, call.orgId)
  const environment = newEnvironment(mount.mountId, command.slug, { protected: command.protected, position: registry.environments(mount.mountId).length, at: call.now(), ...(command.name === undefined ? {} : { name: command.name }) })
  try {
    return await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
      const affected = await repository.absorbable(tx, call.orgId, mount.mountId, command.slug, ABSORB_SHOWN)
      const named = affected.find(({ path }) => path === command.slug)
      if (named !== undefined) throw fail('conflict', 'environment.names_secret', `There is a secret ${quote(command.slug)} in the default environment; its path would name the environment. Copy it to another path and purge it first.`, { field: 'slug' })
      if (affected.length > 0 && !command.absorb) throw wouldAbsorb(affected)
      if (affected.length > 0) await ports.absorb(tx, call.orgId, mount.mountId, command.slug)
      await repository.insertEnvironment(tx, call.orgId, environment, keys.purpose('rows'))
      note('tenancy', '')
      return environment
    })
  } catch (error) {
    if (isUniqueViolation(error, 'environments_slug')) throw fail('conflict', 'environment.exists', `The project has an environment ${quote(command.slug)} already.`, { field: 'slug', cause: error })
    throw error
  }
}

const wouldAbsorb = (affected: readonly repository.Absorbed[]): Error => {
  const shown = affected.slice(0, 10).map((secret) => quote(secret.path))
  return fail('conflict', 'environment.would_absorb', `These secrets would become part of the environment: ${shown.join(', ')}${affected.length > 10 ? ', ...' : ''}. Repeat with absorb to do it.`, { field: 'absorb' })
}

export const updateEnvironment = async (ports: TenancyPorts, _grant: Grant, call: Call, environment: Environment, patch: { readonly name?: string | undefined; readonly protected?: boolean | undefined }): Promise<Environment> => {
  const keys = await ports.keys(call.orgId)
  const changed: Environment = { ...environment, name: patch.name ?? environment.name, protected: patch.protected ?? environment.protected, rowVersion: environment.rowVersion + 1 }
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    if (!(await repository.updateEnvironment(tx, call.orgId, changed, keys.purpose('rows')))) throw fail('conflict', 'environment.changed', `The environment ${quote(environment.slug)} was changed by somebody else meanwhile. Try again.`)
    note('tenancy', '')
  })
  return changed
}

/** Removes an environment that holds nothing, deleted secrets included. @throws conflict */
export const removeEnvironment = async (ports: TenancyPorts, _grant: Grant, call: Call, environment: Environment): Promise<void> => {
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    if (await repository.environmentInUse(tx, call.orgId, environment.mountId, environment.slug)) {
      throw fail('conflict', 'environment.in_use', `The environment ${quote(environment.slug)} still holds secrets; purge them first.`)
    }
    // What was granted in it goes with it, or it would apply again to whoever uses the name next.
    for (const tokenId of await ports.release(tx, call.orgId, environment)) note('token', tokenId)
    await repository.deleteEnvironment(tx, call.orgId, environment.environmentId)
    note('grants', environment.environmentId)
    note('tenancy', '')
  })
}
