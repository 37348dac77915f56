// The contracts of projects and their environments on the native door.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'projects'
const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const
const project = f.text('Name of the project', { max: 64, min: 1 })
const environment = f.text('Environment', { max: 63, min: 1 })

const environmentView = {
  id: f.text('Id', { max: 40 }),
  slug: f.text('Name in paths', { max: 63 }),
  name: f.text('Name for people', { max: 128 }),
  protected: f.bool('Whether roles other than owners are kept from revealing and changing'),
  createdAt: f.time('When it was registered'),
}
const projectView = {
  id: f.text('Id', { max: 40 }),
  name: f.text('Name, and path of its mount', { max: 64 }),
  description: f.text('What it is for', { max: 1024 }),
  environments: f.list('Environments', f.object('An environment', environmentView), { max: 1000 }),
  createdAt: f.time('When it was made'),
}

export const list = operation({
  id: 'projects.list', method: 'GET', path: '/api/v1/projects', tag, access: 'token', audit: 'project.list', work: 'list',
  summary: 'List the projects that you may see',
  input: {}, output: { items: f.list('Projects', f.object('A project', projectView), { max: 10_000 }) }, errors: common,
})

export const create = operation({
  id: 'projects.create', method: 'POST', path: '/api/v1/projects', tag, access: 'policy', audit: 'project.create', work: 'write', status: 201,
  summary: 'Make a project with the environments dev, staging and prod',
  input: { name: project, description: f.text('What it is for', { max: 1024 }).default('') }, output: projectView, errors: [...common, 'conflict'],
})

export const get = operation({
  id: 'projects.get', method: 'GET', path: '/api/v1/projects/:project', tag, access: 'policy', audit: 'project.read', work: 'read',
  summary: 'Read a project', input: { project }, output: projectView, errors: [...common, 'not_found'],
})

export const listEnvironments = operation({
  id: 'environments.list', method: 'GET', path: '/api/v1/projects/:project/environments', tag, access: 'policy', audit: 'environment.list', work: 'list',
  summary: 'List the environments of a project',
  input: { project }, output: { items: f.list('Environments', f.object('An environment', environmentView), { max: 1000 }) }, errors: [...common, 'not_found'],
})

export const createEnvironment = operation({
  id: 'environments.create', method: 'POST', path: '/api/v1/projects/:project/environments', tag, access: 'policy', audit: 'environment.create', work: 'write', status: 201,
  summary: 'Register an environment; secrets whose paths start with its name become part of it, after absorb',
  input: { project, slug: environment, name: f.text('Name for people', { max: 128 }).optional(), protected: f.bool('Protected from the start').default(false), absorb: f.bool('Take in the secrets that were shown').default(false) },
  output: environmentView, errors: [...common, 'not_found', 'conflict'],
})

export const updateEnvironment = operation({
  id: 'environments.update', method: 'PATCH', path: '/api/v1/projects/:project/environments/:environment', tag, access: 'policy', audit: 'environment.update', work: 'write',
  summary: 'Rename an environment for people, or change its protection',
  input: { project, environment, name: f.text('Name for people', { max: 128 }).optional(), protected: f.bool('Protected').optional() },
  output: environmentView, errors: [...common, 'not_found'],
})

export const removeEnvironment = operation({
  id: 'environments.delete', method: 'DELETE', path: '/api/v1/projects/:project/environments/:environment', tag, access: 'policy', audit: 'environment.delete', work: 'write',
  summary: 'Remove an environment that holds no secrets', input: { project, environment }, output: { removed: f.bool('Always true') }, errors: [...common, 'not_found', 'conflict'],
})
