// The gRPC door on its own listener (architecture, section 1).

import { Server, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { BodyRoom } from '../body-room.ts'
import { boundArriving, MESSAGE_BYTES } from './arriving.ts'
import { loadService } from './contract.ts'
import { getSecret, unknownMethod, watchSecretChanges, type DoorPorts } from './door.ts'
import { listen, type GrpcTls, type Listen } from './listener.ts'
import { Streams, type StreamLimits } from './streams.ts'

export interface GrpcOptions extends Omit<DoorPorts, 'room'> {
  /** Port 0 takes any free one. */
  readonly listen: Omit<Listen, 'reusePort'>
  /** Several processes share the port. */
  readonly reusePort: boolean
  /** Absent: plain HTTP/2, for loopback or behind a proxy that ends TLS. */
  readonly tls?: GrpcTls | undefined
  /** In which a message must be there. */
  readonly requestSeconds: number
  readonly streams?: Partial<StreamLimits> | undefined
}

export interface GrpcDoor {
  readonly port: number
  /** Stops accepting, ends the watching streams, lets calls finish for at most so long. */
  close(graceMs: number): Promise<void>
}

const serverOptions = {
  'grpc.max_receive_message_length': MESSAGE_BYTES,
  'grpc.max_concurrent_streams': 1000,
  // A client whose machine is gone is noticed within a minute, though a watching stream may be silent for days.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // Told to go away (grpc-js adds a jitter of a tenth), so that connections spread over new workers; calls go on until they end.
  'grpc.max_connection_age_ms': 600_000,
  'grpc.max_connection_idle_ms': 300_000,
  'grpc.enable_channelz': 0,
}

const streamLimits: StreamLimits = { perToken: 32, inAll: 10_000 }

/**
 * grpc-js answers methods that it does not know without a word to anybody. Where it looks for the handler of a path it finds one of ours instead; tests/journeys/grpc.test.ts
 * tries it on the version that the product pins. Where handlers are not kept so, grpc-js answers as it does.
 */
const answerOthers = (server: Server, func: ReturnType<typeof unknownMethod>): void => {
  const kept: unknown = server['handlers']
  if (!(kept instanceof Map)) return
  const handlers = kept as Map<string, object>
  const known = handlers.get.bind(handlers)
  const bytes = (given: Buffer): Buffer => given
  handlers.get = (path) => known(path) ?? { type: 'bidi', path, func, serialize: bytes, deserialize: bytes }
}

/** @throws unavailable when the address cannot be had */
export const startGrpc = async (options: GrpcOptions): Promise<GrpcDoor> => {
  const room = new BodyRoom(MESSAGE_BYTES)
  const server = new Server({ ...serverOptions, interceptors: [boundArriving(room, options.requestSeconds)] })
  const streams = new Streams({ ...streamLimits, ...options.streams })
  const ports = { ...options, room }
  const handlers = { GetSecret: getSecret(ports), WatchSecretChanges: watchSecretChanges(ports, streams) }
  // grpc-js takes handlers of any message type; contract.ts says which these are.
  server.addService(loadService(), handlers as unknown as UntypedServiceImplementation)
  answerOthers(server, unknownMethod(options))
  const listener = await listen(server, { host: options.listen.host, port: options.listen.port, reusePort: options.reusePort }, options.tls)
  return {
    port: listener.port,
    async close(graceMs) {
      listener.close()
      streams.stop()
      const force = setTimeout(() => server.forceShutdown(), graceMs)
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
      clearTimeout(force)
    },
  }
}
