// A client of the gRPC door, made from the proto file alone, as any workload would make one.

import { join } from 'node:path'
import { credentials, makeClientConstructor, Metadata, type ChannelCredentials, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import { afterwards, type Scope } from './cleanup.ts'
import { repository, type Server } from './server.ts'
import { until } from './wait.ts'

export interface SecretResponse {
  readonly secret_path: string
  readonly version_number: number
  readonly plaintext_value: string
  readonly expires_at_unix: number
}

export interface ChangeEvent {
  readonly secret_path: string
  readonly new_version_number: number
  readonly alias: string
}

export interface Failure {
  readonly status: number
  readonly message: string
  readonly code: string | undefined
  readonly requestId: string | undefined
}

export interface Stream {
  /** `path alias=version`, in the order of arrival. */
  readonly events: readonly string[]
  /** Waits for the next events until one matches. */
  saw(event: string): Promise<void>
  /** How it ended. */
  readonly ended: Promise<Failure>
  readonly call: ClientReadableStream<ChangeEvent>
}

export type MetadataValues = Readonly<Record<string, string>>

export interface GrpcClient {
  /** The answer with its trailing metadata, or the failure. */
  get(request: { readonly secret_path: string; readonly client_token?: string; readonly version_or_alias?: string }, metadata?: MetadataValues): Promise<{ readonly answer?: SecretResponse; readonly failure?: Failure; readonly requestId?: string | undefined }>
  watch(paths: readonly string[], token: string, metadata?: MetadataValues): Stream
  /** Sends bytes instead of a message. */
  raw(rpc: string, bytes: Buffer): Promise<Failure | undefined>
  close(): void
}

const service = (): ServiceDefinition => {
  const definition = loadSync('codesprintpro/secrets/v1/secrets.proto', { includeDirs: [join(repository, 'proto')], keepCase: true, longs: Number, defaults: true })
  return definition['codesprintpro.secrets.v1.SecretDeliveryService'] as ServiceDefinition
}

const metadataOf = (values: MetadataValues): Metadata => {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(values)) metadata.set(name, value)
  return metadata
}

const textOf = (metadata: Metadata | undefined, name: string): string | undefined => metadata?.get(name)[0]?.toString()

const failureOf = (error: ServiceError): Failure => ({ status: error.code, message: error.details, code: textOf(error.metadata, 'x-coffer-error-code'), requestId: textOf(error.metadata, 'x-request-id') })

export const grpcAddressOf = (server: Server): string => String(server.entries().find(({ grpcAddress }) => grpcAddress !== undefined)?.['grpcAddress'])

export const grpcClient = (scope: Scope, address: string, secure?: ChannelCredentials): GrpcClient => {
  const definition = service()
  const Client = makeClientConstructor(definition, 'SecretDeliveryService')
  // Each client has its own connection, so that tests of several workers do not all meet the same one.
  const client = new Client(address, secure ?? credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  afterwards(scope, () => client.close())
  const get = definition['GetSecret']
  const watch = definition['WatchSecretChanges']
  if (get === undefined || watch === undefined) throw new Error('the proto file lacks an rpc')
  return {
    get: (request, metadata = {}) =>
      new Promise((resolve) => {
        let requestId: string | undefined
        let answer: { readonly answer?: SecretResponse; readonly failure?: Failure } = {}
        const call = client.makeUnaryRequest(get.path, get.requestSerialize, get.responseDeserialize, request, metadataOf(metadata), (error, message) => {
          answer = error === null ? { answer: message as SecretResponse } : { failure: failureOf(error) }
        })
        call.on('status', (status) => {
          requestId = textOf(status.metadata, 'x-request-id')
          setImmediate(() => resolve({ ...answer, requestId }))
        })
      }),
    watch(paths, token, metadata = {}) {
      const call = client.makeServerStreamRequest(watch.path, watch.requestSerialize, watch.responseDeserialize, { secret_paths: paths, client_token: token }, metadataOf(metadata)) as ClientReadableStream<ChangeEvent>
      const events: string[] = []
      call.on('data', (event: ChangeEvent) => events.push(`${event.secret_path} ${event.alias}=${event.new_version_number}`))
      const ended = new Promise<Failure>((resolve) => {
        call.on('error', (error) => resolve(failureOf(error as ServiceError)))
        call.on('end', () => setImmediate(() => resolve({ status: 0, message: '', code: undefined, requestId: undefined })))
      })
      let from = 0
      const saw = async (event: string): Promise<void> => {
        await until(() => events.indexOf(event, from) !== -1, `the event ${event} (so far ${events.join(', ')})`)
        from = events.indexOf(event, from) + 1
      }
      afterwards(scope, () => call.cancel())
      return { events, saw, ended, call }
    },
    raw: (rpc, bytes) =>
      new Promise((resolve) => {
        client.makeUnaryRequest(`/codesprintpro.secrets.v1.SecretDeliveryService/${rpc}`, (sent: Buffer) => sent, (answer: Buffer) => answer, bytes, new Metadata(), (error) => resolve(error === null ? undefined : failureOf(error)))
      }),
    close: () => client.close(),
  }
}
