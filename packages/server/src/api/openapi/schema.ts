// Fields as JSON Schema for people and generators: the schemas that requests are checked by, with our own keywords
// turned into what other tools know.

import type { Field, Fields, JsonSchema } from '../../kernel/fields.ts'

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Seconds may also be written as a duration, which the check sees only after it has been turned into seconds. */
const durationSchema = (schema: JsonSchema): JsonSchema => {
  const { description, default: fallback, ...seconds } = schema
  return {
    description,
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [seconds, { type: 'string', maxLength: 128, examples: ['1h30m'] }],
  }
}

/** `maxBytes` is our own keyword; OpenAPI 3.1 keeps extensions apart by their prefix. */
export const publicSchema = (schema: JsonSchema): JsonSchema => {
  const renamed = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key === 'maxBytes' ? 'x-max-bytes' : key, inner(key, value)]))
  return renamed['format'] === 'seconds' ? durationSchema(renamed) : renamed
}

const inner = (key: string, value: unknown): unknown => {
  if (key === 'properties' && isRecord(value)) return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, isRecord(schema) ? publicSchema(schema) : schema]))
  if (Array.isArray(value)) return value.map((item) => (isRecord(item) ? publicSchema(item) : item))
  return isRecord(value) && key !== 'default' ? publicSchema(value) : value
}

export const schemaOf = (field: Field<unknown>): JsonSchema => publicSchema(field.schema)

/** A record of fields as an object that holds nothing else. */
export const objectOf = (fields: Fields): JsonSchema => {
  const required = Object.entries(fields).filter(([, field]) => field.required).map(([name]) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)])),
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  }
}
