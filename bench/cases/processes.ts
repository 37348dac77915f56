// Whole processes: how long until a server is ready, what it weighs, how long a command takes.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { database } from '../../tools/test/database.ts'
import type { Case } from '../lib/context.ts'
import { pssMiB, start, type Started } from '../lib/processes.ts'
import { coffer, node, repository } from '../lib/places.ts'
import { ownProcesses, startServer } from '../lib/server.ts'
import { clientCores, serverCores } from '../lib/machine.ts'

const START_PORT = 8690

/** As it is installed, and so compiled: until it says that it is ready. */
const startCompiled = async (args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Started & { readonly startedMs: number }> => {
  const began = performance.now()
  const started = start(coffer, ['server', ...args, '--listen', `127.0.0.1:${START_PORT}`], { env: { ...process.env, ...environment } })
  // By what it says of itself: asking again and again would take the processors that it starts on.
  await new Promise<void>((resolve, reject) => {
    started.child.stdout?.on('data', () => { if (started.output().includes('coffer: ready')) resolve() })
    started.child.once('exit', () => reject(new Error(`the server ended: ${started.output()}`)))
  })
  return { ...started, startedMs: performance.now() - began }
}

export const starts: Case = {
  name: 'start',
  async run({ settings, note }) {
    const built = spawnSync(node, [join(repository, 'tools/bootstrap.mjs'), '--build'], { encoding: 'utf8' })
    if (built.status !== 0) throw new Error(built.stderr)
    const cluster = await database.start()
    try {
      const kinds = { 'embedded database': {}, 'external database': { COFFER_DATABASE_URL: cluster.env['COFFER_TEST_DATABASE_URL'] ?? '' } }
      for (const [kind, environment] of Object.entries(kinds)) {
        const folder = mkdtempSync(join(tmpdir(), 'coffer-bench-start-'))
        chmodSync(folder, 0o711)
        try {
          for (let run = 0; run <= settings.runs; run++) {
            const server = await startCompiled(['--data-dir', join(folder, 'data'), '--seal', 'keyfile', '--seal-key-file', join(folder, 'key')], environment)
            note(`start to ready, ${kind}, ${run === 0 ? 'first' : 'warm'}`, 'ms', server.startedMs)
            if (run === 0) await initialise(`http://127.0.0.1:${START_PORT}`)
            await server.stop()
          }
        } finally {
          rmSync(folder, { recursive: true, force: true })
        }
      }
    } finally {
      await cluster.stop()
    }
  },
}

const initialise = async (origin: string): Promise<void> => {
  await fetch(`${origin}/v1/sys/init`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{}' })
}

export const memory: Case = {
  name: 'memory',
  async run({ server, note }) {
    const weight = ownProcesses(server.family()).reduce((sum, { pid }) => sum + pssMiB(pid), 0)
    note('resident memory after the load (PSS of supervisor and worker)', 'MiB', weight)
    const fresh = await startServer({ port: 8691, cores: serverCores, databaseCores: clientCores })
    await new Promise((resolve) => setTimeout(resolve, 3000))
    note('resident memory, idle', 'MiB', ownProcesses(fresh.family()).reduce((sum, { pid }) => sum + pssMiB(pid), 0))
    await fresh.stop()
  },
}

export const commands: Case = {
  name: 'commands',
  async run({ server, vault, settings, note }) {
    for (let run = 0; run < settings.runs * 3; run++) {
      const began = performance.now()
      const result = spawnSync(coffer, ['run', '--environment', 'prod', '--', 'true'], { env: { ...process.env, COFFER_ADDR: server.origin, COFFER_TOKEN: server.root }, encoding: 'utf8' })
      if (result.status !== 0) throw new Error(`coffer run: ${result.stderr}`)
      note('`coffer run -- true`, whole process', 'ms', performance.now() - began)
      if (vault === undefined) continue
      const vaultBegan = performance.now()
      const other = spawnSync(vault.binary, ['kv', 'get', '-mount=secret', 'dev/kv/value-20'], { env: { ...process.env, VAULT_ADDR: vault.origin, VAULT_TOKEN: vault.token }, encoding: 'utf8' })
      if (other.status !== 0 && !other.stderr.includes('permission denied')) throw new Error(`vault kv get: ${other.stderr}`)
      note('`vault kv get`, whole process', 'ms', performance.now() - vaultBegan)
    }
  },
}
