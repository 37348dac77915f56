// The service as proto/codesprintpro/secrets/v1/secrets.proto declares it, read when the server starts.

import { join } from 'node:path'
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader'
import { packageRoot } from '../../lib/node/places.ts'

/** How many bytes a message had. */
export const messageBytes = Symbol('messageBytes')

interface Sized {
  readonly [messageBytes]?: number
}

export interface SecretRequest extends Sized {
  readonly secret_path: string
  readonly client_token: string
  readonly version_or_alias: string
}

export interface WatchRequest extends Sized {
  readonly secret_paths: readonly string[]
  readonly client_token: string
}

export interface SecretChangeEvent {
  readonly secret_path: string
  readonly new_version_number: number
  readonly alias: string
}

/** A message that was no protobuf of its type. It reaches the handler, so that the caller gets an error of ours. */
export const malformed = Symbol('malformed')

const SERVICE = 'codesprintpro.secrets.v1.SecretDeliveryService'
const folder = join(packageRoot, '../../proto')

/** The gRPC path of an rpc, which is also the path of its operation. */
export const rpcPath = (rpc: string): string => `/${SERVICE}/${rpc}`

/** grpc-js would answer INTERNAL to bytes that do not parse, as though the server were at fault. */
const tolerant = (parse: (bytes: Buffer) => object) => (bytes: Buffer): object => {
  try {
    return Object.assign(parse(bytes), { [messageBytes]: bytes.length })
  } catch {
    return { [malformed]: true, [messageBytes]: bytes.length }
  }
}

/** @throws Error when the file is missing or does not declare the service */
export const loadService = (): ServiceDefinition => {
  // Numbers hold every version number (they end at 2^53 - 1), and expiry in seconds.
  const definition = loadSync('codesprintpro/secrets/v1/secrets.proto', { includeDirs: [folder], keepCase: true, longs: Number, defaults: true, arrays: true })
  const service = definition[SERVICE]
  if (service === undefined || 'format' in service) throw new Error(`the proto file does not declare ${SERVICE}`)
  // What is neither message nor enum is a service: a record of methods.
  const methods = Object.entries(service as ServiceDefinition)
  return Object.fromEntries(methods.map(([name, method]) => [name, { ...method, requestDeserialize: tolerant(method.requestDeserialize) }]))
}
