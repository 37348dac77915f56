// tools/node bench/profile.ts KIND [CONNECTIONS [LINES [FILE]]]: where the processor time of a worker goes under a load of one kind. Prints microseconds per request,
// then self times by function and by stage; the profile itself goes to FILE. Kinds: reveal, reveal-native, reveal-tls, batch, write, login-service, login-batch, login-inline;
// and of 10,000 secrets, a hundred to a folder: cold (each read of another one, which a small cache has not kept), list, list-prefix, list-kv, list-kv-folders.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kvReads, nativeReads } from './cases/reads.ts'
import { injection, kvWrites } from './cases/writes.ts'
import { makeApprole } from './lib/approle.ts'
import { listsOf, readsOf, shuffled } from './lib/bulk/asked.ts'
import { fill, makeProjects } from './lib/bulk/fill.ts'
import { PER_FOLDER, projects } from './lib/bulk/places.ts'
import { certificateAuthority, makeCertificate } from './lib/certificate.ts'
import { portOf } from './lib/context.ts'
import { load } from './lib/load/load.ts'
import type { RawRequest } from './lib/load/raw-client.ts'
import { clientCores, serverCores } from './lib/machine.ts'
import { node } from './lib/places.ts'
import { cpuSeconds } from './lib/processes.ts'
import { makeReader, seed } from './lib/seed.ts'
import { startInstalled, type InstalledServer } from './lib/server.ts'

const PROFILE_SECONDS = 5
const MANY = 10_000
const LISTS = 3_000

/** Of a database that is filled first. */
const ofMany = {
  cold: (token: string) => readsOf(token, shuffled(MANY)),
  list: (token: string) => listsOf(token, MANY, LISTS)['list of a folder of 100'],
  'list-prefix': (token: string) => listsOf(token, MANY, LISTS)['list below a prefix, first page of 100'],
  'list-kv': (token: string) => listsOf(token, MANY, LISTS)['KV v2 list of a folder of 100'],
  'list-kv-folders': (token: string) => listsOf(token, MANY, LISTS)['KV v2 list of an environment\'s folders'],
} as const

const isOfMany = (name: string): name is keyof typeof ofMany => Object.hasOwn(ofMany, name)

const requestsOf = async (server: InstalledServer, kind: string): Promise<readonly RawRequest[]> => {
  if (isOfMany(kind)) {
    await makeProjects(server)
    await fill(server, { from: 0, to: MANY / PER_FOLDER, versions: 2 })
    return ofMany[kind](await makeReader(server.origin, server.root, projects.map((project) => `${project}:*`)))
  }
  await seed(server.origin, server.root)
  const approle = await makeApprole(server.origin, server.root)
  const token = await makeReader(server.origin, server.root)
  const kinds = { reveal: kvReads(token), 'reveal-native': nativeReads(token), batch: [injection(token)], 'reveal-tls': kvReads(token), write: kvWrites(server.root), 'login-service': approle.service, 'login-batch': approle.batch, 'login-inline': approle.inline }
  if (!Object.hasOwn(kinds, kind)) throw new Error(`there is no such load; there are ${[...Object.keys(kinds), ...Object.keys(ofMany)].join(', ')}`)
  return kinds[kind as keyof typeof kinds] // one of its keys, as just checked
}

const freePort = async (): Promise<number> => {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo // of a listener on TCP
  listener.close()
  return port
}

const [kind = 'reveal', connections = '64', lines = '60', kept] = process.argv.slice(2)
/** A connection over TLS for each request, which resumes the session of the last. */
const isFresh = kind === 'reveal-tls'
const server = await startInstalled({ port: await freePort(), cores: serverCores, databaseCores: clientCores, profiled: true, ...(kind === 'cold' ? { settings: ['--cache-bytes', '1MiB'] } : {}), ...(isFresh ? { tls: makeCertificate() } : {}) })
try {
  const requests = await requestsOf(server, kind)
  const { pid } = server.worker()
  const order = { host: '127.0.0.1', port: portOf(server.origin), requests, connections: Number(connections), ...(isFresh ? ({ generator: 'public-fresh', ca: certificateAuthority() } as const) : ({ generator: 'raw' } as const)) } as const
  await load({ ...order, seconds: isFresh ? 12 : 3 })
  const database = server.family().filter(({ title }) => title.startsWith('postgres')).map((each) => each.pid)
  const used = (pids: readonly number[]): number => pids.reduce((sum, each) => sum + cpuSeconds(each), 0)
  const before = { worker: used([pid]), database: used(database) }
  const plain = await load({ ...order, seconds: 4 })
  console.log(`${kind}: ${Math.round(plain.total / plain.seconds)}/s, p50 ${plain.p50.toFixed(2)} ms, p99 ${plain.p99.toFixed(2)} ms, ${plain.errors} failed, ${Math.round(((used([pid]) - before.worker) * 1e6) / plain.total)} µs of the worker's processor time each, ${Math.round(((used(database) - before.database) * 1e6) / plain.total)} µs of the database's`)
  const file = join(tmpdir(), `coffer-bench-${pid}.cpuprofile`)
  process.kill(pid, 'SIGUSR2')
  await load({ ...order, seconds: PROFILE_SECONDS + 1 })
  for (let tries = 0; !existsSync(file) && tries < 100; tries++) await sleep(100)
  await sleep(500)
  spawnSync(node, [join(import.meta.dirname, 'lib/profile-report.ts'), file, lines], { stdio: 'inherit' })
  if (kept !== undefined) copyFileSync(file, kept)
  rmSync(file, { force: true })
} finally {
  await server.stop()
}
