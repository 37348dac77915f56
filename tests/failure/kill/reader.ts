// A client that only reveals: whatever it is given must be a value that was sent to that secret.

import { setTimeout as sleep } from 'node:timers/promises'
import { client, type Client } from '../../support/http.ts'
import type { Ledger } from './ledger.ts'
import type { Writer } from './writer.ts'

export interface ReaderOptions {
  readonly writers: readonly Writer[]
  readonly token: string
  readonly ledger: Ledger
  address(): string
  readonly stop: AbortSignal
}

export const runReader = async ({ writers, token, ledger, address, stop }: ReaderOptions): Promise<void> => {
  let connection: Client | undefined
  for (let turn = 0; !stop.aborted; turn += 1) {
    const writer = writers[turn % writers.length]
    if (writer === undefined) return
    if (connection?.address !== address()) {
      connection?.close()
      connection = client(address(), token, 1)
    }
    try {
      const answer = await connection.call('GET', `/api/v1/secrets/${writer.path}?environment=prod&reveal=true`, undefined, { timeoutMs: 15_000 })
      ledger.note('secret.reveal', answer)
      if (answer.status === 200 && !writer.wasSent(String(answer.data.value))) ledger.broken.push(`${writer.path}: a reader was given what nobody wrote`)
      if (answer.status !== 200) await sleep(10)
    } catch {
      ledger.cut()
      await sleep(50)
    }
  }
  connection?.close()
}
