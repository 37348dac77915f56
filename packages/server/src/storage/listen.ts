// A LISTEN connection that comes back. Notifications are only wake-ups: they carry nothing and may be lost, so
// after every (re)connection the listener is called once, as if one had been missed.

import pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { translateError } from './errors.ts'
import { clientConfig, type ConnectionSettings } from './pool.ts'
import { identifier } from './roles.ts'

export interface Listener {
  readonly connected: boolean
  close(): Promise<void>
}

export interface ListenRequest {
  readonly channel: string
  readonly onWake: () => void
  readonly onLost?: () => void
}

const slowestRetryMs = 5_000

/** Resolves once the first connection listens; from then on it looks after itself. */
export const listen = async (settings: ConnectionSettings, request: ListenRequest): Promise<Listener> => {
  const closing = new AbortController()
  let client = await connect(settings, request)
  let connected = true

  const watch = async (): Promise<void> => {
    for (;;) {
      await lost(client, closing.signal)
      connected = false
      if (closing.signal.aborted) return
      request.onLost?.()
      for (let attempt = 0; !closing.signal.aborted; attempt += 1) {
        const next = await connect(settings, request).catch(() => undefined)
        if (next !== undefined) {
          client = next
          connected = true
          break
        }
        await sleep(Math.min(100 * 2 ** attempt, slowestRetryMs), undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
      }
    }
  }
  const watching = watch()
  return {
    get connected() {
      return connected
    },
    async close() {
      closing.abort()
      await watching
      await client.end().catch(() => undefined)
    },
  }
}

const connect = async (settings: ConnectionSettings, { channel, onWake }: ListenRequest): Promise<pg.Client> => {
  const client = new pg.Client({ ...clientConfig({ ...settings, applicationName: 'coffer-listen' }), pipeline: false })
  client.on('error', () => undefined) // `end` follows
  client.on('notification', onWake)
  try {
    await client.connect()
    await client.query(`listen ${identifier(channel)}`)
  } catch (error) {
    await client.end().catch(() => undefined)
    throw translateError(error)
  }
  onWake()
  return client
}

const lost = (client: pg.Client, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve() // an abort that has been is not told again
    client.once('end', () => resolve())
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
