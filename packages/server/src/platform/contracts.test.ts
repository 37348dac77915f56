// Guards over every operation: what house style asks of a contract, asked of all of them.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { kindFacts } from '../kernel/errors.ts'
import type { AnyField, JsonSchema } from '../kernel/fields.ts'
import { compileInput, locationOf, pathParameters } from '../kernel/input.ts'
import { changes, walkFields, type Operation } from '../kernel/operation.ts'
import { allContracts } from './contracts.ts'

const contracts: readonly Operation[] = allContracts.map(({ operation }) => operation)

const isGrpc = ({ path }: Operation): boolean => path.startsWith('/codesprintpro.')

/** What is wrong with the bounds of one field, by its schema. */
const unbounded = (schema: JsonSchema): string | undefined => {
  const { type } = schema
  if (schema['const'] !== undefined || schema['enum'] !== undefined) return undefined
  if (Array.isArray(schema['anyOf'])) return schema['anyOf'].map((each: JsonSchema) => unbounded(each)).find((found) => found !== undefined)
  if (type === 'string') return typeof schema['maxLength'] === 'number' ? undefined : 'a string without a greatest length'
  if (type === 'integer') return typeof schema['minimum'] === 'number' && typeof schema['maximum'] === 'number' ? undefined : 'a number without bounds'
  if (type === 'array') return typeof schema['maxItems'] === 'number' ? unbounded(schema['items'] as JsonSchema) : 'a list without a greatest length'
  if (type === 'boolean' || type === 'null') return undefined
  if (type !== 'object') return `a schema of type ${String(type)}`
  if (schema['additionalProperties'] === false || typeof schema['maxBytes'] === 'number') return undefined
  const values = schema['additionalProperties']
  if (typeof values !== 'object' || typeof schema['maxProperties'] !== 'number') return 'an object of anything'
  return unbounded(values as JsonSchema)
}

const fieldsOf = (contract: Operation): readonly (readonly [string, AnyField])[] => [...walkFields(contract.input, 'input.'), ...walkFields(contract.output, 'output.')]

test('ids are unique and say area and deed', () => {
  assert.ok(contracts.length > 50)
  for (const { id } of contracts) assert.match(id, /^[a-z][A-Za-z]*\.[a-z][A-Za-z]*$/)
  assert.equal(new Set(contracts.map(({ id }) => id)).size, contracts.length)
})

test('no two operations answer the same method and path', () => {
  const shapes = contracts.map(({ method, path }) => `${method} ${path.replaceAll(/:[A-Za-z]+/g, ':')}`)
  assert.deepEqual(shapes.toSorted().filter((shape, i, sorted) => shape === sorted[i - 1]), [])
})

for (const contract of contracts) {
  describe(contract.id, () => {
    test('says what it does in one line', () => {
      assert.match(contract.summary, /^[A-Z][^\n]{9,119}[^.\s]$/)
      assert.match(contract.tag, /^[a-z]+$/)
      assert.match(contract.audit ?? '', /^[a-z][a-z-]*\.[a-z][a-z-]*$/)
    })

    test('every field is described and bounded', () => {
      for (const [name, field] of fieldsOf(contract)) {
        assert.ok(field.describe.length > 0, name)
        assert.equal(unbounded(field.schema), undefined, name)
      }
    })

    test('nothing is called data and is anything', () => {
      for (const [name, field] of fieldsOf(contract)) {
        const isAnything = field.schema['type'] === 'object' && typeof field.schema['maxBytes'] === 'number'
        assert.ok(!isAnything || !/(^|\.)(data|value|payload)$/.test(name), name)
      }
    })

    test('every parameter of its path is an input that must be given, and no secret', () => {
      for (const name of pathParameters(contract.path)) {
        const field = contract.input[name]
        assert.ok(field?.required, name)
        assert.equal(field.secret, false, name)
      }
    })

    test('secrets travel in bodies only', () => {
      for (const [name, field] of Object.entries(contract.input)) {
        if (field.secret) assert.equal(locationOf(name, field, contract), 'body', name)
      }
    })

    test('a field with the name of a secret is one', () => {
      for (const [name, field] of fieldsOf(contract)) {
        if (/(^|\.)(value|plaintextValue|token|password|privateKey|content|variables)$/.test(name)) assert.ok(field.secret, name)
      }
    })

    test('names the errors that everything with a token can have', () => {
      const { errors } = contract
      assert.equal(new Set(errors).size, errors.length)
      for (const kind of errors) assert.ok(kind in kindFacts, kind)
      const expected = ['sealed', 'unavailable', ...(contract.access === 'public' ? [] : ['unauthenticated']), ...(contract.access === 'policy' ? ['permission_denied'] : []), ...(Object.keys(contract.input).length > 0 ? ['invalid_request'] : [])]
      assert.deepEqual(expected.filter((kind) => !errors.some((each) => each === kind)), [])
    })

    test('what lists is paged, or ends by itself', () => {
      const lists = Object.entries(contract.output).filter(([, field]) => field.schema['type'] === 'array')
      for (const [name, field] of lists) {
        const isPaged = 'next' in contract.output && 'after' in contract.input && 'limit' in contract.input
        const most = field.schema['maxItems']
        assert.ok(typeof most === 'number' && most <= (isPaged ? 500 : 100_000), `${name}: ${String(most)}`)
      }
    })

    test('only what changes something can be repeated under a key', () => {
      if (contract.idempotent === true) assert.ok(changes(contract.work))
      if (contract.method === 'GET') assert.ok(!changes(contract.work))
    })

    test('its example is an input that it takes', () => {
      const { example } = contract
      if (example === undefined) return
      const isWhole = isGrpc(contract)
      const path = Object.fromEntries(pathParameters(contract.path).map((name) => [name, 'x']))
      const body = isWhole ? Object.fromEntries(Object.entries(example)) : example
      assert.doesNotThrow(() => compileInput(contract)({ path, query: {}, body }, 'strict'))
    })

    test('its inputs compile to a check', () => {
      const parse = compileInput(contract)
      assert.throws(() => parse({ path: {}, query: { noSuchParameter: 'x' }, body: undefined }, 'strict'), { code: 'request.unknown_field' })
    })
  })
}
