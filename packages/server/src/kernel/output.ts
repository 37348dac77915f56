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
  /** Whether each name is the same on the wire. */
  readonly keepsNames: boolean
}

/** Contracts do not change: what their names are on the wire is worked out once. */
const plans: Readonly<Record<'snake' | 'camel', WeakMap<Fields, Plan>>> = { snake: new WeakMap(), camel: new WeakMap() }

const planOf = (fields: Fields, snake: boolean): Plan => {
  const known = plans[snake ? 'snake' : 'camel']
  const found = known.get(fields)
  if (found !== undefined) return found
  const declared = Object.entries(fields).map(([name, field]) => ({ name, wire: snake ? snakeCase(name) : name, field }))
  const made = { fields: declared, names: new Set(Object.keys(fields)), keepsNames: declared.every(({ name, wire }) => name === wire) }
  known.set(fields, made)
  return made
}

type Values = Readonly<Record<string, unknown>>

/**
 * What has nothing to translate or to unwrap is given back as it is: an item of a list is an object already.
 * @throws Error naming a field that is missing or not declared: a defect of ours, which the tests of every operation look for.
 */
export const encodeOutput = (fields: Fields, value: Values, snake = false): Values => {
  const plan = planOf(fields, snake)
  let out: Record<string, unknown> | undefined = plan.keepsNames ? undefined : {}
  let given = 0
  for (const { name, wire, field } of plan.fields) {
    const item = value[name]
    if (item === undefined) {
      if (field.required) throw new Error(`reply lacks the declared field ${name}`)
      continue
    }
    given += 1
    const encoded = encodeField(field, item, snake)
    if (out === undefined && encoded !== item) out = copyOf(plan, value, given - 1)
    if (out !== undefined) out[wire] = encoded
  }
  let all = 0
  for (const name in value) {
    if (!plan.names.has(name)) throw new Error(`reply has the undeclared field ${name}`)
    all += 1
  }
  // A name whose value is undefined is no field of the answer.
  return out ?? (all === given ? value : copyOf(plan, value, given))
}

/** The first of the fields that are given. */
const copyOf = ({ fields }: Plan, value: Values, count: number): Record<string, unknown> => {
  const out: Record<string, unknown> = {}
  let left = count
  for (const { name, wire } of fields) if (value[name] !== undefined && left-- > 0) out[wire] = value[name]
  return out
}

const encodeField = (field: AnyField, value: unknown, snake: boolean): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Secret) {
    // What is redacted in records and documents is told by the contract: a secret in another field would be in the clear there.
    if (!field.secret) throw new Error(`reply has a secret in a field that is not one: ${field.describe}`)
    return reveal(value, 'answer to an authorised caller')
  }
  if (value instanceof Date) return value.toISOString()
  const { items, children } = field
  if (Array.isArray(value)) return items === undefined ? value : encodeList(items, value as readonly unknown[], snake)
  // Objects are plain records here: what handlers return is checked against the contract by the compiler.
  const record = value as Values
  if (children !== undefined) return encodeOutput(children, record, snake)
  if (items !== undefined) return Object.fromEntries(Object.entries(record).map(([key, item]) => [key, encodeField(items, item, snake)]))
  return value
}

const encodeList = (items: AnyField, list: readonly unknown[], snake: boolean): readonly unknown[] => {
  let out: unknown[] | undefined
  for (let at = 0; at < list.length; at++) {
    const encoded = encodeField(items, list[at], snake)
    if (out !== undefined) out.push(encoded)
    else if (encoded !== list[at]) out = [...list.slice(0, at), encoded]
  }
  return out ?? list
}
