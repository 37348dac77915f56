// A cluster that boots: ten thousand workloads, each with a signed token and a connection of its own, log in within ten seconds and read five secrets
// each, on two cores that server, database and generator share. Afterwards every answer is looked for in the audit record.

import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { portOf, type Bench, type Case } from '../lib/context.ts'
import { offerStorm } from '../lib/load/load.ts'
import { cpuSeconds } from '../lib/processes.ts'
import { call, seed, sizes } from '../lib/seed.ts'
import { startInstalled, type InstalledServer } from '../lib/server.ts'

const PODS = 10_000
const SECONDS = 10
const PORT = 8694
/** How many pods may live at once. A pod whose predecessors have not ended waits, and its login's latency with it. */
const CONNECTIONS = 2048
const ISSUER = 'bench-cluster'

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** What Kubernetes signs the tokens of service accounts with unless it is told otherwise; and what takes a server three to four times as long to verify. */
export type StormAlgorithm = 'RS256' | 'ES256'

const keysOf = (alg: StormAlgorithm): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } => (alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: 'P-256' }))

const tokenOf = (key: KeyObject, alg: StormAlgorithm, subject: string): string => {
  const now = Math.floor(Date.now() / 1000)
  const signed = `${base64url({ alg, typ: 'JWT' })}.${base64url({ iss: ISSUER, sub: subject, aud: 'coffer', iat: now, nbf: now - 30, exp: now + 3600 })}`
  return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const trust = async ({ origin, root }: Pick<InstalledServer, 'origin' | 'root'>, publicKey: KeyObject): Promise<void> => {
  await call(origin, 'POST', '/v1/sys/auth/jwt', { type: 'jwt' }, root)
  await call(origin, 'POST', '/v1/auth/jwt/config', { jwt_validation_pubkeys: [String(publicKey.export({ type: 'spki', format: 'pem' }))], bound_issuer: ISSUER }, root)
  await call(origin, 'PUT', '/v1/sys/policies/acl/pod', { policy: 'path "secret/data/*" { capabilities = ["read"] }' }, root)
  await call(origin, 'POST', '/v1/auth/jwt/role/pod', { role_type: 'jwt', user_claim: 'sub', bound_audiences: ['coffer'], token_policies: ['pod'], token_ttl: '1h', token_type: 'batch' }, root)
}

const readsSince = async ({ origin, root }: Pick<InstalledServer, 'origin' | 'root'>, from: string): Promise<number> => {
  const { data } = await call(origin, 'GET', `/api/v1/audit/summary?view=reads-by-secret&from=${encodeURIComponent(from)}&limit=500`, undefined, root)
  return (data as { rows: readonly { count: number }[] }).rows.reduce((sum, { count }) => sum + count, 0)
}

const loginsSince = async ({ origin, root }: Pick<InstalledServer, 'origin' | 'root'>, from: string): Promise<number> => {
  let count = 0
  for (let after = ''; ; ) {
    const { data } = await call(origin, 'GET', `/api/v1/audit/events?action=auth.login&from=${encodeURIComponent(from)}&limit=500${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`, undefined, root)
    const { items, next } = data as { items: readonly { decision: string }[]; next?: string }
    count += items.filter(({ decision }) => decision === 'ALLOW').length
    if (next === undefined) return count
    after = next
  }
}

/** Records come to the database a moment after their answers. */
const settled = async (count: () => Promise<number>, wanted: number): Promise<number> => {
  let found = await count()
  for (let tries = 0; found < wanted && tries < 60; tries++) {
    await sleep(500)
    found = await count()
  }
  return found
}

/** Processor seconds so far, of the workers and of the database. */
const used = (server: InstalledServer): { readonly workers: number; readonly database: number } => {
  const sum = (pids: readonly number[]): number => pids.reduce((seconds, pid) => seconds + cpuSeconds(pid), 0)
  return { workers: sum(server.workers().map(({ pid }) => pid)), database: sum(server.family().filter(({ title }) => title.startsWith('postgres')).map(({ pid }) => pid)) }
}

const logIns = (alg: StormAlgorithm, privateKey: KeyObject): readonly string[] => Array.from({ length: PODS }, (_, index) => JSON.stringify({ role: 'pod', jwt: tokenOf(privateKey, alg, `system:serviceaccount:apps:pod-${index}`) }))

/** One storm upon a server that is new; what is measured goes under a name that says the algorithm where that is not the usual one. */
export const runStorm = async ({ note }: Pick<Bench, 'note'>, alg: StormAlgorithm, server: InstalledServer): Promise<void> => {
  const { origin, root } = server
  const title = alg === 'RS256' ? 'storm' : `storm, ${alg}`
  await seed(origin, root)
  const { publicKey, privateKey } = keysOf(alg)
  await trust(server, publicKey)
  const logins = logIns(alg, privateKey)
  const from = new Date().toISOString()
  const before = used(server)
  const result = await offerStorm({ host: '127.0.0.1', port: portOf(origin), connections: CONNECTIONS, seconds: SECONDS, logins, loginPath: '/v1/auth/jwt/login', readPaths: sizes.map((size) => `/v1/secret/data/dev/kv/value-${size}`) })
  const after = used(server)
  for (const [name, { total, errors, seconds, p50, p99 }] of [[`${title}, ${PODS.toLocaleString('en-US')} first logins by JWT offered in ${SECONDS} s`, result.logins], [`${title}, ${(PODS * sizes.length).toLocaleString('en-US')} reads`, result.reads]] as const) {
    note(`${name}: p50`, 'ms', p50)
    note(`${name}: p99`, 'ms', p99)
    note(`${name}: failed`, `of ${total}`, errors)
    console.log(`${name}: ${errors} of ${total} failed, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, all answered after ${seconds.toFixed(1)} s`)
  }
  note(`${title}: all answered after`, 's', result.logins.seconds)
  for (const [who, seconds] of [['workers', after.workers - before.workers], ['database', after.database - before.database], ['generator', result.processorSeconds]] as const) {
    note(`${title}: processor time of the ${who}, each pod`, 'µs', (seconds * 1e6) / PODS)
    console.log(`${title}: ${((seconds * 1e6) / PODS).toFixed(0)} µs of the ${who} each pod`)
  }
  for (const [refusal, count] of Object.entries(result.refusals)) console.log(`${title}: ${count} logins were answered with ${refusal}`)
  console.log(`${title}: at most ${result.most} pods at once`)
  const good = { logins: result.logins.total - result.logins.errors, reads: result.reads.total - result.reads.errors }
  const missing = good.logins - (await settled(() => loginsSince(server, from), good.logins)) + good.reads - (await settled(() => readsSince(server, from), good.reads))
  note(`${title}: answers without an audit record`, '', missing)
  console.log(`${title}: ${missing} answers without an audit record`)
}

export const storm: Case = {
  name: 'storm',
  async run(bench) {
    for (const alg of ['RS256', 'ES256'] as const) {
      const server = await startInstalled({ port: PORT, workers: 2 })
      try {
        await runStorm(bench, alg, server)
      } finally {
        await server.stop()
      }
    }
  },
}
