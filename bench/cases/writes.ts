// Acknowledged durable writes, and the thirty secrets of an environment at once.

import { portOf, type Case } from '../lib/context.ts'
import { valueOf } from '../lib/seed.ts'
import type { RawRequest } from '../lib/load/raw-client.ts'

const post = (path: string, token: string, body: object): RawRequest => ({ method: 'POST', path, headers: { 'x-vault-token': token, 'content-type': 'application/json' }, body: JSON.stringify(body) })
export const kvWrites = (token: string): readonly RawRequest[] => Array.from({ length: 256 }, (_, index) => post(`/v1/secret/data/dev/written/kv-${index}`, token, { data: { value: valueOf(500) } }))

/** All of an environment at once: thirty secrets, as `seed` makes them. */
export const injection = (token: string): RawRequest => post('/api/v1/inject?environment=prod', token, {})

export const writes: Case = {
  name: 'writes',
  async run({ server, vault, measure }) {
    const port = portOf(server.origin)
    const native = Array.from({ length: 256 }, (_, index) => post(`/api/v1/secrets/written/rest-${index}?environment=dev`, server.root, { value: valueOf(500) }))
    await measure('write, native, 64 connections', { port, requests: native, connections: 64, pid: server.worker().pid })
    await measure('write, KV v2, 64 connections', { port, requests: kvWrites(server.root), connections: 64, pid: server.worker().pid })
    if (vault !== undefined) await measure('Vault 1.21 KV v2 write, 64 connections', { port: portOf(vault.origin), requests: kvWrites(vault.token), connections: 64, pid: vault.process.pid })
  },
}

export const batch: Case = {
  name: 'batch',
  async run({ server, token, measure }) {
    const port = portOf(server.origin)
    await measure('reveal of 30 secrets at once, 1 connection', { port, requests: [injection(token)], connections: 1 })
  },
}
