// kill -9 while a rekey commits: whatever was killed and when, the shares that people hold open the server afterwards. When
// the answer with new shares arrived these are the new ones, else the old ones.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { superuserOf } from '../support/database.ts'
import { exchange, type Json } from '../support/http.ts'
import { isAlive, killProcess } from '../support/processes.ts'
import { scratchDirectory, startServer, type Server } from '../support/server.ts'
import { numberFromEnvironment, until } from '../support/wait.ts'

const rounds = numberFromEnvironment('COFFER_TEST_REKEY_KILLS', 8)
/** From before the request has been read to after its answer has left, on a slow and on a fast machine. */
const pausesMs = [0, 5, 12, 20, 30, 45, 70, 110]

const sys = async (server: Server, method: string, path: string, body?: unknown): Promise<Json> => {
  const answer = await exchange(server.address, method, `/v1/sys/${path}`, body === undefined ? {} : { body })
  assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`)
  return answer.json
}

const isSealed = async (server: Server): Promise<boolean | undefined> => (await exchange(server.address, 'GET', '/v1/sys/seal-status').catch(() => undefined))?.json?.sealed

test(`${rounds} times kill -9 during a rekey: the shares at hand open the server`, { timeout: 600_000 }, async (t) => {
  const folder = scratchDirectory(t)
  const start = (): Promise<Server> => startServer(t, { args: ['server', '--data-dir', join(folder, 'data'), '--seal', 'shamir', '--workers', '2', '--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB'] })
  let server = await start()
  const made = await sys(server, 'PUT', 'init', { secret_shares: 3, secret_threshold: 2 })
  let shares: readonly string[] = made.keys
  const unseal = async (): Promise<void> => {
    for (const key of shares.slice(0, 2)) await sys(server, 'PUT', 'unseal', { key })
    await until(async () => (await exchange(server.address, 'GET', '/v1/sys/health').catch(() => undefined))?.status === 200, 'the server serves')
  }
  await unseal()
  assert.equal((await exchange(server.address, 'PUT', '/v1/secret/data/a', { token: made.root_token, body: { data: { value: 'kept' } } })).status, 200)
  const outcomes: Record<string, number> = {}
  for (let round = 0; round < rounds; round += 1) {
    await exchange(server.address, 'DELETE', '/v1/sys/rekey/init', { body: { nonce: (await sys(server, 'GET', 'rekey/init')).nonce } })
    const { nonce } = await sys(server, 'PUT', 'rekey/init', { secret_shares: 3, secret_threshold: 2 })
    await sys(server, 'PUT', 'rekey/update', { nonce, key: shares[0] })
    const last = exchange(server.address, 'PUT', '/v1/sys/rekey/update', { body: { nonce, key: shares[1] } }).catch(() => undefined)
    await sleep(pausesMs[round % pausesMs.length] ?? 0)
    const onlyWorkers = round % 2 === 1
    const victims = onlyWorkers ? server.workers() : [server.pid]
    for (const pid of victims) killProcess(pid)
    const answer = await last
    if (answer?.json?.complete === true) shares = answer.json.keys
    const outcome = `${onlyWorkers ? 'workers' : 'supervisor'}: ${answer === undefined ? 'no answer' : 'answered'}`
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    if (onlyWorkers) {
      await until(async () => victims.every((pid) => !isAlive(pid)) && (await exchange(server.address, 'GET', '/v1/sys/health').catch(() => undefined))?.status === 200, 'the workers are back')
      assert.equal((await exchange(server.address, 'PUT', '/v1/sys/seal', { token: made.root_token })).status, 204)
      await until(async () => (await isSealed(server)) === true, 'the server is sealed')
    } else {
      await server.exited
      server = await start()
      assert.equal(await isSealed(server), true)
    }
    await unseal()
    assert.equal((await exchange(server.address, 'GET', '/v1/secret/data/a', { token: made.root_token })).json.data.data.value, 'kept')
  }
  t.diagnostic(JSON.stringify(outcomes))
  // A rekey that comes through ends whatever was left open on the way.
  const { nonce } = await sys(server, 'PUT', 'rekey/init', { secret_shares: 3, secret_threshold: 2 })
  await sys(server, 'PUT', 'rekey/update', { nonce, key: shares[0] })
  await sys(server, 'PUT', 'rekey/update', { nonce, key: shares[2] })
  const database = superuserOf(t, join(folder, 'data'))
  await until(async () => (await database.query<{ n: number }>('select count(*)::int as n from coffer.seal_slots')).rows[0]?.n === 1, 'one slot is left')
})
