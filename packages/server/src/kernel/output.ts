// Turns a handler's result into the body of an answer: names translated, secrets unwrapped in this one place, and
// anything that the contract does not declare refused, so that a record can never leak through a reply.

import { Secret, reveal } from '../crypto/secret.ts'
import { snakeCase, type AnyField, type Fields } from './fields.ts'

interface Declared {
  readonly name: string
  readonly wire: string
  readonly field: AnyField
}

interface Plan {
  readonly fields: readonly Declared[]
  readonly names: ReadonlySet<string>
}

/** Contracts do not change: what their names are on the wire is worked out once. */
const plans: Readonly<Record<'snake' | 'camel', WeakMap<Fields, Plan>>> = { snake: new WeakMap(), camel: new WeakMap() }

const planOf = (fields: Fields, snake: boolean): Plan => {
  const known = plans[snake ? 'snake' : 'camel']
  const found = known.get(fields)
  if (found !== undefined) return found
  const made = { fields: Object.entries(fields).map(([name, field]) => ({ name, wire: snake ? snakeCase(name) : name, field })), names: new Set(Object.keys(fields)) }
  known.set(fields, made)
  return made
}

/** @throws Error naming a field that is missing or not declared: a defect of ours, which the tests of every operation look for. */
export const encodeOutput = (fields: Fields, value: Readonly<Record<string, unknown>>, snake = false): Record<string, unknown> => {
  const out: Record<string, unknown> = {}
  const plan = planOf(fields, snake)
  for (const { name, wire, field } of plan.fields) {
    const item = value[name]
    if (item === undefined) {
      if (field.required) throw new Error(`reply lacks the declared field ${name}`)
      continue
    }
    out[wire] = encodeField(field, item, snake)
  }
  for (const name of Object.keys(value)) {
    if (!plan.names.has(name)) throw new Error(`reply has the undeclared field ${name}`)
  }
  return out
}

const encodeField = (field: AnyField, value: unknown, snake: boolean): unknown => {
  if (value === null) return null
  if (value instanceof Secret) {
    // What is redacted in records and documents is told by the contract: a secret in another field would be in the clear there.
    if (!field.secret) throw new Error(`reply has a secret in a field that is not one: ${field.describe}`)
    return reveal(value, 'answer to an authorised caller')
  }
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return field.items === undefined ? value : value.map((item: unknown) => encodeField(field.items ?? field, item, snake))
  if (typeof value === 'object') {
    // Objects are plain records here: what handlers return is checked against the contract by the compiler.
    const record = value as Readonly<Record<string, unknown>>
    if (field.children !== undefined) return encodeOutput(field.children, record, snake)
    const values = field.items
    if (values !== undefined) return Object.fromEntries(Object.entries(record).map(([key, item]) => [key, encodeField(values, item, snake)]))
  }
  return value
}
