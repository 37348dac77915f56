// The port over projects, environments, organizations and their keys; services/tenancy and keyring fill it.

import type { Secret } from '../../crypto/secret.ts'
import type { Call, Grant } from '../call.ts'
import type { Environment, Mount, Organization, OrgRegistry } from '../tenancy.ts'

export interface ProjectsPort {
  registry(orgId: string): Promise<OrgRegistry>
  createProject(grant: Grant, call: Call, command: { readonly name: string; readonly description: string }): Promise<{ readonly mount: Mount; readonly environments: readonly Environment[] }>
  createEnvironment(grant: Grant, call: Call, mount: Mount, command: { readonly slug: string; readonly name: string | undefined; readonly protected: boolean; readonly absorb: boolean }): Promise<Environment>
  updateEnvironment(grant: Grant, call: Call, environment: Environment, patch: { readonly name?: string | undefined; readonly protected?: boolean | undefined }): Promise<Environment>
  removeEnvironment(grant: Grant, call: Call, environment: Environment): Promise<void>
}

export interface OrganizationsPort {
  organization(orgId: string): Promise<Organization>
  create(grant: Grant, call: Call, command: { readonly slug: string; readonly name: string }): Promise<{ readonly organization: Organization; readonly token: Secret<string> }>
  /** Takes it, with all below it, out of use, or back into it. */
  setState(grant: Grant, call: Call, wanted: { readonly slug: string; readonly state: 'active' | 'suspended' }): Promise<Organization>
  /** Destroys its keys: nothing that was encrypted under them can be read again. */
  shred(grant: Grant, call: Call, slug: string): Promise<Organization>
  list(grant: Grant, call: Call, page: { readonly after: string; readonly limit: number }): Promise<readonly Organization[]>
}

export interface KeysPort {
  rotate(grant: Grant, call: Call, options: { readonly rewrap: boolean }): Promise<{ readonly kekVersion: number; readonly rewrapped: number }>
}
