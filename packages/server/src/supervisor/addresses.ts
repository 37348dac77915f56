// Makes sure that an address is ours before any worker listens. With `reusePort` the kernel would let a second server
// join in and silently take part of the traffic; so the port is proved free, and a lock held on it that every other
// server of ours finds taken.

import { lookup } from 'node:dns/promises'
import { createServer, type Server } from 'node:net'
import { platform } from 'node:process'
import { formatAddress, type Address } from '../config/setting.ts'
import { fail } from '../kernel/errors.ts'

export interface Reservation {
  /** The same address with the port that will be listened on, also when 0 was asked for. */
  readonly address: Address
  release(): Promise<void>
}

/** Resolves with the concrete address; `conflict` when anybody listens there or another server of ours has reserved it. */
export const reserveAddress = async (wanted: Address): Promise<Reservation> => {
  const host = await resolveHost(wanted)
  const port = await probe({ host, port: wanted.port }, wanted)
  const lock = await lockAddress({ host, port })
  return { address: { host: wanted.host, port }, release: async () => closeServer(lock) }
}

const resolveHost = async ({ host }: Address): Promise<string> => {
  try {
    return (await lookup(host)).address
  } catch (cause) {
    throw fail('invalid_request', 'supervisor.unknown_host', `The host of the listener ${host} cannot be resolved.`, { cause, field: 'listen' })
  }
}

/** An ordinary, exclusive listen: it fails also where others share the port with `reusePort`. */
const probe = async (at: Address, wanted: Address): Promise<number> => {
  const server = createServer()
  try {
    await listen(server, { host: at.host, port: at.port, exclusive: true })
  } catch (cause) {
    throw refused(wanted, cause)
  }
  const bound = server.address()
  await closeServer(server)
  return typeof bound === 'object' && bound !== null ? bound.port : at.port
}

const refused = (wanted: Address, cause: unknown) => {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
  if (code === 'EADDRINUSE') return fail('conflict', 'supervisor.address_in_use', `Something is listening on ${formatAddress(wanted)} already. Stop it, or choose another address with --listen.`, { cause })
  if (code === 'EACCES') return fail('permission_denied', 'supervisor.port_not_allowed', `This user may not listen on ${formatAddress(wanted)}. Ports below 1024 need a right of their own.`, { cause })
  return fail('unavailable', 'supervisor.cannot_listen', `${formatAddress(wanted)} cannot be listened on (${code}).`, { cause })
}

/**
 * A socket in Linux's abstract namespace: it exists as long as its holder lives, exactly one can have it, and it belongs
 * to the same network namespace as the port. A file could be left behind, and would say nothing across containers.
 */
const lockAddress = async (address: Address): Promise<Server | undefined> => {
  if (platform !== 'linux') return undefined
  const server = createServer((socket) => socket.destroy())
  try {
    await listen(server, { path: `\0coffer/listen/${formatAddress(address)}` })
  } catch (cause) {
    throw fail('conflict', 'supervisor.address_in_use', `Another Coffer server has ${formatAddress(address)}. Stop it, or choose another address with --listen.`, { cause })
  }
  server.unref()
  return server
}

const listen = (server: Server, options: { host?: string; port?: number; path?: string; exclusive?: boolean }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })

const closeServer = (server: Server | undefined): Promise<void> => new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
