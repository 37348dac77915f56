// A field is one named value of an operation: how it is coerced and checked, how it is documented, and whether it is
// secret. Doors translate names (snake_case on Vault paths, camelCase natively) and types here and nowhere else.
// Checking is JSON Schema, compiled by ajv; this file only builds the schemas and the coercions.

import { secret, type Secret } from '../crypto/secret.ts'
import { parseDuration } from '../lib/duration.ts'

export type JsonSchema = Readonly<Record<string, unknown>>
/** `strict`: native doors, JSON types as declared. `lenient`: Vault's coercions (strings for numbers, comma lists, durations). */
export type Leniency = 'strict' | 'lenient'
export type Location = 'path' | 'query' | 'body'

export interface Field<T> {
  readonly schema: JsonSchema
  readonly describe: string
  readonly secret: boolean
  readonly required: boolean
  readonly fallback: T | undefined
  readonly location: Location | undefined
  /** Turns what came in (always text when it came from a path or query) into what the schema describes. */
  readonly coerce: (raw: unknown, leniency: Leniency, textual: boolean) => unknown
  /** Turns the checked value into what the handler gets. */
  readonly finish: (checked: unknown) => T
  /** Children of an object or array, for documentation and encoding. */
  readonly children: Readonly<Record<string, AnyField>> | undefined
  readonly items: AnyField | undefined
}

/** A field whose type is not known here; fields are covariant in T for reading. */
export type AnyField = Field<unknown>
export type Fields = Readonly<Record<string, AnyField>>
type Values<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never }
type OptionalKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? K : never }[keyof T]
/** What fields stand for in a handler; those that may be undefined may also be left out. */
export type Infer<F extends Fields> = Omit<Values<F>, OptionalKeys<Values<F>>> & { readonly [K in OptionalKeys<Values<F>>]?: Values<F>[K] }

export interface FieldBuilder<T> extends Field<T> {
  optional(): FieldBuilder<T | undefined>
  default(value: T): FieldBuilder<T>
  nullable(): FieldBuilder<T | null>
  in(location: Location): FieldBuilder<T>
}

interface Parts<T> {
  readonly schema: JsonSchema
  readonly describe: string
  readonly secret?: boolean
  readonly coerce?: Field<T>['coerce']
  readonly finish?: Field<T>['finish']
  readonly children?: Fields
  readonly items?: AnyField
}

const asIs = (raw: unknown): unknown => raw

const build = <T>(field: Field<T>): FieldBuilder<T> => ({
  ...field,
  optional: () => build<T | undefined>({ ...field, required: false }),
  default: (value) => build<T>({ ...field, schema: field.secret ? field.schema : { ...field.schema, default: value }, required: false, fallback: value }),
  nullable: () =>
    build<T | null>({
      ...field,
      schema: { anyOf: [field.schema, { type: 'null' }], description: field.describe },
      coerce: (raw, leniency, textual) => (raw === null ? null : field.coerce(raw, leniency, textual)),
      finish: (checked) => (checked === null ? null : field.finish(checked)),
    }),
  in: (location) => build<T>({ ...field, location }),
})

const make = <T>(parts: Parts<T>): FieldBuilder<T> =>
  build<T>({
    schema: { ...parts.schema, description: parts.describe },
    describe: parts.describe,
    secret: parts.secret ?? false,
    required: true,
    fallback: undefined,
    location: undefined,
    coerce: parts.coerce ?? asIs,
    // The validator ran before: the schema is the proof that the cast stands for.
    finish: parts.finish ?? ((checked) => checked as T),
    children: parts.children,
    items: parts.items,
  })

// An empty parameter of a query is 0 to Vault.
const coerceNumber = (raw: unknown, leniency: Leniency, textual: boolean): unknown =>
  raw === '' && leniency === 'lenient' && textual ? 0 : typeof raw === 'string' && (textual || leniency === 'lenient') && /^-?\d{1,16}$/.test(raw) ? Number(raw) : raw

const coerceDecimal = (raw: unknown, leniency: Leniency, textual: boolean): unknown =>
  typeof raw === 'string' && (textual || leniency === 'lenient') && /^-?\d{1,16}(\.\d{1,16})?$/.test(raw) ? Number(raw) : raw

const coerceBool = (raw: unknown, leniency: Leniency, textual: boolean): unknown => {
  if (typeof raw !== 'string' || !(textual || leniency === 'lenient')) return raw
  if (raw === 'true' || raw === '1') return true
  return raw === 'false' || raw === '0' ? false : raw
}

const coerceList = (items: AnyField): Field<unknown>['coerce'] => (raw, leniency, textual) => {
  const list: unknown = typeof raw === 'string' && (textual || leniency === 'lenient') ? (raw === '' ? [] : raw.split(',').map((part) => part.trim())) : raw
  return Array.isArray(list) ? list.map((item: unknown) => items.coerce(item, leniency, textual)) : list
}

const coerceDuration = (raw: unknown): unknown => {
  if (typeof raw !== 'string') return raw
  try {
    return parseDuration(raw)
  } catch {
    return raw
  }
}

/** Vault's pairs: a map, `name=value`, or a list of those. */
const coercePairs = (raw: unknown, leniency: Leniency): unknown => {
  if (leniency === 'strict') return raw
  const list: unknown = typeof raw === 'string' ? (raw === '' ? [] : [raw]) : raw
  if (Array.isArray(list)) {
    const texts = list.filter((pair) => typeof pair === 'string' && pair.includes('=')) as string[]
    return texts.length === list.length ? Object.fromEntries(texts.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])) : raw
  }
  if (list === null || typeof list !== 'object') return raw
  return Object.fromEntries(Object.entries(list).map(([name, value]: [string, unknown]) => [name, typeof value === 'number' || typeof value === 'boolean' ? String(value) : value]))
}

interface TextOptions {
  readonly max: number
  readonly min?: number
  readonly pattern?: string
}

const text = (describe: string, options: TextOptions): FieldBuilder<string> =>
  make({
    describe,
    schema: { type: 'string', maxLength: options.max, minLength: options.min ?? 0, ...(options.pattern === undefined ? {} : { pattern: options.pattern }) },
    coerce: (raw, leniency) => (leniency === 'lenient' && (typeof raw === 'number' || typeof raw === 'boolean') ? String(raw) : raw),
  })

/** Below a Vault path names are snake_case, values as lenient as at the top, and what is not known is left out. */
const coerceObject = (fields: Fields) => (raw: unknown, leniency: Leniency): unknown => {
  if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) return raw
  if (leniency === 'strict') return Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, (Object.hasOwn(fields, name) ? fields[name] : undefined)?.coerce(value, leniency, false) ?? value]))
  const given: Readonly<Record<string, unknown>> = { ...raw }
  const known = Object.entries(fields).flatMap(([name, field]) => {
    const value = given[snakeCase(name)]
    return value === undefined || value === null ? [] : [[name, field.coerce(value, leniency, false)] as const]
  })
  return Object.fromEntries(known)
}

const object = <F extends Fields>(describe: string, fields: F): FieldBuilder<Infer<F>> =>
  make<Infer<F>>({ describe, schema: objectSchema(fields), children: fields, coerce: coerceObject(fields), finish: (checked) => finishObject(fields, checked as Readonly<Record<string, unknown>>) as Infer<F> })

const finishObject = (fields: Fields, checked: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const out: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const value = Object.hasOwn(checked, name) ? checked[name] : undefined
    if (value !== undefined) out[name] = field.finish(value)
    else if (field.fallback !== undefined) out[name] = field.fallback
  }
  return out
}

/** The JSON Schema of a set of fields. */
export const objectSchema = (fields: Fields): JsonSchema => ({
  type: 'object',
  properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.schema])),
  required: Object.entries(fields)
    .filter(([, field]) => field.required)
    .map(([name]) => name),
  additionalProperties: false,
})

const bytesOf = (value: unknown): number => Buffer.byteLength(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))

export const f = {
  text,
  /** A name of one segment. */
  name: (describe: string, max = 128) => text(describe, { max, min: 1, pattern: '^[A-Za-z0-9_][A-Za-z0-9_.@:-]*$' }),
  slug: (describe: string) => text(describe, { max: 63, pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }),
  /** Secret text. The handler gets it wrapped, so that it prints as the mask wherever it ends up. */
  secret: (describe: string, options: TextOptions): FieldBuilder<Secret<string>> =>
    make<Secret<string>>({
      describe,
      secret: true,
      schema: { type: 'string', format: 'password', maxLength: options.max, minLength: options.min ?? 0 },
      finish: (checked) => secret(checked as string),
    }),
  int: (describe: string, options: { readonly min: number; readonly max: number }) =>
    make<number>({ describe, schema: { type: 'integer', minimum: options.min, maximum: options.max }, coerce: coerceNumber }),
  number: (describe: string, options: { readonly min: number; readonly max: number }) =>
    make<number>({ describe, schema: { type: 'number', minimum: options.min, maximum: options.max }, coerce: coerceDecimal }),
  bool: (describe: string) => make<boolean>({ describe, schema: { type: 'boolean' }, coerce: coerceBool }),
  /** Seconds on the wire as a number, or a Go-style duration such as "1h30m". */
  duration: (describe: string, options: { readonly maxSeconds: number }) =>
    make<number>({ describe, schema: { type: 'integer', format: 'seconds', minimum: 0, maximum: options.maxSeconds }, coerce: coerceDuration }),
  choice: <const C extends readonly string[]>(describe: string, choices: C) => make<C[number]>({ describe, schema: { type: 'string', enum: choices } }),
  /** An RFC 3339 time with a zone. */
  time: (describe: string) =>
    make<string>({ describe, schema: { type: 'string', format: 'date-time', maxLength: 40, pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?(Z|[+-]\\d\\d:\\d\\d)$' } }),
  list: <T>(describe: string, items: Field<T>, options: { readonly max: number }): FieldBuilder<readonly T[]> =>
    make<readonly T[]>({ describe, schema: { type: 'array', items: items.schema, maxItems: options.max }, items, coerce: coerceList(items), secret: items.secret, finish: (checked) => (checked as unknown[]).map((item) => items.finish(item)) }),
  object,
  /** Text to text, bounded: custom metadata, labels. */
  labels: (describe: string, options = { maxKeys: 64, maxKey: 128, maxValue: 512 }) =>
    make<Readonly<Record<string, string>>>({
      describe,
      schema: { type: 'object', maxProperties: options.maxKeys, propertyNames: { maxLength: options.maxKey, minLength: 1 }, additionalProperties: { type: 'string', maxLength: options.maxValue } },
      coerce: (raw, leniency) => (leniency === 'lenient' && raw !== null && typeof raw === 'object' && !Array.isArray(raw) ? Object.fromEntries(Object.entries(raw).map(([key, value]: [string, unknown]) => [key, typeof value === 'number' ? String(value) : typeof value === 'boolean' ? (value ? '1' : '0') : value])) : raw),
    }),
  /** The same as Vault takes it: a map, `name=value`, or a list of those. */
  pairs: (describe: string, options = { maxKeys: 64, maxKey: 128, maxValue: 512 }) =>
    make<Readonly<Record<string, string>>>({
      describe,
      schema: { type: 'object', maxProperties: options.maxKeys, propertyNames: { maxLength: options.maxKey, minLength: 1 }, additionalProperties: { type: 'string', maxLength: options.maxValue } },
      coerce: coercePairs,
    }),
  /** A map of values of one kind. */
  map: <T>(describe: string, values: Field<T>, options: { readonly max: number }): FieldBuilder<Readonly<Record<string, T>>> =>
    make<Readonly<Record<string, T>>>({
      describe,
      secret: values.secret,
      schema: { type: 'object', maxProperties: options.max, propertyNames: { maxLength: 1024 }, additionalProperties: values.schema },
      items: values,
      finish: (checked) => Object.fromEntries(Object.entries(checked as object).map(([key, value]) => [key, values.finish(value)])),
    }),
  /** A JSON document that the product does not look into (a policy's body). Bounded by size. */
  json: (describe: string, options: { readonly maxBytes: number }) =>
    make<Readonly<Record<string, unknown>>>({ describe, schema: { type: 'object', maxBytes: options.maxBytes } }),
}

type Optionals<F extends Readonly<Record<string, { optional(): unknown }>>> = { readonly [K in keyof F]: ReturnType<F[K]['optional']> }

/** The same fields, none of which must be given. */
export const allOptional = <F extends Readonly<Record<string, { optional(): unknown }>>>(fields: F): Optionals<F> =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.optional()])) as Optionals<F> // fromEntries forgets which name has which field

export const jsonBytes = bytesOf

/** `ownerTeam` → `owner_team`. */
export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
