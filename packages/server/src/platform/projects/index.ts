// Handlers of projects and environments.

import type { Action, Call, Grant, Resource } from '../../kernel/call.ts'
import { fail, quote } from '../../kernel/errors.ts'
import { formatId } from '../../kernel/ids.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import type { ProjectsPort } from '../../kernel/ports/projects.ts'
import type { Environment, Mount, OrgRegistry } from '../../kernel/tenancy.ts'
import * as operations from './operations.ts'

const iso = (ms: number): string => new Date(ms).toISOString()

const projectResource = (project: string): Resource => ({ kind: 'project', apiPath: `sys/mounts/${project}`, project })
const environmentResource = (project: string, environment: string | undefined, isProtected: boolean | undefined): Resource => ({
  kind: 'environment', apiPath: `sys/mounts/${project}/environments${environment === undefined ? '' : `/${environment}`}`, project, environment, protected: isProtected,
})

const environmentView = (environment: Environment) => ({ id: formatId('environment', environment.environmentId), slug: environment.slug, name: environment.name, protected: environment.protected, createdAt: iso(environment.createdAt) })
const projectView = (mount: Mount, environments: readonly Environment[]) => ({ id: formatId('project', mount.mountId), name: mount.path, description: mount.description, environments: environments.map(environmentView), createdAt: iso(mount.createdAt) })

interface Located {
  readonly registry: OrgRegistry
  readonly mount: Mount
  readonly grant: Grant
}

/** Permission first, so that a stranger cannot tell a project that is not there from one that is not his. */
const locate = async (projects: ProjectsPort, call: Call, name: string, action: Action): Promise<Located> => {
  const registry = await projects.registry(call.orgId)
  const grant = call.authorise(action, projectResource(name))
  const mount = registry.mountByPath('secret', name)
  if (mount === undefined || mount.type !== 'kv') throw fail('not_found', 'project.not_found', `There is no project ${quote(name)}.`, { field: 'project' })
  return { registry, mount, grant }
}

const locateEnvironment = async (projects: ProjectsPort, call: Call, input: { readonly project: string; readonly environment: string }, action: Action): Promise<{ readonly environment: Environment; readonly grant: Grant }> => {
  const registry = await projects.registry(call.orgId)
  const mount = registry.mountByPath('secret', input.project)
  const environment = mount === undefined ? undefined : registry.environment(mount.mountId, input.environment)
  const grant = call.authorise(action, environmentResource(input.project, input.environment, environment?.protected))
  if (environment === undefined) throw fail('not_found', 'environment.not_found', `There is no environment ${quote(input.environment)}.`, { field: 'environment' })
  return { environment, grant }
}

export const platformProjects = (projects: ProjectsPort): readonly Implemented[] =>
  implement(operations, {
    async list(_input, call) {
      const registry = await projects.registry(call.orgId)
      const seen = registry.mounts.filter((mount) => mount.class === 'secret' && mount.type === 'kv' && call.allows('read', projectResource(mount.path)).allow)
      return { items: seen.map((mount) => projectView(mount, registry.environments(mount.mountId))) }
    },
    async create(input, call) {
      const grant = call.authorise('create', projectResource(input.name))
      const made = await projects.createProject(grant, call, input)
      return projectView(made.mount, made.environments)
    },
    async get(input, call) {
      const { registry, mount } = await locate(projects, call, input.project, 'read')
      return projectView(mount, registry.environments(mount.mountId))
    },
    async listEnvironments(input, call) {
      const { registry, mount } = await locate(projects, call, input.project, 'read')
      return { items: registry.environments(mount.mountId).map(environmentView) }
    },
    async createEnvironment(input, call) {
      const registry = await projects.registry(call.orgId)
      const grant = call.authorise('create', environmentResource(input.project, input.slug, input.protected))
      const mount = registry.mountByPath('secret', input.project)
      if (mount === undefined) throw fail('not_found', 'project.not_found', `There is no project ${quote(input.project)}.`, { field: 'project' })
      return environmentView(await projects.createEnvironment(grant, call, mount, { slug: input.slug, name: input.name, protected: input.protected, absorb: input.absorb }))
    },
    async updateEnvironment(input, call) {
      const { environment, grant } = await locateEnvironment(projects, call, input, input.protected === undefined ? 'update' : 'administer')
      // Taking the protection away would undo what an admin is kept from in a protected environment: that is the owners'.
      if (input.protected === false && environment.protected) call.authorise('administer', { kind: 'owner', apiPath: `sys/mounts/${input.project}/environments/${input.environment}/protection`, project: input.project, environment: input.environment, protected: true })
      return environmentView(await projects.updateEnvironment(grant, call, environment, { name: input.name, protected: input.protected }))
    },
    async removeEnvironment(input, call) {
      const { environment, grant } = await locateEnvironment(projects, call, input, 'destroy')
      await projects.removeEnvironment(grant, call, environment)
      return { removed: true }
    },
  })
