// tools/node bench/profile.ts reveal|reveal-tls|write|login-service|login-batch|login-inline [CONNECTIONS [LINES]]: where the processor time of a worker goes under a
// load of one kind. Prints microseconds per request, then self times by function and by stage.

import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kvReads } from './cases/reads.ts'
import { kvWrites } from './cases/writes.ts'
import { makeApprole } from './lib/approle.ts'
import { certificateAuthority, makeCertificate } from './lib/certificate.ts'
import { portOf } from './lib/context.ts'
import { load } from './lib/load/load.ts'
import { clientCores, serverCores } from './lib/machine.ts'
import { node } from './lib/places.ts'
import { cpuSeconds } from './lib/processes.ts'
import { makeReader, seed } from './lib/seed.ts'
import { startInstalled } from './lib/server.ts'

const PROFILE_SECONDS = 5

const kind = process.argv[2] ?? 'reveal'
/** A connection over TLS for each request, which resumes the session of the last. */
const isFresh = kind === 'reveal-tls'
const server = await startInstalled({ port: 8645, cores: serverCores, databaseCores: clientCores, profiled: true, ...(isFresh ? { tls: makeCertificate() } : {}) })
try {
  await seed(server.origin, server.root)
  const approle = await makeApprole(server.origin, server.root)
  const token = await makeReader(server.origin, server.root)
  const kinds = { reveal: kvReads(token), 'reveal-tls': kvReads(token), write: kvWrites(server.root), 'login-service': approle.service, 'login-batch': approle.batch, 'login-inline': approle.inline }
  if (!Object.hasOwn(kinds, kind)) throw new Error(`there is no such load; there are ${Object.keys(kinds).join(', ')}`)
  const requests = kinds[kind as keyof typeof kinds] // one of its keys, as just checked
  const { pid } = server.worker()
  const order = { host: '127.0.0.1', port: portOf(server.origin), requests, connections: Number(process.argv[3] ?? 64), ...(isFresh ? ({ generator: 'fresh', ca: certificateAuthority() } as const) : ({ generator: 'raw' } as const)) } as const
  await load({ ...order, seconds: 3 })
  const database = server.family().filter(({ title }) => title.startsWith('postgres')).map((each) => each.pid)
  const used = (pids: readonly number[]): number => pids.reduce((sum, each) => sum + cpuSeconds(each), 0)
  const before = { worker: used([pid]), database: used(database) }
  const plain = await load({ ...order, seconds: 4 })
  console.log(`${kind}: ${Math.round(plain.total / plain.seconds)}/s, ${plain.errors} failed, ${Math.round(((used([pid]) - before.worker) * 1e6) / plain.total)} µs of the worker's processor time each, ${Math.round(((used(database) - before.database) * 1e6) / plain.total)} µs of the database's`)
  const file = join(tmpdir(), `coffer-bench-${pid}.cpuprofile`)
  process.kill(pid, 'SIGUSR2')
  await load({ ...order, seconds: PROFILE_SECONDS + 1 })
  for (let tries = 0; !existsSync(file) && tries < 100; tries++) await sleep(100)
  await sleep(500)
  spawnSync(node, [join(import.meta.dirname, 'lib/profile-report.ts'), file, process.argv[4] ?? '60'], { stdio: 'inherit' })
  rmSync(file, { force: true })
} finally {
  await server.stop()
}
