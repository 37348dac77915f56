// The two rpcs: messages in, the pipeline, messages out.

import { status as Status, type Metadata, type ServerDuplexStream, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js'
import { asCofferError, fail, isCofferError, type CofferError } from '../../kernel/errors.ts'
import type { Implemented, Operation } from '../../kernel/operation.ts'
import { encodeOutput } from '../../kernel/output.ts'
import { BoundedQueue, QueueFull } from '../../lib/bounded-queue.ts'
import { UNIMPLEMENTED } from '../../request/form.ts'
import { newRequestId } from '../../request/message.ts'
import type { Runner } from '../../request/pipeline.ts'
import type { Refuser } from '../../request/unresolved.ts'
import type { BodyRoom } from '../body-room.ts'
import { CALL_BYTES } from './arriving.ts'
import type { ChangeStream } from './change-stream.ts'
import { malformed, messageBytes, rpcPath, type SecretChangeEvent, type SecretRequest, type WatchRequest } from './contract.ts'
import { doorRequest, knownOf, type CallFacts } from './request.ts'
import { statusOf, trailers } from './status.ts'
import type { Streams } from './streams.ts'
import { watch, type Seen } from './watch.ts'

export interface DoorPorts {
  /** Prepared with snake_case names, by operation id; undefined while sealed. */
  runners(): ReadonlyMap<string, Runner> | undefined
  /** For calls that no operation ran for; undefined while sealed. */
  refuser(): Refuser | undefined
  /** Their contracts: an rpc is the operation with its path. */
  readonly operations: readonly Pick<Implemented, 'operation'>[]
  /** Undefined while sealed. */
  stream(): { readonly changes: ChangeStream } | undefined
  /** For what requests take. */
  readonly room: BodyRoom
  readonly logger: { error(message: string, fields: Readonly<Record<string, unknown>>): void }
}

// A change of a secret that thousands follow makes thousands of looks: they take turns, so that requests find the database free.
const LOOKS_AT_ONCE = 8
const LOOKS_WAITING = 20_000

interface Rpc {
  readonly name: string
  readonly operation: Operation
  readonly run: Runner
  /** What the operation refused itself, and has recorded. */
  readonly told: WeakSet<object>
}

const sealed = (): CofferError => fail('sealed', 'seal.sealed', 'The server is sealed. Unseal it first.')

const rpc = (ports: DoorPorts, name: string): Rpc => {
  const found = ports.operations.find(({ operation }) => operation.path === rpcPath(name))
  if (found === undefined) throw new Error(`no operation for the rpc ${name}`)
  const { operation } = found
  const told = new WeakSet<object>()
  const run: Runner = async (request) => {
    const runner = ports.runners()?.get(operation.id)
    if (runner === undefined) throw sealed()
    try {
      return await runner(request)
    } catch (error) {
      if (isCofferError(error)) told.add(error)
      throw error
    }
  }
  return { name, operation, run, told }
}

const factsOf = (call: { readonly metadata: Metadata; getPeer(): string }): CallFacts => ({ metadata: call.metadata, peer: call.getPeer(), requestId: newRequestId() })

/** @throws invalid_request for bytes that were no message of the type */
const messageOf = <T extends object>(request: T): T => {
  if (malformed in request) throw fail('invalid_request', 'request.malformed', 'The message is not valid protobuf of its type.')
  return request
}

const errorOf = (ports: DoorPorts, { operation }: Rpc, requestId: string, thrown: unknown): CofferError => {
  if (isCofferError(thrown)) return thrown
  if (thrown instanceof QueueFull) return fail('rate_limited', 'delivery.busy', 'Too many streams wait for their turn. Try again later.', { retryAfterSeconds: 5, cause: thrown })
  ports.logger.error('request failed', { requestId, where: operation.id, error: thrown })
  return asCofferError(thrown)
}

/** What the caller gets. What no operation refused is recorded here. */
const refusalOf = async (ports: DoorPorts, rpc_: Rpc, facts: CallFacts, { token, thrown }: { readonly token: string; readonly thrown: unknown }): Promise<CofferError> => {
  const error = errorOf(ports, rpc_, facts.requestId, thrown)
  return rpc_.told.has(error) ? error : recordRefusal(ports, facts, { path: rpcPath(rpc_.name), token, error })
}

/** A call that is refused before it is one of an operation. @returns what it is refused with */
const recordRefusal = async (ports: Pick<DoorPorts, 'refuser'>, facts: CallFacts, { path, token, error }: { readonly path: string; readonly token: string; readonly error: CofferError }): Promise<CofferError> => {
  const refuse = ports.refuser()
  return refuse === undefined ? error : refuse(knownOf(facts, token), { thrown: error, startedAt: performance.now(), method: 'POST', path: path.replace(/^\//, '') })
}

/** Any other method than the two. */
export const unknownMethod = (ports: Pick<DoorPorts, 'refuser'>) => (call: ServerDuplexStream<Buffer, Buffer>): void => {
  const facts = factsOf(call)
  const error = fail('not_found', UNIMPLEMENTED, 'There is no such method.')
  recordRefusal(ports, facts, { path: '', token: '', error }).then((told) => call.emit('error', { ...statusOf(told, facts.requestId), ...(told === error ? { code: Status.UNIMPLEMENTED } : {}) }), (failure: unknown) => call.emit('error', statusOf(asCofferError(failure), facts.requestId)))
}

const tokenIn = (request: { readonly client_token?: string }): string => request.client_token ?? ''

export const getSecret = (ports: DoorPorts) => {
  const get = rpc(ports, 'GetSecret')
  const answer = async (facts: CallFacts, request: SecretRequest): Promise<object> => {
    const { client_token: token, ...body } = messageOf(request)
    const { data } = await get.run(doorRequest(facts, token, body))
    return encodeOutput(get.operation.output, data ?? {}, true)
  }
  const reply = async (call: ServerUnaryCall<SecretRequest, object>): Promise<Parameters<sendUnaryData<object>>> => {
    const facts = factsOf(call)
    const claim = ports.room.keep(CALL_BYTES + (call.request[messageBytes] ?? 0))
    try {
      return [null, await answer(facts, call.request), trailers(facts.requestId)]
    } catch (thrown) {
      return [statusOf(await refusalOf(ports, get, facts, { token: tokenIn(call.request), thrown }), facts.requestId)]
    } finally {
      claim.giveBack()
    }
  }
  return async (call: ServerUnaryCall<SecretRequest, object>, callback: sendUnaryData<object>): Promise<void> => callback(...(await reply(call)))
}

type WatchCall = ServerWritableStream<WatchRequest, SecretChangeEvent>

/** Resolves when the call takes more. A client that reads slowly holds up its own stream only. */
const sender = (call: WatchCall, ended: AbortSignal) => (event: SecretChangeEvent): Promise<void> =>
  new Promise((resolve) => {
    if (ended.aborted || call.write(event)) return resolve()
    const go = (): void => {
      call.off('drain', go)
      ended.removeEventListener('abort', go)
      resolve()
    }
    call.on('drain', go)
    ended.addEventListener('abort', go)
  })

/** @returns what runs one stream to its end */
const follower = (ports: DoorPorts, look: Rpc, streams: Streams) => {
  const turns = new BoundedQueue({ concurrency: LOOKS_AT_ONCE, maxWaiting: LOOKS_WAITING })
  return async (facts: CallFacts, call: WatchCall, stream: AbortController): Promise<void> => {
    const { secret_paths: paths, client_token: token } = messageOf(call.request)
    const changes = ports.stream()?.changes
    if (changes === undefined) throw sealed()
    const leave = streams.begin(stream)
    const ended = stream.signal
    try {
      await watch(paths, {
        ask: async (secretPaths, isLook) => {
          const requestId = isLook ? newRequestId() : facts.requestId
          const { data } = await look.run(doorRequest({ ...facts, requestId }, token, { secret_paths: secretPaths, look: isLook }))
          // The contract of delivery.watch, which encodeOutput checks, is what Seen says.
          return encodeOutput(look.operation.output, data ?? {}) as unknown as Seen
        },
        send: sender(call, ended),
        changes,
        turns,
        enter: (name) => streams.enter(name),
        ended,
      })
    } finally {
      leave()
    }
    // It ends by itself only when the client is gone, who then hears nothing, or the server stops.
    throw fail('unavailable', 'server.stopping', 'The server is stopping. Connect again.')
  }
}

export const watchSecretChanges = (ports: DoorPorts, streams: Streams) => {
  const look = rpc(ports, 'WatchSecretChanges')
  const follow = follower(ports, look, streams)
  return (call: WatchCall): void => {
    const facts = factsOf(call)
    const stream = new AbortController()
    // Only the message: how many streams there are is bounded (streams.ts).
    const claim = ports.room.keep(call.request[messageBytes] ?? 0)
    call.on('cancelled', () => stream.abort())
    follow(facts, call, stream).catch(async (thrown: unknown) => {
      // Nobody is refused who has gone away, or whose stream ends with the server.
      const isEnd = call.cancelled || stream.signal.aborted
      const error = isEnd ? errorOf(ports, look, facts.requestId, thrown) : await refusalOf(ports, look, facts, { token: tokenIn(call.request), thrown })
      if (!call.cancelled) call.emit('error', statusOf(error, facts.requestId))
    }).finally(() => claim.giveBack())
  }
}
