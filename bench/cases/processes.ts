// Whole processes: how long until a server is ready, what it weighs, how long a command takes.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Case } from '../lib/context.ts'
import { pssMiB } from '../lib/processes.ts'
import { coffer } from '../lib/places.ts'
import { ownProcesses, startServer } from '../lib/server.ts'
import { clientCores, serverCores } from '../lib/machine.ts'

export const starts: Case = {
  name: 'start',
  async run({ settings, note }) {
    for (let run = 0; run < settings.runs; run++) {
      const folder = mkdtempSync(join(tmpdir(), 'coffer-bench-start-'))
      chmodSync(folder, 0o711)
      const args = ['--data-dir', join(folder, 'data'), '--seal', 'keyfile', '--seal-key-file', join(folder, 'key')]
      try {
        for (const name of ['start to ready, embedded database, first', 'start to ready, embedded database, warm']) {
          const server = await startServer({ port: 8690, args, ready: name.endsWith('first') ? [200, 501] : [200] })
          note(name, 'ms', server.startedMs)
          if (name.endsWith('first')) await initialise(server.origin)
          await server.stop()
        }
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
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
