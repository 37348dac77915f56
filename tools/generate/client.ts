// packages/client/src/generated/api.ts: types of inputs and outputs, one method for each operation, and the table that
// the client sends requests by.

import { isDocumented } from '../../packages/server/src/api/openapi/document.ts'
import type { AnyField, Fields, JsonSchema } from '../../packages/server/src/kernel/fields.ts'
import { changes, type Operation } from '../../packages/server/src/kernel/operation.ts'

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll('\'', '\\\'')}'`

const typeOfSchema = (schema: JsonSchema): string => {
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => quoted(String(value))).join(' | ')
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map((each: JsonSchema) => typeOfSchema(each)).join(' | ')
  if (schema['type'] === 'string') return 'string'
  if (schema['type'] === 'integer') return 'number'
  if (schema['type'] === 'boolean' || schema['type'] === 'null') return schema['type']
  const values = schema['additionalProperties']
  if (schema['type'] === 'object') return `Readonly<Record<string, ${typeof values === 'object' && values !== null ? typeOfSchema(values as JsonSchema) : 'unknown'}>>`
  throw new Error(`no type for a schema of ${String(schema['type'])}`)
}

const typeOf = (field: AnyField, isInput: boolean): string => {
  if (field.children !== undefined) return `{ ${Object.entries(field.children).map(([name, child]) => member(name, child, isInput)).join('; ')} }${isNullable(field) ? ' | null' : ''}`
  const { items, schema } = field
  if (items !== undefined && schema['type'] === 'array') return `readonly ${grouped(typeOf(items, isInput))}[]`
  if (items !== undefined) return `Readonly<Record<string, ${typeOf(items, isInput)}>>`
  // Seconds may be written as a duration, "1h30m".
  return isInput && schema['format'] === 'seconds' ? 'number | string' : typeOfSchema(schema)
}

const isNullable = ({ schema }: AnyField): boolean => Array.isArray(schema['anyOf'])

const grouped = (type: string): string => (type.includes(' | ') ? `(${type})` : type)

// Inputs may be given as undefined, which means absent; what the server answers is there or is not.
const member = (name: string, field: AnyField, isInput: boolean): string => {
  const type = typeOf(field, isInput)
  if (field.required) return `readonly ${name}: ${type}`
  return `readonly ${name}?: ${type}${isInput ? ' | undefined' : ''}`
}

const pascal = (id: string): string => id.split('.').map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('')

const interfaceOf = (name: string, fields: Fields, isInput: boolean): string => {
  const members = Object.entries(fields).map(([field, value]) => `  /** ${value.describe.replaceAll('*/', '*\\/')} */\n  ${member(field, value, isInput)}\n`)
  return `export interface ${name} {\n${members.join('')}}\n`
}

const hasInput = ({ input }: Operation): boolean => Object.keys(input).length > 0
const hasOutput = ({ output }: Operation): boolean => Object.keys(output).length > 0

const method = (operation: Operation): string => {
  const [, name = ''] = operation.id.split('.')
  const isNeeded = Object.values(operation.input).some((field) => field.required)
  const input = hasInput(operation) ? `${pascal(operation.id)}Input` : 'Readonly<Record<string, never>>'
  return `    /** ${operation.summary} */\n    ${name}(input${isNeeded ? '' : '?'}: ${input}, options?: CallOptions): Promise<${hasOutput(operation) ? `${pascal(operation.id)}Output` : 'Readonly<Record<string, never>>'}>\n`
}

const facts = (operation: Operation): string => {
  const query = Object.entries(operation.input).filter(([, field]) => field.location === 'query').map(([name]) => quoted(name))
  // What only reads may be sent again, whatever its method; what writes only under a key that the server knows it by.
  const repeat = operation.method === 'GET' || !changes(operation.work) ? 'safe' : operation.idempotent === true ? 'key' : 'never'
  return `  ${quoted(operation.id)}: { method: ${quoted(operation.method)}, path: ${quoted(operation.path)}, query: [${query.join(', ')}], repeat: ${quoted(repeat)}${operation.path.startsWith('/v1/') ? ', bare: true' : ''} },\n`
}

export const renderClient = (contracts: readonly Operation[]): string => {
  const operations = contracts.filter(isDocumented)
  const types = operations.flatMap((operation) => [
    ...(hasInput(operation) ? [interfaceOf(`${pascal(operation.id)}Input`, operation.input, true)] : []),
    ...(hasOutput(operation) ? [interfaceOf(`${pascal(operation.id)}Output`, operation.output, false)] : []),
  ])
  const groups = [...Map.groupBy(operations, ({ id }) => id.split('.')[0] ?? '')].map(([group, same]) => `  readonly ${group}: {\n${same.map(method).join('')}  }\n`)
  return [
    '// Generated from the operations\' contracts; do not edit. One method for each operation, and what a request of it looks like.\n',
    'import type { CallOptions, OperationFacts } from \'../operation.ts\'\n',
    ...types,
    `export interface Api {\n${groups.join('')}}\n`,
    `export const operations: Readonly<Record<string, OperationFacts>> = {\n${operations.map(facts).join('')}}\n`,
  ].join('\n')
}
