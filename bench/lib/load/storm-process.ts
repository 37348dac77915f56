// The boot storm's client, in a process of its own: each pod logs in when its moment has come and then reads its secrets. Open
// loop: a login's latency counts from the pod's moment, a read's from the answer to its login, however late it could be sent.

import { Connection, summarise, type Gathered, type Latencies } from './raw-client.ts'

export interface StormOrder {
  readonly host: string
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** Bodies of logins, one for each pod. */
  readonly logins: readonly string[]
  readonly loginPath: string
  readonly readPaths: readonly string[]
}

export interface StormResult {
  readonly logins: Latencies
  readonly reads: Latencies
}

interface Due {
  readonly at: number
  readonly bytes: Buffer
  done(status: number, body: string): void
}

const text = (head: string, body = ''): Buffer => Buffer.from(`${head}\r\nhost: localhost\r\n${body === '' ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`}\r\n${body}`)

const run = async (order: StormOrder): Promise<StormResult> => {
  const { connections, seconds, logins, loginPath, readPaths } = order
  const opened = await Promise.all(Array.from({ length: connections }, () => Connection.open(order)))
  const idle = [...opened]
  const waiting: Due[] = []
  // A queue that is shifted often, of up to fifty thousand.
  let head = 0
  const gathered = { logins: { latencies: [], errors: 0 } as Gathered, reads: { latencies: [], errors: 0 } as Gathered }
  const expected = logins.length * (1 + readPaths.length)
  let settled = 0
  const began = performance.now()
  await new Promise<void>((resolve) => {
    const settle = (kind: 'logins' | 'reads', at: number, isGood: boolean, count = 1): void => {
      gathered[kind].latencies.push(...Array.from({ length: count }, () => performance.now() - at))
      if (!isGood) gathered[kind].errors += count
      settled += count
      if (settled === expected) resolve()
    }
    const pump = (): void => {
      while (head < waiting.length && idle.length > 0) {
        const due = waiting[head++]
        const connection = idle.pop()
        if (due === undefined || connection === undefined) return
        connection.send(due.bytes, (status, body) => {
          if (status !== 0) idle.push(connection)
          due.done(status, body)
          pump()
        })
      }
    }
    const read = (token: string): void => {
      const at = performance.now()
      for (const path of readPaths) waiting.push({ at, bytes: text(`GET ${path} HTTP/1.1\r\nx-vault-token: ${token}`), done: (status) => settle('reads', at, status === 200) })
    }
    const login = (body: string, at: number): void => {
      const done = (status: number, answer: string): void => {
        const token = /"client_token":"([^"]+)"/.exec(answer)?.[1]
        settle('logins', at, status === 200 && token !== undefined)
        if (token === undefined) settle('reads', performance.now(), false, readPaths.length)
        else read(token)
      }
      waiting.push({ at, bytes: text(`POST ${loginPath} HTTP/1.1`, body), done })
    }
    let next = 0
    const tick = (): void => {
      for (let at = began + (next * seconds * 1000) / logins.length; next < logins.length && at <= performance.now(); at = began + (next * seconds * 1000) / logins.length) login(logins[next++] ?? '', at)
      pump()
      if (next < logins.length) setTimeout(tick, 1)
    }
    tick()
  })
  const took = (performance.now() - began) / 1000
  for (const connection of opened) connection.close()
  return { logins: summarise(gathered.logins, took), reads: summarise(gathered.reads, took) }
}

const chunks: Buffer[] = []
for await (const chunk of process.stdin) chunks.push(chunk as Buffer) // no encoding is set
process.stdout.write(JSON.stringify(await run(JSON.parse(Buffer.concat(chunks).toString('utf8')) as StormOrder))) // made by cases/storm.ts
