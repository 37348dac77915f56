// Paths about the server: what is built in, hashes and randomness.

import { hashAlgorithms, hashBytes } from '../crypto/digest.ts'
import { randomBytes } from '../crypto/random.ts'
import type { Action, Call, Grant } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { f } from '../kernel/fields.ts'
import { implement, operation, type Handlers, type Implemented } from '../kernel/operation.ts'
import type { ServerPort } from './ports.ts'

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', errors } as const
const reading = { ...common, work: 'read' } as const
const document = f.json('The answer', { maxBytes: 1024 * 1024 })
const text = (describe: string, max = 512) => f.text(describe, { max })
const format = text('hex or base64', 16)


const randomWishes = { bytes: f.int('How many', { min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }).default(32), format: format.default('base64') }
const randomOutput = { randomBytes: text('The bytes', 512 * 1024) }
const randomness = { ...common, work: 'read', method: 'POST', audit: 'system.random', summary: 'Random bytes', output: randomOutput } as const
export const random = operation({ ...randomness, id: 'system.random', path: '/v1/sys/tools/random', input: randomWishes })
export const randomOf = operation({ ...randomness, id: 'system.randomOf', path: '/v1/sys/tools/random/:count', input: { count: text('How many, or a source', 16), ...randomWishes } })
export const randomFrom = operation({ ...randomness, id: 'system.randomFrom', path: '/v1/sys/tools/random/:source/:count', input: { source: text('platform, seal or all', 16), count: text('How many', 16), ...randomWishes } })
const hashWishes = { input: text('Base64', 44_000_000).default(''), format: format.default('hex'), algorithm: text('Algorithm', 32).default('sha2-256') }
const hashing = { ...common, work: 'read', method: 'POST', audit: 'system.hash', summary: 'Hash of an input', output: { sum: text('The hash', 256) } } as const
export const hash = operation({ ...hashing, id: 'system.hash', path: '/v1/sys/tools/hash', input: hashWishes })
export const hashWith = operation({ ...hashing, id: 'system.hashWith', path: '/v1/sys/tools/hash/:name', input: { name: text('Algorithm', 32), ...hashWishes } })

export const plugins = operation({ ...reading, work: 'list', id: 'system.plugins', method: 'GET', path: '/v1/sys/plugins/catalog', audit: 'system.plugins-list', summary: 'What is built in', input: {}, output: { document } })
export const pluginsOf = operation({ ...reading, work: 'list', id: 'system.pluginsOf', method: 'LIST', path: '/v1/sys/plugins/catalog/:type', audit: 'system.plugins-list', summary: 'What is built in, of one type', input: { type: text('auth, database or secret', 32) }, output: { keys: f.list('Names', text('Name'), { max: 1000 }) } })
export const plugin = operation({ ...reading, id: 'system.plugin', method: 'GET', path: '/v1/sys/plugins/catalog/:type/:name', audit: 'system.plugin-read', summary: 'One thing that is built in', input: { type: text('auth, database or secret', 32), name: text('Name') }, output: { document } })

const operations = { random, randomOf, randomFrom, hash, hashWith, plugins, pluginsOf, plugin }
type Handled = Handlers<typeof operations>

const ask = (call: Call, action: Action, apiPath: string, sudo = false): Grant => call.authorise(action, { kind: 'system', apiPath, sudo })
const bad = (code: string, message: string, field: string): Error => fail('invalid_request', code, message, { field })

const encoded = (bytes: Buffer, wanted: string): string => {
  if (wanted !== 'hex' && wanted !== 'base64') throw bad('tools.bad_format', `unsupported encoding format ${wanted.slice(0, 64)}; must be "hex" or "base64"`, 'format')
  return bytes.toString(wanted)
}

const SOURCES: ReadonlySet<string> = new Set(['platform', 'seal', 'all'])

const randomText = (bytes: number, wanted: string): { readonly randomBytes: string } => {
  if (!Number.isInteger(bytes) || bytes < 1) throw bad('tools.bad_count', '"bytes" cannot be less than 1', 'bytes')
  if (bytes > 128 * 1024) throw bad('tools.bad_count', '"bytes" should be less than 131072', 'bytes')
  return { randomBytes: encoded(randomBytes(bytes), wanted) }
}

const countOf = (given: string): number => {
  if (!/^\d{1,7}$/.test(given)) throw bad('tools.bad_count', `error parsing url-set byte count: ${JSON.stringify(given)}`, 'bytes')
  return Number(given)
}

const hashed = (input: string, algorithm: string, wanted: string): { readonly sum: string } => {
  const name = hashAlgorithms.get(algorithm)
  if (name === undefined) throw bad('tools.bad_algorithm', `unsupported algorithm ${algorithm.slice(0, 64)}`, 'algorithm')
  const bytes = Buffer.from(input, 'base64')
  if (bytes.toString('base64').replace(/=+$/, '') !== input.replace(/=+$/, '')) throw bad('tools.bad_input', 'unable to decode input as base64', 'input')
  return { sum: encoded(hashBytes(name, bytes), wanted) }
}

const tools: Pick<Handled, 'random' | 'randomOf' | 'randomFrom' | 'hash' | 'hashWith'> = {
  async random(input, call) {
    ask(call, 'update', 'sys/tools/random')
    return randomText(input.bytes, input.format)
  },
  async randomOf(input, call) {
    ask(call, 'update', `sys/tools/random/${input.count}`)
    return randomText(SOURCES.has(input.count) ? input.bytes : countOf(input.count), input.format)
  },
  async randomFrom(input, call) {
    ask(call, 'update', `sys/tools/random/${input.source}/${input.count}`)
    if (!SOURCES.has(input.source)) throw bad('tools.bad_source', `unsupported entropy source ${JSON.stringify(input.source)}; must be "platform" or "seal", or "all"`, 'source')
    return randomText(countOf(input.count), input.format)
  },
  async hash(input, call) {
    ask(call, 'update', 'sys/tools/hash')
    return hashed(input.input, input.algorithm, input.format)
  },
  async hashWith(input, call) {
    ask(call, 'update', `sys/tools/hash/${input.name}`)
    return hashed(input.input, input.name, input.format)
  },
}

const catalogue = (port: ServerPort): readonly { readonly type: string; readonly name: string }[] => [
  ...port.authMethods.map((name) => ({ type: 'auth', name })),
  ...port.engines.map((name) => ({ type: 'secret', name })),
]

const pluginRow = (port: ServerPort, { type, name }: { readonly type: string; readonly name: string }) => ({ name, type, builtin: true, version: `v${port.version}+builtin`, deprecation_status: 'supported' })

const catalog = (port: ServerPort): Pick<Handled, 'plugins' | 'pluginsOf' | 'plugin'> => ({
  async plugins(_input, call) {
    ask(call, 'read', 'sys/plugins/catalog')
    const all = catalogue(port)
    const of = (type: string): readonly string[] => all.filter((each) => each.type === type).map(({ name }) => name).sort()
    return { document: { detailed: all.map((each) => pluginRow(port, each)), auth: of('auth'), database: of('database'), secret: of('secret') } }
  },
  async pluginsOf(input, call) {
    ask(call, 'list', `sys/plugins/catalog/${input.type}/`, true)
    const keys = catalogue(port).filter(({ type }) => type === input.type).map(({ name }) => name).sort()
    if (keys.length === 0) throw fail('not_found', 'plugins.none', 'Nothing of this type is built in.')
    return { keys }
  },
  async plugin(input, call) {
    ask(call, 'read', `sys/plugins/catalog/${input.type}/${input.name}`, true)
    const found = catalogue(port).find(({ type, name }) => type === input.type && name === input.name)
    if (found === undefined) throw fail('not_found', 'plugins.unknown', 'There is no such plugin.')
    return { document: { args: [], env: [], builtin: true, command: '', deprecation_status: 'supported', name: found.name, sha256: '', version: `v${port.version}+builtin` } }
  },
})

export const serverOperations = (port: ServerPort): readonly Implemented[] =>
  implement(operations, {
    ...tools,
    ...catalog(port),
  })
