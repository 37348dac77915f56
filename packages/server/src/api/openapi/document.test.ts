import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { f } from '../../kernel/fields.ts'
import { operation, type Operation } from '../../kernel/operation.ts'
import { allContracts } from '../../platform/contracts.ts'
import { isDocumented, openApiDocument, templateOf } from './document.ts'

const contracts: readonly Operation[] = allContracts.map(({ operation: contract }) => contract)

interface Media {
  readonly schema: Readonly<Record<string, unknown>>
  readonly example?: unknown
}

interface Answer {
  readonly description: string
  readonly content?: Readonly<Record<string, Media>>
}

interface Described {
  readonly operationId: string
  readonly security?: readonly unknown[]
  readonly parameters: readonly { readonly name?: string; readonly in?: string; readonly required?: boolean; readonly $ref?: string; readonly schema?: Readonly<Record<string, unknown>> }[]
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> }
  readonly responses: Readonly<Record<string, Answer>>
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

// What a reader of the JSON sees.
const read = (operations: readonly Operation[]): Document => JSON.parse(JSON.stringify(openApiDocument(operations))) as Document

const document = read(contracts)
const described = (contract: Operation): Described | undefined => document.paths[templateOf(contract.path)]?.[contract.method.toLowerCase()]

test('every operation of the HTTP doors is in it once, and nothing else', () => {
  const ids = Object.values(document.paths).flatMap((path) => Object.values(path)).map(({ operationId }) => operationId)
  assert.deepEqual(ids.toSorted(), contracts.filter(isDocumented).map(({ id }) => id).toSorted())
  assert.equal(document.openapi, '3.1.0')
  for (const contract of contracts.filter(isDocumented)) assert.equal(described(contract)?.operationId, contract.id)
})

test('each reference leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/([a-zA-Z]+)\/([a-zA-Z]+)"/g)]
  assert.ok(references.length > 100)
  for (const [, kind = '', name = ''] of references) assert.ok(document.components[kind]?.[name] !== undefined, `${kind}/${name}`)
})

test('every schema is valid JSON Schema 2020-12, and each example fits its own', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  for (const path of Object.values(document.paths)) {
    for (const { operationId, parameters, requestBody, responses } of Object.values(path)) {
      for (const { schema } of parameters) if (schema !== undefined) ajv.compile(schema)
      const body = requestBody?.content['application/json']
      if (body !== undefined) assert.ok(body.example === undefined || ajv.validate(body.schema, body.example), operationId)
      for (const { content } of Object.values(responses)) {
        const schema = content?.['application/json']?.schema
        if (schema !== undefined && schema['$ref'] === undefined) ajv.compile(schema)
      }
    }
  }
})

test('path parameters are those of the template', () => {
  for (const [template, path] of Object.entries(document.paths)) {
    const expected = [...template.matchAll(/\{([A-Za-z]+)\}/g)].map((match) => match[1])
    for (const { parameters } of Object.values(path)) assert.deepEqual(parameters.filter((each) => each.in === 'path').map(({ name }) => name).toSorted(), expected.toSorted())
  }
})

test('the native door has its envelope, the flat one does not, both their errors', () => {
  const native = document.paths['/api/v1/secrets/{key}']?.['get']?.responses
  const properties = (answer: Answer | undefined): readonly string[] => Object.keys(answer?.content?.['application/json']?.schema['properties'] ?? {})
  assert.deepEqual(properties(native?.['200']), ['error', 'message', 'data'])
  const flat = document.paths['/v1/secrets/{environment}/{path}']?.['get']?.responses
  assert.ok(properties(flat?.['200']).includes('value') && !properties(flat?.['200']).includes('data'))
  for (const answers of [native, flat]) {
    assert.deepEqual(Object.keys(answers ?? {}), ['200', '400', '401', '403', '404', '500', '503'])
    assert.equal(answers?.['503']?.description, 'sealed, unavailable')
  }
})

test('what is neither value nor check of the contract stays out: defaults of secrets, our own keywords', () => {
  const contract = operation({
    id: 'test.one', method: 'POST', path: '/api/v1/test/:name', tag: 'test', access: 'public', audit: undefined, work: 'write', idempotent: true, errors: ['invalid_request'],
    summary: 'A test', input: { name: f.name('Name'), value: f.secret('Value', { max: 10 }).optional(), ttl: f.duration('Time', { maxSeconds: 60 }).default(5), body: f.json('Anything', { maxBytes: 100 }).optional(), dry: f.bool('Dry').in('query').default(false) }, output: {}, status: 204,
  })
  const one = read([contract as unknown as Operation]).paths['/api/v1/test/{name}']?.['post']
  assert.deepEqual(one?.security, [])
  assert.deepEqual(one.parameters.map((each) => each.name ?? each.$ref), ['name', 'dry', '#/components/parameters/IdempotencyKey'])
  const schema = one.requestBody?.content['application/json']?.schema
  assert.equal(one.requestBody?.required, false)
  assert.deepEqual(schema?.['properties'], {
    value: { type: 'string', format: 'password', maxLength: 10, minLength: 0, description: 'Value' },
    ttl: { description: 'Time', default: 5, anyOf: [{ type: 'integer', format: 'seconds', minimum: 0, maximum: 60 }, { type: 'string', maxLength: 128, examples: ['1h30m'] }] },
    body: { type: 'object', 'x-max-bytes': 100, description: 'Anything' },
  })
  assert.deepEqual(Object.keys(one.responses), ['204', '400', '500'])
})

test('the same contracts give the same bytes, in whatever order', () => {
  assert.equal(JSON.stringify(openApiDocument(contracts)), JSON.stringify(openApiDocument(contracts.toReversed())))
})
