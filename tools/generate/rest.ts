// docs/reference/rest.md: one section for each operation of the HTTP doors.

import { templateOf, isDocumented } from '../../packages/server/src/api/openapi/document.ts'
import { kindFacts } from '../../packages/server/src/kernel/errors.ts'
import type { AnyField, Fields, JsonSchema } from '../../packages/server/src/kernel/fields.ts'
import { locationOf } from '../../packages/server/src/kernel/input.ts'
import { walkFields, type Operation } from '../../packages/server/src/kernel/operation.ts'
import { cell, table } from './markdown.ts'

/** A schema in a few words: what it is and how large it may be. */
const formOf = (schema: JsonSchema): string => {
  const { type, format } = schema
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map((each: JsonSchema) => formOf(each)).join(' or ')
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => `\`${String(value)}\``).join(', ')
  if (format === 'date-time') return 'RFC 3339 time'
  if (format === 'seconds') return 'seconds, or a duration like `1h30m`'
  if (type === 'string') return `${format === 'password' ? 'secret ' : ''}text, at most ${Number(schema['maxLength']).toLocaleString('en')}`
  if (type === 'integer') return rangeOf(schema)
  // What a list holds is a schema by itself.
  if (type === 'array') return `list of at most ${Number(schema['maxItems']).toLocaleString('en')}: ${formOf(schema['items'] as JsonSchema)}`
  if (type === 'object') return typeof schema['maxProperties'] === 'number' ? `map of at most ${schema['maxProperties'].toLocaleString('en')}` : 'object'
  return String(type)
}

const rangeOf = ({ minimum, maximum }: JsonSchema): string => (maximum === Number.MAX_SAFE_INTEGER ? `whole number from ${String(minimum)}` : `whole number, ${Number(minimum).toLocaleString('en')} to ${Number(maximum).toLocaleString('en')}`)

const need = (field: AnyField): string => {
  if (field.required) return 'yes'
  return field.fallback === undefined || field.secret ? 'no' : `no: \`${JSON.stringify(field.fallback)}\``
}

const inputs = (operation: Operation): string => {
  const rows = Object.entries(operation.input).map(([name, field]) => [`\`${name}\``, locationOf(name, field, operation), need(field), cell(formOf(field.schema)), cell(field.describe)])
  return rows.length === 0 ? 'No input.\n' : table(['input', 'in', 'needed', 'form', 'what it is'], rows)
}

const outputs = (fields: Fields): string => {
  const rows = [...walkFields(fields)].map(([name, field]) => [`\`${name}\``, field.required ? 'always' : 'sometimes', cell(formOf(field.schema)), cell(field.describe)])
  return rows.length === 0 ? 'No data.\n' : table(['output', 'there', 'form', 'what it is'], rows)
}

const exampleOf = (operation: Operation): string => (operation.example === undefined ? '' : `\n\`\`\`json\n${JSON.stringify(operation.example, null, 2)}\n\`\`\`\n`)

const accessOf = ({ access }: Operation): string => ({ public: 'No token is needed.', optional: 'No token is needed; with one more may be answered.', token: 'Any token will do.', policy: 'A policy or role must allow it.' })[access]

const section = (operation: Operation): string => {
  const facts = [
    accessOf(operation),
    operation.audit === undefined ? '' : `In the audit record: \`${operation.audit}\`.`,
    operation.idempotent === true ? 'Takes `Idempotency-Key`.' : '',
    `Errors: ${operation.errors.map((kind) => `${kindFacts[kind].http} ${kind}`).join(', ')}.`,
  ].filter((fact) => fact !== '')
  const description = operation.description === undefined ? '' : `\n${operation.description}\n`
  return `### ${operation.id}\n\n\`${operation.method} ${templateOf(operation.path)}\` → ${operation.status ?? 200}\n\n${operation.summary}.\n${description}\n${facts.join(' ')}\n\n${inputs(operation)}${exampleOf(operation)}\n${outputs(operation.output)}`
}

const introduction = `# HTTP operations

Generated from the operations' contracts by \`npm run generate\`; do not edit. The same as OpenAPI: [openapi.json](openapi.json), which a server also gives at \`/api/v1/openapi.json\`.

A token goes into \`Authorization: Bearer\` or \`X-Vault-Token\`. Answers of \`/api/v1\` are \`{"error": false, "message", "data"}\` with the outputs in \`data\`; those of \`/v1/secrets\` are the outputs themselves. Errors of both are \`{"error": true, "message", "data": {"code", "field", "requestId"}}\`: [the codes](errors.md).
Unknown fields and query parameters are refused. A path parameter that may hold slashes is escaped segment by segment.
`

export const renderRest = (contracts: readonly Operation[]): string => {
  const byTag = Map.groupBy(contracts.filter(isDocumented), ({ tag }) => tag)
  const parts = [...byTag].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([tag, same]) => `\n## ${tag}\n\n${same.map(section).join('\n')}`)
  return `${introduction}${parts.join('')}`
}
