// Vault beside us, where a binary is on the path or in the bench cache: integrated storage, a file audit device (which it does
// not flush), KV version 2, a token with a policy. Everything below a temporary directory.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificate } from './certificate.ts'
import { findPeer } from './places.ts'
import { start, type Started } from './processes.ts'
import { call, sizes, valueOf } from './seed.ts'

export interface Vault {
  readonly binary: string
  readonly origin: string
  /** The same over TLS. */
  readonly secureOrigin: string
  readonly token: string
  readonly root: string
  readonly process: Started
  stop(): Promise<void>
}

export const findVault = (): string | undefined => findPeer('vault')

export const startVault = async (binary: string, port: number, cores: string | undefined): Promise<Vault> => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-bench-vault-'))
  mkdirSync(join(folder, 'raft'))
  const { cert, key } = makeCertificate()
  const config = { storage: { raft: { path: join(folder, 'raft'), node_id: 'one' } }, listener: [{ tcp: { address: `127.0.0.1:${port}`, tls_disable: true } }, { tcp: { address: `127.0.0.1:${port + 2}`, tls_cert_file: cert, tls_key_file: key, tls_min_version: 'tls13' } }], api_addr: `http://127.0.0.1:${port}`, cluster_addr: `http://127.0.0.1:${port + 1}`, disable_mlock: true }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  const started = start(binary, ['server', `-config=${join(folder, 'config.json')}`], { cores })
  const origin = `http://127.0.0.1:${port}`
  const ask = async (method: string, path: string, body: object, token = ''): Promise<Record<string, unknown>> => {
    for (let tries = 0; ; tries++) {
      try {
        return await call(origin, method, path, body, token)
      } catch (error) {
        // Until it listens, and until it leads.
        if (tries > 100) throw error
        await sleep(200)
      }
    }
  }
  const init = (await ask('PUT', '/v1/sys/init', { secret_shares: 1, secret_threshold: 1 })) as { keys: readonly string[]; root_token: string }
  await ask('PUT', '/v1/sys/unseal', { key: init.keys[0] ?? '' })
  const root = init.root_token
  await ask('PUT', '/v1/sys/audit/file', { type: 'file', options: { file_path: join(folder, 'audit.log') } }, root)
  await ask('POST', '/v1/sys/mounts/secret', { type: 'kv', options: { version: '2' } }, root)
  await ask('PUT', '/v1/sys/policies/acl/bench', { policy: 'path "secret/data/*" { capabilities = ["create", "update", "read"] }' }, root)
  for (const size of sizes) await ask('POST', `/v1/secret/data/dev/kv/value-${size}`, { data: { value: valueOf(size) } }, root)
  const made = (await ask('POST', '/v1/auth/token/create', { policies: ['bench'] }, root)) as { auth: { client_token: string } }
  return {
    binary, origin, secureOrigin: `https://127.0.0.1:${port + 2}`, token: made.auth.client_token, root, process: started,
    async stop() {
      await started.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
