// An engine, or an auth method, as the catalogue lists it: a folder with contracts and handlers that somebody mounts at a
// path. Paths of its operations are relative to the mount.

import type { Call, Grant } from './call.ts'
import type { LeaseIssuer, LeaseKinds } from './ports/lease.ts'
import type { Implemented } from './operation.ts'
import type { Places } from './places.ts'
import type { ProjectsPort } from './ports/projects.ts'
import type { SealedStore } from './ports/sealed-store.ts'
import type { SecretsPort } from './secrets.ts'
import type { Mount } from './tenancy.ts'

/** What engines may ask of the core. */
export interface EngineParts {
  readonly secrets: SecretsPort
  readonly places: Places
  readonly projects: ProjectsPort
  /** The sealed state of the mount that a call came through. */
  store(call: Call): SealedStore
  readonly leases: LeaseIssuer
  /** Adds to what a mount's row says of it. */
  configureMount(grant: Grant, call: Call, mount: Mount, config: Readonly<Record<string, unknown>>): Promise<void>
}

export interface Engine {
  /** As mounts name it, with the version of its contract where there are several: `kv`, `kv:1`. */
  readonly type: string
  readonly summary: string
  implement(parts: EngineParts): readonly Implemented[]
  /** How credentials that it made end. */
  readonly leases?: LeaseKinds
}

export const defineEngine = (engine: Engine): Engine => Object.freeze(engine)

/** The catalogue's name of a mount's engine. */
export const engineOf = (mount: { readonly type: string; readonly options: Readonly<Record<string, string>> }): string =>
  mount.type === 'kv' && mount.options['version'] === '1' ? 'kv:1' : mount.type
