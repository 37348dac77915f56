// JSON policies: effect, principal, actions, resources, conditions. Everything that is not understood is
// refused with the name of the field, because a restriction that is skipped is a hole.

import { fail, quote } from '../../../kernel/errors.ts'
import { JsonError, parseJson } from '../../../lib/json.ts'
import { namedAction } from '../actions.ts'
import type { JsonPolicy, JsonStatement, ResourcePattern } from '../types.ts'
import { parseConditions } from './parse-conditions.ts'
import { parseResourcePattern } from './resources.ts'

export const maxJsonPolicyBytes = 256 * 1024
const maxStatements = 200
const maxPrincipals = 100
const maxActions = 64
const maxResources = 200

/** The error for a field, by its position: `statements[2].actions[0]`. */
export type Wrong = (field: string, message: string) => Error

const wrong: Wrong = (field, message) =>
  fail('invalid_request', 'policy.json_invalid', `The policy is not valid: ${field === '' ? 'it' : field} ${message}.`, { field: field === '' ? 'policy' : field })

type Fields = Readonly<Record<string, unknown>>

/**
 * Parses a JSON policy: `{version?, name?, description?, statements: […]}`, or one bare statement.
 * `name` is what it is stored under; a name inside the document must be the same.
 * @throws invalid_request naming the field.
 */
export const parseJsonPolicy = (input: unknown, name?: string): JsonPolicy => {
  const document = fieldsOf(typeof input === 'string' ? readText(input) : input, '')
  if (!Object.hasOwn(document, 'statements')) {
    return { name: name ?? 'unnamed', statements: [readStatement(document, '', 1)] }
  }
  onlyKeys(document, ['version', 'name', 'description', 'statements'], '')
  if (document['version'] !== undefined && document['version'] !== 1 && document['version'] !== '1') throw wrong('version', 'must be 1')
  optionalText(document, 'description', '', 1000)
  const inner = optionalText(document, 'name', '', 128)
  if (inner !== undefined && name !== undefined && inner !== name) throw wrong('name', `is ${quote(inner)}, but the policy is stored as ${quote(name)}`)
  const statements = listOf(document, 'statements', '', maxStatements)
    .map((each, index) => readStatement(fieldsOf(each, `statements[${index}]`), `statements[${index}]`, index + 1))
  const repeated = statements.find((each, index) => statements.findIndex((other) => other.id === each.id) !== index)
  if (repeated !== undefined) throw wrong('statements', `has two statements with the id ${quote(repeated.id)}`)
  return { name: name ?? inner ?? 'unnamed', statements }
}

const readText = (text: string): unknown => {
  try {
    return parseJson(text, { maxDepth: 16, maxBytes: maxJsonPolicyBytes })
  } catch (error) {
    if (error instanceof JsonError) throw fail('invalid_request', 'policy.json_syntax', `The policy is not valid JSON: ${error.message}.`, { field: 'policy' })
    throw error
  }
}

const statementKeys = ['id', 'description', 'effect', 'principal', 'actions', 'resources', 'conditions']

const readStatement = (fields: Fields, at: string, position: number): JsonStatement => {
  onlyKeys(fields, statementKeys, at)
  optionalText(fields, 'description', at, 1000)
  const id = optionalText(fields, 'id', at, 64)
  if (id !== undefined && !/^[A-Za-z0-9._-]+$/.test(id)) throw wrong(join(at, 'id'), 'may hold letters, digits, dots, dashes and underscores')
  const { effect } = fields
  if (effect !== 'allow' && effect !== 'deny') throw wrong(join(at, 'effect'), 'must be "allow" or "deny"')
  return {
    id: id ?? String(position),
    effect,
    principals: readPrincipals(fields, at),
    actions: texts(fields, 'actions', at, maxActions).map((each, index) => {
      if (namedAction(each) === undefined) throw wrong(`${join(at, 'actions')}[${index}]`, `is not an action: ${quote(each)}`)
      return each
    }),
    resources: texts(fields, 'resources', at, maxResources).map((each, index) => readResource(each, `${join(at, 'resources')}[${index}]`)),
    conditions: parseConditions(fields['conditions'], join(at, 'conditions'), effect, wrong),
  }
}

const readResource = (text: string, field: string): ResourcePattern => {
  const parsed = parseResourcePattern(text)
  if (typeof parsed === 'string') throw wrong(field, `${parsed}: ${quote(text)}`)
  return parsed
}

const readPrincipals = (fields: Fields, at: string): readonly string[] => {
  const { principal } = fields
  const names = typeof principal === 'string' ? [principal] : texts(fields, 'principal', at, maxPrincipals)
  return names.map((name, index) => {
    const field = typeof principal === 'string' ? join(at, 'principal') : `${join(at, 'principal')}[${index}]`
    const problem = checkPrincipal(name)
    if (problem !== undefined) throw wrong(field, `${problem}: ${quote(name)}`)
    return name
  })
}

/** A name with its kind (`user:ann`), a name and `:*` for everything under it (`service:prod:*`), or `*`. */
const checkPrincipal = (name: string): string | undefined => {
  if (name === '*') return undefined
  if (name.length > 300) return 'is too long'
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
  if (/[\u0000-\u0020\u007f]/.test(name) || !name.isWellFormed()) return 'holds spaces or control characters'
  if (!name.includes(':')) return 'does not say what kind of principal it names, as in user:ann'
  if (name.split(':').some((part) => part === '')) return 'has an empty part'
  const star = name.indexOf('*')
  if (star >= 0 && !(star === name.length - 1 && name.endsWith(':*'))) return 'may have a * only as its whole last part'
  return undefined
}

const join = (at: string, key: string): string => (at === '' ? key : `${at}.${key}`)

const fieldsOf = (value: unknown, at: string): Fields => {
  if (!isFields(value)) throw wrong(at, 'must be an object')
  return value
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

const onlyKeys = (fields: Fields, known: readonly string[], at: string): void => {
  const unknown = Object.keys(fields).find((key) => !known.includes(key))
  if (unknown !== undefined) throw wrong(join(at, unknown.slice(0, 60)), `is not a known field; known are ${known.join(', ')}`)
}

const listOf = (fields: Fields, key: string, at: string, max: number): readonly unknown[] => {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined
  if (!Array.isArray(value) || value.length === 0) throw wrong(join(at, key), 'must be a list that is not empty')
  if (value.length > max) throw wrong(join(at, key), `must have at most ${max} entries`)
  return value
}

const texts = (fields: Fields, key: string, at: string, max: number): readonly string[] =>
  listOf(fields, key, at, max).map((each, index) => {
    if (typeof each !== 'string') throw wrong(`${join(at, key)}[${index}]`, 'must be a string')
    return each
  })

const optionalText = (fields: Fields, key: string, at: string, max: number): string | undefined => {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '' || value.length > max) throw wrong(join(at, key), `must be a string of 1 to ${max} characters`)
  return value
}
