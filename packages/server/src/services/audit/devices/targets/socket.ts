// Lines over a connection (TCP, Unix) or as datagrams (UDP). A connection that broke, or does not take bytes in time, is
// given up and made anew; what was written into it may come again.

import { createSocket } from 'node:dgram'
import { createConnection, isIP, type Socket } from 'node:net'
import { Unwritable, type Target } from './target.ts'

export type Address = { readonly host: string; readonly port: number } | { readonly path: string }

const connect = (address: Address, signal: AbortSignal, timeoutMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createConnection({ ...address, noDelay: true, keepAlive: true })
    const settle = (error: Error | undefined): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.off('error', settle)
      if (error === undefined) return resolve(socket)
      socket.destroy()
      return reject(error)
    }
    const abort = (): void => settle(new Error('The connection was given up'))
    const timer = setTimeout(() => settle(new Error('The connection was not made in time')), timeoutMs)
    signal.addEventListener('abort', abort)
    socket.once('error', settle)
    socket.once('connect', () => settle(undefined))
  })

/** Resolves when the kernel has taken the bytes. */
const send = (socket: Socket, text: string, timeoutMs: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(new Error('The connection took no bytes in time')), timeoutMs)
    const closed = (): void => settle(new Error('The connection was closed'))
    const settle = (error: Error | null | undefined): void => {
      clearTimeout(timer)
      socket.off('close', closed)
      if (error === null || error === undefined) return resolve()
      return reject(error)
    }
    socket.once('close', closed)
    socket.write(text, 'utf8', settle)
  })

export const streamTarget = (address: Address, timeoutMs: number): Target => {
  let opened: Socket | undefined
  const drop = (): void => {
    opened?.destroy()
    opened = undefined
  }
  const connection = async (signal: AbortSignal): Promise<Socket> => {
    if (opened !== undefined && !opened.destroyed && opened.writable) return opened
    const socket = await connect(address, signal, timeoutMs)
    // Nothing is expected from the other side; its end is seen all the same.
    socket.on('error', () => undefined)
    socket.on('end', () => socket.destroy())
    socket.resume()
    socket.unref()
    opened = socket
    return socket
  }
  return {
    async write(lines, signal) {
      try {
        await send(await connection(signal), lines.map((line) => `${line}\n`).join(''), timeoutMs)
      } catch (error) {
        drop()
        throw error
      }
    },
    async probe(signal) {
      await connection(signal)
    },
    reopen: async () => drop(),
  }
}

/** One datagram for each line. */
export const datagramTarget = ({ host, port }: { readonly host: string; readonly port: number }): Target => {
  const write = async (lines: readonly string[]): Promise<void> => {
    const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4')
    socket.on('error', () => undefined)
    let unwritable = 0
    let cause: unknown
    try {
      for (const line of lines) {
        try {
          await new Promise<void>((resolve, reject) => socket.send(Buffer.from(line, 'utf8'), port, host, (error) => (error === null ? resolve() : reject(error))))
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'EMSGSIZE')) throw error
          // It would be as large the next time: the rest must not wait for it.
          unwritable += 1
          cause = error
        }
      }
    } finally {
      socket.close()
    }
    if (unwritable > 0) throw new Unwritable(unwritable, cause)
  }
  return { write, probe: async () => undefined, reopen: async () => undefined }
}
