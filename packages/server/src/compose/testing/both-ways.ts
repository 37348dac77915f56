// The same request by a compiled plan and the general way, everything compared. A header that asks for nothing but keeps a
// request off the plan (Idempotency-Key on a read) makes the general one.

import assert from 'node:assert/strict'
import { request } from 'node:http'
import type { TestWorker } from './worker.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: readonly string[]
  readonly requestId: string
}

export interface Asked {
  readonly path: string
  readonly method?: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
}

export interface BothWays {
  send(asked: Asked): Promise<Answer>
  /** A request that must succeed; its body. */
  ok(method: string, path: string, body?: object, token?: string): Promise<Record<string, unknown>>
  answeredWarm(): number
  /** The answer, and how many of those since were a plan's. */
  counted(asked: Asked): Promise<[Answer, number]>
  /** The records of a request, once they have been shipped, without what differs with every request. */
  recordOf(answer: Pick<Answer, 'requestId'>): Promise<readonly string[]>
  /** Without what differs with every answer. */
  masked(answer: Answer): Omit<Answer, 'requestId'>
  /** Once for the plan to be learned, once by it, once the general way; the latter two are the same in everything. */
  same(asked: Asked, expected: { readonly warm: boolean; readonly status: number }): Promise<Answer>
}

/** The general way for what a plan would answer. */
export const generally = (asked: Asked): Asked => ({ ...asked, headers: { ...asked.headers, 'idempotency-key': 'general' } })

export const dataOf = (body: Record<string, unknown>): Record<string, unknown> => body['data'] as Record<string, unknown>

const masked: BothWays['masked'] = (answer) => ({ status: answer.status, headers: answer.headers, body: answer.body.replaceAll(answer.requestId.replace(/^req_/, ''), 'REQUEST') })

/** @param counter of what plans answered */
export const bothWays = (worker: TestWorker, counter = 'coffer_warm_reads_total'): BothWays => {
  const send: BothWays['send'] = ({ path, method = 'GET', token, headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const outgoing = request(`${worker.origin}/`, { method, path, headers: { ...(token === undefined ? {} : { 'x-vault-token': token }), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers } as Record<string, string | string[]> }, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('end', () => {
          const raw = incoming.rawHeaders
          const pairs = raw.flatMap((name, index) => (index % 2 === 0 ? [`${name.toLowerCase()}: ${raw[index + 1] ?? ''}`] : []))
          resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8'), headers: pairs.filter((pair) => !/^(date|x-request-id):/.test(pair)).sort(), requestId: String(incoming.headers['x-request-id']) })
        })
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  const ok: BothWays['ok'] = async (method, path, body, token = worker.rootToken) => {
    const answer = await send({ path, method, token, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.body}`)
    return answer.body === '' ? {} : (JSON.parse(answer.body) as Record<string, unknown>)
  }
  const recordOf: BothWays['recordOf'] = async ({ requestId }) => {
    for (let tries = 0; tries < 400; tries++) {
      const { rows } = await worker.database.superuser.query<{ record: string }>('select record from coffer.audit_events where request_id = $1 order by id', [requestId])
      if (rows.length > 0) return rows.map(({ record }) => record.replaceAll(requestId, 'REQUEST').replace(/"id":"[0-9a-f-]{36}"/, '"id":"ID"').replace(/"createdAt":"[^"]+"/, '"createdAt":"AT"'))
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    throw new Error(`no record of ${requestId}`)
  }
  const answeredWarm = (): number => worker.metric(counter, 'answered')
  const counted: BothWays['counted'] = async (asked) => {
    const before = answeredWarm()
    const answer = await send(asked)
    return [answer, answeredWarm() - before]
  }
  const same: BothWays['same'] = async (asked, expected) => {
    await send(asked)
    let [planned, warm] = await counted(asked)
    // A lease that lapsed on a busy machine sends one the general way; the next learns again.
    for (let tries = 0; tries < 50 && expected.warm && warm === 0; tries++) [planned, warm] = await counted(asked)
    const before = answeredWarm()
    const general = await send(generally(asked))
    assert.equal(answeredWarm(), before, 'the comparison itself took the plan')
    assert.equal(warm, expected.warm ? 1 : 0, `${asked.path} was ${warm === 1 ? '' : 'not '}answered by a plan`)
    assert.equal(planned.status, expected.status, planned.body)
    assert.deepEqual(masked(planned), masked(general))
    assert.match(planned.requestId, /^req_[0-9a-f-]{36}$/)
    assert.notEqual(planned.requestId, general.requestId)
    assert.deepEqual(await recordOf(planned), await recordOf(general))
    return planned
  }
  return { send, ok, answeredWarm, counted, recordOf, masked, same }
}
