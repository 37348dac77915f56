// Compiles an operation's input contract once, and turns what a door received into what the handler gets. Nothing
// unknown passes a native door; a wrong field is named, its value never repeated.

import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { fail } from './errors.ts'
import { jsonBytes, objectSchema, snakeCase, type Field, type Fields, type Leniency, type Location } from './fields.ts'

export interface RawInput {
  readonly path: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  /** Undefined: no body was sent. */
  readonly body: Readonly<Record<string, unknown>> | undefined
}

export interface ParsedInput {
  readonly input: Readonly<Record<string, unknown>>
  /** Lenient doors: the names that were ignored. */
  readonly ignored: readonly string[]
}

export type InputParser = (raw: RawInput, leniency: Leniency) => ParsedInput

interface Planned {
  readonly name: string
  readonly wire: string
  readonly location: Location
  readonly field: Field<unknown>
}

const ajv = new Ajv({ allErrors: false, strict: true, allowUnionTypes: true, ownProperties: true, messages: true })
ajv.addFormat('password', true)
ajv.addFormat('seconds', { type: 'number', validate: () => true })
ajv.addFormat('date-time', (text: string) => !Number.isNaN(Date.parse(text)) && isDay(text) && text.slice(11, 13) !== '24')
// Date.parse takes the 30th of February for the 2nd of March.
const isDay = (text: string): boolean => new Date(`${text.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(text.slice(0, 10))
ajv.addKeyword({ keyword: 'maxBytes', schemaType: 'number', type: 'object', validate: (limit: number, data: unknown) => jsonBytes(data) <= limit })

/** Names of path parameters in a pattern: `/secrets/:key+/history` has `key`. */
export const pathParameters = (pattern: string): readonly string[] => [...pattern.matchAll(/:([A-Za-z]+)\+?/g)].map((match) => match[1] ?? '')

/** Where a field comes from: the path pattern, else what it says, else the query of a GET or DELETE and the body of the rest. */
export const locationOf = (name: string, field: Field<unknown>, operation: { readonly method: string; readonly path: string }): Location => {
  if (pathParameters(operation.path).includes(name)) return 'path'
  return field.location ?? (operation.method === 'GET' || operation.method === 'DELETE' || operation.method === 'LIST' ? 'query' : 'body')
}

const namer = (snake: boolean) => (name: string) => (snake ? snakeCase(name) : name)

/**
 * @param snake whether wire names are snake_case.
 * The parser throws invalid_request naming the field.
 */
export const compileInput = (operation: { readonly method: string; readonly path: string; readonly input: Fields }, snake = false): InputParser => {
  const wireName = namer(snake)
  const plan: readonly Planned[] = Object.entries(operation.input).map(([name, field]) => ({ name, wire: wireName(name), location: locationOf(name, field, operation), field }))
  const known: Readonly<Record<Location, ReadonlySet<string>>> = { path: namesIn(plan, 'path'), query: namesIn(plan, 'query'), body: namesIn(plan, 'body') }
  let validate: ValidateFunction | undefined
  return (raw, leniency) => {
    const ignored = unknownNames(raw, known, leniency)
    const coerced = gather(plan, raw, leniency)
    // Compiled on first use: a server has hundreds of operations and a process rarely needs them all.
    validate ??= ajv.compile(objectSchema(operation.input))
    if (!validate(coerced)) throw wrongField(validate.errors?.[0], plan)
    for (const { name, wire, field } of plan) if (isStoredAsText(field) && !isStorable(coerced[name])) throw fail('invalid_request', 'request.invalid_field', `${JSON.stringify(wire)} holds a null character or half a surrogate pair.`, { field: wire })
    const input: Record<string, unknown> = {}
    for (const { name, field } of plan) {
      const value = coerced[name]
      input[name] = value === undefined ? field.fallback : field.finish(value)
    }
    return { input, ignored }
  }
}

/** Values that are encrypted, and documents that nobody looks into, may hold any character. */
const isStoredAsText = (field: Field<unknown>): boolean => !field.secret && field.schema['maxBytes'] === undefined

// PostgreSQL takes neither in text; half a pair would be stored as another character.
const isStorable = (value: unknown): boolean => {
  if (typeof value === 'string') return !value.includes('\0') && value.isWellFormed()
  if (value === null || typeof value !== 'object') return true
  return Array.isArray(value) ? value.every(isStorable) : Object.entries(value).every((entry) => entry.every(isStorable))
}

const namesIn = (plan: readonly Planned[], location: Location): ReadonlySet<string> => new Set(plan.filter((p) => p.location === location).map((p) => p.wire))

const gather = (plan: readonly Planned[], raw: RawInput, leniency: Leniency): Record<string, unknown> => {
  const out: Record<string, unknown> = {}
  for (const { name, wire, location, field } of plan) {
    const source: Readonly<Record<string, unknown>> | undefined = location === 'path' ? raw.path : location === 'query' ? raw.query : raw.body
    const value = source !== undefined && Object.hasOwn(source, wire) ? source[wire] : undefined
    // As Vault does, a null where none is meant is as good as nothing; clients of typed languages send it for what is not set.
    if (value === null && leniency === 'lenient' && !takesNull(field)) continue
    if (value !== undefined) out[name] = field.coerce(value, leniency, location !== 'body')
  }
  return out
}

const takesNull = (field: Field<unknown>): boolean => Array.isArray(field.schema['anyOf'])

const unknownNames = (raw: RawInput, known: Readonly<Record<Location, ReadonlySet<string>>>, leniency: Leniency): readonly string[] => {
  const ignored: string[] = []
  for (const location of ['query', 'body'] as const) {
    const source: Readonly<Record<string, unknown>> | undefined = raw[location]
    if (source === undefined) continue
    for (const name of Object.keys(source)) {
      if (known[location].has(name)) continue
      const shown = name.slice(0, 64)
      if (leniency === 'strict') {
        throw fail('invalid_request', 'request.unknown_field', `There is no ${location === 'query' ? 'query parameter' : 'field'} ${JSON.stringify(shown)} here.`, { field: shown })
      }
      ignored.push(shown)
    }
  }
  return ignored
}

// Ajv's messages speak of the schema ("must be integer", "must NOT have more than 64 characters"), never of the value.
const wrongField = (error: ErrorObject | undefined, plan: readonly Planned[]): Error => {
  const missing: unknown = error?.params['missingProperty']
  const extra: unknown = error?.params['additionalProperty']
  const steps = (error?.instancePath ?? '').split('/').slice(1)
  if (typeof missing === 'string') steps.push(missing)
  if (typeof extra === 'string') steps.push(extra.slice(0, 64))
  const top = plan.find((p) => p.name === steps[0])
  const field = [top?.wire ?? steps[0] ?? 'body', ...steps.slice(1)].join('.').slice(0, 200)
  if (typeof missing === 'string') return fail('invalid_request', 'request.missing_field', `${JSON.stringify(field)} is missing.`, { field })
  const allowed: unknown = error?.params['allowedValues']
  const detail = typeof extra === 'string' ? 'is not a field here' : Array.isArray(allowed) ? `must be one of ${allowed.join(', ')}` : (error?.message ?? 'is not valid')
  return fail('invalid_request', 'request.invalid_field', `${JSON.stringify(field)} ${detail}.`, { field })
}
