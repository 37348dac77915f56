// OpenAPI 3.0 of the paths of Vault's door, in the form that Vault's own document has (its x-vault- extensions, LIST as a GET
// with list=true, which stands under the path with a slash behind), because generators and UIs read it.

import type { AnyField, Fields, JsonSchema } from '../../kernel/fields.ts'
import { snakeCase } from '../../kernel/fields.ts'
import { locationOf } from '../../kernel/input.ts'
import type { Operation } from '../../kernel/operation.ts'

type Json = Readonly<Record<string, unknown>>

/** Operations below one place: a mount, or what is built in. */
export interface DocumentedMount {
  /** `secret/`, `auth/approle/`; empty for paths that are whole. */
  readonly prefix: string
  readonly tag: string
  /** Documented as `{secret_mount_path}/` instead, for code generators. */
  readonly parameter: string | undefined
  readonly operations: readonly Operation[]
}

/** What the door fills in by itself, and Vault's documents do not know. */
const INNER: ReadonlySet<string> = new Set(['presented', 'document'])

const TYPES: Readonly<Record<string, string>> = { integer: 'integer', boolean: 'boolean', array: 'array', object: 'object', number: 'number' }

/** The part of JSON Schema that OpenAPI 3.0 has. */
const schemaOf = (field: AnyField): Json => {
  const [plain = field.schema] = Array.isArray(field.schema['anyOf']) ? (field.schema['anyOf'] as readonly JsonSchema[]) : []
  const { format, default: fallback, enum: choices } = plain
  return {
    type: TYPES[String(plain['type'])] ?? 'string',
    description: field.describe,
    ...(format === 'seconds' || format === 'date-time' || format === 'password' ? { format } : {}),
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(Array.isArray(choices) ? { enum: choices } : {}),
    ...(plain['type'] === 'array' ? { items: field.items === undefined ? { type: 'string' } : schemaOf(field.items) } : {}),
    ...(field.children === undefined ? {} : { properties: propertiesOf(field.children) }),
    ...(field.secret ? { 'x-vault-displaySensitive': true } : {}),
  }
}

const propertiesOf = (fields: Fields): Json => Object.fromEntries(Object.entries(fields).filter(([name]) => !INNER.has(name)).map(([name, field]) => [snakeCase(name), schemaOf(field)]))

const fieldsIn = (operation: Operation, location: 'path' | 'query' | 'body'): Fields =>
  Object.fromEntries(Object.entries(operation.input).filter(([name, field]) => !INNER.has(name) && locationOf(name, field, operation) === location))

const LIST_PARAMETER = { name: 'list', in: 'query', description: 'Must be set to `true`', required: true, schema: { type: 'string', enum: ['true'] } }

const objectOf = (fields: Fields): Json => {
  const required = Object.entries(fields).filter(([, field]) => field.required).map(([name]) => snakeCase(name))
  return { type: 'object', properties: propertiesOf(fields), ...(required.length === 0 ? {} : { required }) }
}

const operationObject = (operation: Operation, operationId: string, tag: string): Json => {
  const query = Object.entries(fieldsIn(operation, 'query')).map(([name, field]) => ({ name: snakeCase(name), in: 'query', description: field.describe, schema: schemaOf(field), ...(field.required ? { required: true } : {}) }))
  const body = fieldsIn(operation, 'body')
  const parameters = [...(operation.method === 'LIST' ? [LIST_PARAMETER] : []), ...query]
  const isEmpty = operation.status === 204
  return {
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    operationId,
    tags: [tag],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(Object.keys(body).length === 0 || operation.method === 'DELETE' ? {} : { requestBody: { required: true, content: { 'application/json': { schema: objectOf(body) } } } }),
    responses: isEmpty ? { 204: { description: 'empty body' } } : { 200: { description: 'OK', content: { 'application/json': { schema: objectOf(operation.output) } } } },
  }
}

/** `secret/data/:path+` → `/secret/data/{path}` */
const templateOf = ({ path, method }: Operation, { prefix, parameter }: DocumentedMount): string => {
  const place = parameter === undefined ? prefix : `${prefix.startsWith('auth/') ? 'auth/' : ''}{${parameter}}/`
  const below = path.replace(/^\/v1\//, '').replace(/^\//, '').replaceAll(/:([A-Za-z]+)\+?/g, (_all, name: string) => `{${snakeCase(name)}}`)
  return `/${place}${below}${method === 'LIST' && !below.endsWith('/') && below !== '' ? '/' : ''}`
}

const parametersOf = (operation: Operation, mount: DocumentedMount): readonly Json[] => [
  ...Object.entries(fieldsIn(operation, 'path')).map(([name, field]) => ({ name: snakeCase(name), in: 'path', description: field.describe, schema: schemaOf(field), required: true })),
  ...(mount.parameter === undefined ? [] : [{ name: mount.parameter, in: 'path', description: 'Path that the engine is mounted at', schema: { type: 'string', default: mount.prefix.replace(/^auth\//, '').replace(/\/$/, '') }, required: true }]),
]

const VERBS: Readonly<Record<Operation['method'], string>> = { GET: 'get', LIST: 'get', POST: 'post', PUT: 'post', PATCH: 'patch', DELETE: 'delete' }

const kebab = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '')

/** Two verbs of one path share its item. */
const itemsOf = (mount: DocumentedMount): ReadonlyMap<string, Json> => {
  const items = new Map<string, Record<string, unknown>>()
  for (const operation of mount.operations) {
    const template = templateOf(operation, mount)
    const item = items.get(template) ?? { description: operation.summary, parameters: parametersOf(operation, mount), ...(operation.access === 'public' ? { 'x-vault-unauthenticated': true } : {}) }
    item[VERBS[operation.method]] = operationObject(operation, kebab(`${mount.prefix}${operation.id}`), mount.tag)
    items.set(template, item)
  }
  return items
}

export const vaultDocument = (mounts: readonly DocumentedMount[], version: string): Json => ({
  openapi: '3.0.2',
  info: { title: 'Coffer, Vault-compatible API', description: 'Paths that Vault\'s clients know. All are below `/v1/`.', version, license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' } },
  paths: Object.fromEntries(mounts.flatMap((mount) => [...itemsOf(mount)]).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  components: { schemas: {} },
})
