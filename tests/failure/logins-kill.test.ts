// kill -9 of workers and of the embedded database while many log in at once, whose tokens are written together: each token that was answered works afterwards
// and has its record, and a secret id of n uses has logged in n times at most, however many workers counted them and died.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { superuserOf } from '../support/database.ts'
import { client, type Client } from '../support/http.ts'
import { isAlive, killProcess } from '../support/processes.ts'
import { dataDirectoryOf, scratchDirectory, startDurableServer, type Server } from '../support/server.ts'
import { until } from '../support/wait.ts'

const CLIENTS = 16
const USES = 60

interface Login {
  readonly role_id: string
  readonly secret_id: string
}

const approle = async (root: Client, role: string, settings: object): Promise<Login> => {
  await root.expect('POST', `/v1/auth/approle/role/${role}`, settings, { status: 204 })
  const { role_id } = (await root.expect('GET', `/v1/auth/approle/role/${role}/role-id`)).data
  const { secret_id } = (await root.expect('POST', `/v1/auth/approle/role/${role}/secret-id`, {})).data
  return { role_id, secret_id }
}

const kills: readonly ((server: Server) => Promise<void>)[] = [
  async (server) => void killProcess(server.workers().find(isAlive) ?? 0),
  async (server) => {
    await until(() => server.database() > 1, 'the database runs')
    killProcess(server.database())
  },
  async (server) => server.workers().forEach((pid) => killProcess(pid)),
]

test('no token that was answered is lost with whoever wrote it, and no use of a secret id is won', { timeout: 300_000 }, async (t) => {
  const folder = scratchDirectory(t)
  const { server, root } = await startDurableServer(t, { folder, flags: ['--workers', '2'] })
  await root.expect('POST', '/v1/sys/auth/approle', { type: 'approle' }, { status: 204 })
  const endless = await approle(root, 'endless', {})
  const counted = await approle(root, 'counted', { token_type: 'batch', secret_id_num_uses: USES })
  const answered = new Map<string, string>()
  let [countedLogins, stopped] = [0, false]
  const failures: string[] = []
  const run = async (): Promise<void> => {
    while (!stopped) {
      const one = client(server.address)
      try {
        const { status, json } = await one.call('POST', '/v1/auth/approle/login', endless)
        if (status === 200) answered.set(json.auth.accessor as string, json.auth.client_token as string)
        // While the database or a worker is away a login may fail, but never for what it says of itself.
        else if (status < 500) failures.push(`${status}`)
        if (answered.size % 5 === 0 && (await one.call('POST', '/v1/auth/approle/login', counted)).status === 200) countedLogins += 1
      } catch {
        // the worker went away with the request
      } finally {
        one.close()
      }
    }
  }
  const running = Array.from({ length: CLIENTS }, run)
  for (const kill of kills) {
    const goal = answered.size + 150
    await until(() => answered.size >= goal, 'logins go on')
    await kill(server)
  }
  const goal = answered.size + 150
  await until(() => answered.size >= goal, 'logins go on after the last kill')
  stopped = true
  await Promise.all(running)
  assert.deepEqual(failures, [])
  assert.ok(countedLogins > 0 && countedLogins <= USES, `${countedLogins} logins by a secret id of ${USES} uses`)

  const now = client(server.address, undefined, 8)
  for (const token of answered.values()) assert.equal((await now.as(token).call('GET', '/v1/auth/token/lookup-self')).status, 200)
  now.close()
  const { rows } = await superuserOf(t, dataDirectoryOf(folder)).query<{ n: number }>(
    `select count(*)::int as n from coffer.tokens t where t.accessor = any($1) and 1 = (select count(*) from coffer.audit_events e
       where e.org_id = t.org_id and e.action = 'auth.login' and e.decision = 'ALLOW' and e.record::jsonb->'metadata'->>'tokenId' = t.token_id::text)`,
    [[...answered.keys()]],
  )
  assert.equal(rows[0]?.n, answered.size, 'each token has one record of its login')
  t.diagnostic(`${answered.size} tokens, ${countedLogins} logins of ${USES}`)
  assert.equal((await server.stop()).code, 0)
})
