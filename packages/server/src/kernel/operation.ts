// The contract of one operation, declared once. HTTP routing, OpenAPI, the reference, the client's types, audit and the
// checks of replies are derived from it. Contracts import the kernel only, so that tools load them without a database.

import type { Call } from './call.ts'
import type { ErrorKind } from './errors.ts'
import type { AnyField, Fields, Infer } from './fields.ts'
import type { WarmAnswer, WarmBatch } from './warm.ts'

/** LIST is Vault's verb; only engines and Vault's own paths have it. */
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'LIST'

/**
 * Work is queued by class, so that reads are never starved by writes or lists. `put`, `login`: writes of one value and logins, which are gathered and so hold no connection each.
 * `anonymous`: what else may be asked without a token.
 */
export type WorkClass = 'read' | 'put' | 'write' | 'list' | 'login' | 'anonymous'

/** Whether work of this class changes what is stored. */
export const changes = (work: WorkClass): boolean => work === 'put' || work === 'write'

export interface Operation<I extends Fields = Fields, O extends Fields = Fields> {
  /** `secrets.reveal`: unique, never reused. */
  readonly id: string
  readonly method: Method
  /** `/api/v1/secrets/:key+/history`: `:name` is one segment, `:name+` one or more. */
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly input: I
  readonly output: O
  /** Status of success; 204 has no body. */
  readonly status?: 200 | 201 | 202 | 204
  /** An answer without any field is 204: Vault's way of saying that there is nothing to say. */
  readonly orNothing?: boolean
  /** Vault's door answers with the data alone, as a standard has it: no envelope, and never wrapped. */
  readonly bare?: boolean
  readonly errors: readonly ErrorKind[]
  /** `public` needs no token, `optional` takes a valid one or none, `token` any valid one, `policy` a grant that the handler asks for. */
  readonly access: 'public' | 'optional' | 'token' | 'policy'
  /** It needs no token, and its record names whoever brings a good one all the same. No use of that is taken. */
  readonly namesHolder?: boolean
  /** It reaches beyond every organization: only who belongs to the organization root has it, and only there, whatever a policy says. */
  readonly scope?: 'server'
  /** The dotted action of its audit record; undefined only for operations that touch nothing of an organization. */
  readonly audit: string | undefined
  readonly work: WorkClass
  /** Is of the whole server, or of what it is given: an organization that a request names changes nothing, and is not looked for. */
  readonly isEverywhere?: boolean
  /** Accepts Idempotency-Key. */
  readonly idempotent?: boolean
  readonly example?: Readonly<Record<string, unknown>>
  readonly tag: string
}

/** Declares an operation; frozen, so that nothing can change a contract at run time. */
export const operation = <const I extends Fields, const O extends Fields>(contract: Operation<I, O>): Operation<I, O> => Object.freeze(contract)

export type Operations = Readonly<Record<string, Operation<never, never> | Operation>>
type InputOf<Op> = Op extends { readonly input: infer I extends Fields } ? Infer<I> : never
type OutputOf<Op> = Op extends { readonly output: infer O extends Fields } ? Infer<O> : never
export type Handler<Op> = (input: InputOf<Op>, call: Call) => Promise<OutputOf<Op>>
export type Handlers<Ops> = { readonly [K in keyof Ops]: Handler<Ops[K]> }

/** An operation with its handler, types erased at this one border. */
export interface Implemented {
  readonly operation: Operation
  readonly handle: (input: Readonly<Record<string, unknown>>, call: Call) => Promise<Readonly<Record<string, unknown>>>
  /** For an operation that reveals one secret: how its answer is made without its handler, once everything is cached. */
  readonly warm?: WarmAnswer | undefined
  /** The same for one that reveals all secrets of a folder. */
  readonly batch?: WarmBatch | undefined
}

/** Joins contracts and handlers: a missing handler or a wrong output does not compile. */
export const implement = <Ops extends Readonly<Record<string, { readonly id: string; readonly input: Fields; readonly output: Fields }>>>(
  operations: Ops,
  handlers: Handlers<Ops>,
): readonly Implemented[] =>
  Object.keys(operations).map((name) => {
    // The mapped type above proves that handler and contract belong together; the array forgets it.
    const contract = operations[name] as unknown as Operation
    const handle = handlers[name as keyof Ops] as unknown as Implemented['handle']
    return { operation: contract, handle }
  })

/** Adds to one of the implemented operations how it is answered warm. */
export const withWarm = (implemented: readonly Implemented[], id: string, warm: WarmAnswer): readonly Implemented[] =>
  implemented.map((each) => (each.operation.id === id ? { ...each, warm } : each))

export const withBatch = (implemented: readonly Implemented[], id: string, batch: WarmBatch): readonly Implemented[] =>
  implemented.map((each) => (each.operation.id === id ? { ...each, batch } : each))

/** Walks the fields of a contract, children included, with their dotted names. */
export function* walkFields(fields: Fields, prefix = ''): Generator<readonly [string, AnyField]> {
  for (const [name, field] of Object.entries(fields)) {
    yield [prefix + name, field]
    if (field.children !== undefined) yield* walkFields(field.children, `${prefix}${name}.`)
    if (field.items?.children !== undefined) yield* walkFields(field.items.children, `${prefix}${name}[].`)
  }
}
