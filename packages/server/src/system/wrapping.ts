// Response wrapping: an answer is kept under a token of one use, and whoever brings that token first gets it.

import { reveal, secret, type Secret } from '../crypto/secret.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { f } from '../kernel/fields.ts'
import { implement, operation, type Implemented } from '../kernel/operation.ts'

export interface Wrapped {
  readonly token: Secret<string>
  readonly accessor: string
  readonly ttlSeconds: number
  readonly createdAt: number
  readonly creationPath: string
  readonly wrappedAccessor: string
}

/** Who asked for what was wrapped, for records. */
export interface Asker {
  readonly requestId: string
  /** Undefined: nobody, as with a login. */
  readonly principal: string | undefined
}

export interface WrapCommand {
  /** The body of the answer, as it would have gone out. */
  readonly response: string
  readonly ttlSeconds: number
  readonly creationPath: string
  /** Of the token in the answer, or empty. */
  readonly wrappedAccessor: string
  /** Of an answer that was wrapped before; undefined: whoever asks now. */
  readonly asker?: Asker | undefined
}

export interface WrappingPort {
  wrap(call: Call, command: WrapCommand): Promise<Wrapped>
  /** What a token stands for, and the end of it; undefined: no wrapping token, or used already. */
  unwrap(call: Call, by: { readonly token: string } | { readonly tokenId: string }): Promise<WrapCommand | undefined>
  look(call: Call, by: { readonly token: string } | { readonly tokenId: string }): Promise<Omit<Wrapped, 'token' | 'accessor'> | undefined>
}

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, errors, work: 'write' } as const
const token = f.secret('The wrapping token', { max: 9000 })
const own = { presented: f.secret('The token that asks', { max: 9000 }).in('path').optional() }
const document = f.json('The answer', { maxBytes: 1024 * 1024 })
const text = (describe: string) => f.text(describe, { max: 8192 })
const facts = { token, accessor: text('Accessor'), ttl: f.int('Seconds', { min: 0, max: 2 ** 31 }), creationTime: text('When it was made'), creationPath: text('Where it was made'), wrappedAccessor: text('Accessor of the token inside').optional() }

export const wrap = operation({ ...common, access: 'policy', id: 'system.wrap', method: 'POST', path: '/v1/sys/wrapping/wrap', audit: 'wrapping.wrap', summary: 'Wrap what you send', input: { document: document.optional() }, output: { document } })
export const unwrap = operation({ ...common, access: 'policy', id: 'system.unwrap', method: 'POST', path: '/v1/sys/wrapping/unwrap', audit: 'wrapping.unwrap', summary: 'The wrapped answer, once', input: { token: token.optional() }, output: { response: f.secret('The answer', { max: 64 * 1024 * 1024 }) } })
export const rewrap = operation({ ...common, access: 'policy', id: 'system.rewrap', method: 'POST', path: '/v1/sys/wrapping/rewrap', audit: 'wrapping.rewrap', summary: 'The same answer under a new token', input: { token: token.optional() }, output: { wrapInfo: f.object('The new token', facts) } })
const look = { ...common, work: 'read', access: 'public', namesHolder: true, audit: 'wrapping.lookup', summary: 'When and for what a wrapping token was made', output: { creationTime: facts.creationTime, creationPath: facts.creationPath, creationTtl: facts.ttl } } as const
export const lookupWrapping = operation({ ...look, isEverywhere: true, id: 'system.lookupWrapping', method: 'POST', path: '/v1/sys/wrapping/lookup', input: { token: token.optional(), ...own } })
export const lookupOwnWrapping = operation({ ...look, isEverywhere: true, id: 'system.lookupOwnWrapping', method: 'GET', path: '/v1/sys/wrapping/lookup', input: own })

/** Not a path: the door calls it for answers that are to be wrapped. */
export const wrapAnswer = operation({
  ...common, access: 'public', id: 'system.wrapAnswer', method: 'POST', path: '/', audit: 'wrapping.create', summary: 'Wrap an answer',
  input: { response: f.secret('The answer', { max: 64 * 1024 * 1024 }), ttl: f.int('Seconds', { min: 1, max: 2 ** 31 }), creationPath: text('Where it was made'), wrappedAccessor: text('Accessor of the token inside') }, output: facts,
})

const textOf = (given: Secret<string> | undefined): string => (given === undefined ? '' : reveal(given, 'to find the wrapped answer'))
const invalid = (): Error => fail('invalid_request', 'wrapping.invalid', 'wrapping token is not valid or does not exist')
const iso = (ms: number): string => new Date(ms).toISOString()

const factsOf = (wrapped: Wrapped) => ({
  token: wrapped.token, accessor: wrapped.accessor, ttl: wrapped.ttlSeconds, creationTime: iso(wrapped.createdAt), creationPath: wrapped.creationPath, ...(wrapped.wrappedAccessor === '' ? {} : { wrappedAccessor: wrapped.wrappedAccessor }),
})

/** The token that is asked about: the one in the body, or the one that asks. */
const holderOf = (call: Call, given: Secret<string> | undefined): { readonly token: string } | { readonly tokenId: string } => {
  const named = textOf(given)
  if (named !== '') return { token: named }
  if (call.caller === undefined) throw fail('invalid_request', 'wrapping.no_token', 'missing "token" value in input', { field: 'token' })
  return { tokenId: call.caller.tokenId }
}

export const wrappingOperations = (port: WrappingPort): readonly Implemented[] => {
  const lookup = async (call: Call, text_: string) => {
    if (text_ === '') throw fail('permission_denied', 'wrapping.empty', 'error validating wrapping token: token is empty', { field: 'token' })
    const found = await port.look(call, { token: text_ })
    if (found === undefined) throw invalid()
    return { creationTime: iso(found.createdAt), creationPath: found.creationPath, creationTtl: found.ttlSeconds }
  }
  return implement(
    { wrap, unwrap, rewrap, lookupWrapping, lookupOwnWrapping },
    {
      async wrap(input, call) {
        call.authorise('update', { kind: 'system', apiPath: 'sys/wrapping/wrap' })
        if (call.wrapTtlSeconds === undefined) throw fail('invalid_request', 'wrapping.not_asked', 'endpoint requires response wrapping to be used')
        return { document: input.document ?? {} }
      },
      async unwrap(input, call) {
        call.authorise('update', { kind: 'system', apiPath: 'sys/wrapping/unwrap' })
        const found = await port.unwrap(call, holderOf(call, input.token))
        if (found === undefined) throw invalid()
        return { response: secret(found.response) }
      },
      async rewrap(input, call) {
        call.authorise('update', { kind: 'system', apiPath: 'sys/wrapping/rewrap' })
        const found = await port.unwrap(call, holderOf(call, input.token))
        if (found === undefined) throw invalid()
        call.keepRecord()
        return { wrapInfo: factsOf(await port.wrap(call, found)) }
      },
      lookupWrapping: (input, call) => lookup(call, textOf(input.token) === '' ? textOf(input.presented) : textOf(input.token)),
      lookupOwnWrapping: (input, call) => lookup(call, textOf(input.presented)),
    },
  )
}

export const wrapAnswerOperation = (port: WrappingPort): Implemented | undefined =>
  implement(
    { wrapAnswer },
    {
      async wrapAnswer(input, call) {
        return factsOf(await port.wrap(call, { response: textOf(input.response), ttlSeconds: input.ttl, creationPath: input.creationPath, wrappedAccessor: input.wrappedAccessor }))
      },
    },
  )[0]
