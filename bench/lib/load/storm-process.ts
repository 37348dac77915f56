// The boot storm's client, in a process of its own: each pod logs in when its moment has come and then reads its secrets, on a connection that
// is its own as long as it lives. Open loop: a login's latency counts from the pod's moment, that of each of its reads from the answer to its
// login, however late it could be sent.

import { Connection, summarise, type Gathered, type Latencies } from './raw-client.ts'

export interface StormOrder {
  readonly host: string
  readonly port: number
  /** How many pods may live at once. */
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
  /** What making the load took of the processor. */
  readonly processorSeconds: number
  /** What logins were answered with instead of a token, and how often. */
  readonly refusals: Readonly<Record<string, number>>
  /** The most pods that lived at once. */
  readonly most: number
}

const text = (head: string, body = ''): Buffer => Buffer.from(`${head}\r\nhost: localhost\r\n${body === '' ? '' : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`}\r\n${body}`)

/** Opened one after the other, so that no queue of new connections overflows. */
const openAll = async (order: StormOrder): Promise<Connection[]> => {
  const opened: Connection[] = []
  while (opened.length < order.connections) opened.push(...(await Promise.all(Array.from({ length: Math.min(64, order.connections - opened.length) }, () => Connection.open(order)))))
  return opened
}

const run = async (order: StormOrder): Promise<StormResult> => {
  const { seconds, logins, loginPath, readPaths } = order
  const opened = await openAll(order)
  const idle = [...opened]
  const loginBytes = logins.map((body) => text(`POST ${loginPath} HTTP/1.1`, body))
  const gathered = { logins: { latencies: [], errors: 0 } as Gathered, reads: { latencies: [], errors: 0 } as Gathered }
  const refusals: Record<string, number> = {}
  let ended = 0
  let most = 0
  const usage = process.cpuUsage()
  const began = performance.now()
  await new Promise<void>((resolve) => {
    const settle = (kind: 'logins' | 'reads', at: number, isGood: boolean): void => {
      gathered[kind].latencies.push(performance.now() - at)
      if (!isGood) gathered[kind].errors += 1
    }
    const replace = (another: Connection): void => {
      opened.push(another)
      idle.push(another)
    }
    const end = (connection: Connection, isGone: boolean): void => {
      ended += 1
      if (!isGone) idle.push(connection)
      else void Connection.open(order).then(replace)
      if (ended === logins.length) resolve()
      else start()
    }
    const read = (connection: Connection, token: string, at: number, index = 0): void => {
      const path = readPaths[index]
      if (path === undefined) return end(connection, false)
      connection.send(text(`GET ${path} HTTP/1.1\r\nx-vault-token: ${token}`), (status) => {
        settle('reads', at, status === 200)
        if (status !== 0) return read(connection, token, at, index + 1)
        for (let lost = index + 1; lost < readPaths.length; lost += 1) settle('reads', at, false)
        return end(connection, true)
      })
      return undefined
    }
    let next = 0
    const momentOf = (pod: number): number => began + (pod * seconds * 1000) / logins.length
    const start = (): void => {
      while (next < logins.length && idle.length > 0 && momentOf(next) <= performance.now()) {
        const at = momentOf(next)
        const [connection, bytes] = [idle.pop(), loginBytes[next++]]
        if (connection === undefined || bytes === undefined) return
        most = Math.max(most, opened.length - idle.length)
        connection.send(bytes, (status, answer) => {
          const token = /"client_token":"([^"]+)"/.exec(answer)?.[1]
          settle('logins', at, status === 200 && token !== undefined)
          if (token !== undefined) return read(connection, token, performance.now())
          const refusal = `${status} ${answer.slice(0, 200)}`
          refusals[refusal] = (refusals[refusal] ?? 0) + 1
          for (const _path of readPaths) settle('reads', at, false)
          return end(connection, status === 0)
        })
      }
    }
    const tick = (): void => {
      start()
      if (next < logins.length) setTimeout(tick, 1)
    }
    tick()
  })
  const took = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(usage)
  for (const connection of opened) connection.close()
  return { logins: summarise(gathered.logins, took), reads: summarise(gathered.reads, took), processorSeconds: (user + system) / 1e6, most, refusals }
}

const chunks: Buffer[] = []
for await (const chunk of process.stdin) chunks.push(chunk as Buffer) // no encoding is set
process.stdout.write(JSON.stringify(await run(JSON.parse(Buffer.concat(chunks).toString('utf8')) as StormOrder))) // made by cases/storm.ts
