// The OpenAPI 3.1 document of the HTTP operations, made from their contracts and from nothing else. The native door
// wraps its answers in {error, message, data}, the flat one does not; errors of both look the same.

import { kindFacts, type ErrorKind } from '../../kernel/errors.ts'
import type { Fields } from '../../kernel/fields.ts'
import { locationOf } from '../../kernel/input.ts'
import type { Operation } from '../../kernel/operation.ts'
import { objectOf, schemaOf } from './schema.ts'

type Json = Readonly<Record<string, unknown>>

const NATIVE = '/api/v1/'
const FLAT = '/v1/secrets'

/** Whether an operation is one of the HTTP doors that this document is about. Vault's paths and gRPC have contracts of their own. */
export const isDocumented = ({ path }: Operation): boolean => path.startsWith(NATIVE) || path === FLAT || path.startsWith(`${FLAT}/`)

const ref = (kind: string, name: string): Json => ({ $ref: `#/components/${kind}/${name}` })

/** `/secrets/:key+/history` → `/secrets/{key}/history` */
export const templateOf = (path: string): string => path.replaceAll(/:([A-Za-z]+)\+?/g, '{$1}')

const fieldsIn = (operation: Operation, location: 'path' | 'query' | 'body'): Fields =>
  Object.fromEntries(Object.entries(operation.input).filter(([name, field]) => locationOf(name, field, operation) === location))

const pathParameter = (operation: Operation, name: string, schema: Json): Json => {
  const spans = operation.path.includes(`:${name}+`)
  return { name, in: 'path', required: true, ...(spans ? { description: 'May hold slashes: each segment is escaped by itself.' } : {}), schema }
}

const parametersOf = (operation: Operation): readonly Json[] => [
  ...Object.entries(fieldsIn(operation, 'path')).map(([name, field]) => pathParameter(operation, name, schemaOf(field))),
  ...Object.entries(fieldsIn(operation, 'query')).map(([name, field]) => ({ name, in: 'query', required: field.required, schema: schemaOf(field) })),
  ...(operation.access === 'public' ? [] : [ref('parameters', 'Organization'), ref('parameters', 'Project')]),
  ...(operation.idempotent === true ? [ref('parameters', 'IdempotencyKey')] : []),
]

const bodyOf = (operation: Operation): Json | undefined => {
  if (operation.method === 'GET' || operation.method === 'DELETE') return undefined
  const fields = fieldsIn(operation, 'body')
  if (Object.keys(fields).length === 0) return undefined
  const content = { schema: objectOf(fields), ...(operation.example === undefined ? {} : { example: operation.example }) }
  return { required: Object.values(fields).some((field) => field.required), content: { 'application/json': content } }
}

const envelope = (operation: Operation): Json => ({
  type: 'object',
  properties: { error: { const: false }, message: { type: 'string' }, data: objectOf(operation.output) },
  required: ['error', 'message', 'data'],
  additionalProperties: false,
})

const successOf = (operation: Operation): Json => {
  const headers = { 'x-request-id': ref('headers', 'RequestId') }
  if (operation.status === 204) return { description: operation.summary, headers }
  const schema = operation.path.startsWith(NATIVE) ? envelope(operation) : objectOf(operation.output)
  return { description: operation.summary, headers, content: { 'application/json': { schema } } }
}

const failuresOf = (operation: Operation): Json => {
  const kinds: readonly ErrorKind[] = [...operation.errors, 'internal']
  const byStatus = Map.groupBy(new Set(kinds), (kind) => kindFacts[kind].http)
  return Object.fromEntries([...byStatus].toSorted(([a], [b]) => a - b).map(([status, same]) => [String(status), { description: same.join(', '), content: { 'application/json': { schema: ref('schemas', 'Error') } } }]))
}

const operationObject = (operation: Operation): Json => {
  const body = bodyOf(operation)
  return {
    operationId: operation.id,
    tags: [operation.tag],
    summary: operation.summary,
    ...(operation.description === undefined ? {} : { description: operation.description }),
    ...(operation.access === 'public' ? { security: [] } : {}),
    parameters: parametersOf(operation),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { [String(operation.status ?? 200)]: successOf(operation), ...failuresOf(operation) },
  }
}

const errorSchema = {
  type: 'object',
  properties: {
    error: { const: true },
    message: { type: 'string', description: 'What to do, in a sentence' },
    data: {
      type: 'object',
      properties: {
        code: { type: 'string', description: 'What programs go by; docs/reference/errors.md lists them' },
        field: { type: 'string', description: 'The input that is wrong' },
        requestId: { type: 'string', description: 'Finds the request in the audit record and the log' },
      },
      required: ['code', 'requestId'],
      additionalProperties: false,
    },
  },
  required: ['error', 'message', 'data'],
  additionalProperties: false,
}

const header = (name: string, description: string): Json => ({ name, in: 'header', required: false, description, schema: { type: 'string', maxLength: 255 } })

const components = {
  securitySchemes: {
    bearer: { type: 'http', scheme: 'bearer', description: 'A token: `Authorization: Bearer hvs....`' },
    vaultToken: { type: 'apiKey', in: 'header', name: 'X-Vault-Token', description: 'The same token as Vault\'s clients send it. Not both, unless they are equal.' },
  },
  parameters: {
    Organization: header('X-Coffer-Organization', 'Organization, as slugs. Default: the token\'s own.'),
    Project: header('X-Coffer-Project', 'Project of a request that names none. Default: the token\'s own, then `secret`.'),
    IdempotencyKey: header('Idempotency-Key', 'A repetition with the same key is not done again.'),
  },
  headers: { RequestId: { description: 'Finds the request in the audit record and the log', schema: { type: 'string' } } },
  schemas: { Error: errorSchema },
}

const pathsOf = (operations: readonly Operation[]): Json => {
  const byPath = Map.groupBy(operations, ({ path }) => templateOf(path))
  const sorted = [...byPath].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([path, same]) => [path, Object.fromEntries(same.map((operation) => [operation.method.toLowerCase(), operationObject(operation)]))]))
}

/** The document as plain JSON; the same contracts give the same document, to the byte. */
export const openApiDocument = (contracts: readonly Operation[]): Json => {
  const operations = contracts.filter(isDocumented).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Coffer',
      version: '1',
      summary: 'A self-hosted secrets management platform',
      description: 'Answers of `/api/v1` are `{error, message, data}`; those of `/v1/secrets` are bare. Unknown fields and query parameters are refused. Vault\'s own paths and the gRPC service are documented apart.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { vaultToken: [] }],
    tags: [...new Set(operations.map(({ tag }) => tag))].toSorted().map((name) => ({ name })),
    paths: pathsOf(operations),
    components,
  }
}
