// Reveals: warm, by each door, at one and at 64 connections, and at a fixed offered load.

import { portOf, type Bench, type Case } from '../lib/context.ts'
import { sizes } from '../lib/seed.ts'
import type { RawRequest } from '../lib/load/raw-client.ts'

/** About Vault's maximum on this class of machine. */
const FIXED_RATE = 1400

const get = (path: string, token: string): RawRequest => ({ method: 'GET', path, headers: { 'x-vault-token': token } })
export const nativeReads = (token: string): readonly RawRequest[] => sizes.map((size) => get(`/api/v1/secrets/app/value-${size}?environment=dev&reveal=true`, token))
export const kvReads = (token: string): readonly RawRequest[] => sizes.map((size) => get(`/v1/secret/data/dev/kv/value-${size}`, token))

const doors = (bench: Bench): readonly (readonly [string, number, readonly RawRequest[], number])[] => {
  const port = portOf(bench.server.origin)
  const pid = bench.server.worker().pid
  return [
    ['reveal, native', port, nativeReads(bench.token), pid],
    ['reveal, KV v2', port, kvReads(bench.token), pid],
    ...(bench.vault === undefined ? [] : [['Vault 1.21 KV v2 read', portOf(bench.vault.origin), kvReads(bench.vault.token), bench.vault.process.pid] as const]),
  ]
}

export const reads: Case = {
  name: 'reads',
  async run(bench) {
    for (const [name, port, requests, pid] of doors(bench)) {
      for (const connections of [64, 1]) await bench.measure(`${name}, ${connections} connection${connections === 1 ? '' : 's'}`, { port, requests, connections, pid })
      await bench.measure(`${name}, ${FIXED_RATE}/s offered`, { port, requests, connections: 64, rate: FIXED_RATE })
    }
  },
}

export const floor: Case = {
  name: 'floor',
  async run(bench) {
    const offer = { port: bench.echoPort, requests: [get('/', '')] }
    for (const connections of [64, 1]) await bench.measure(`bare HTTP echo, ${connections} connection${connections === 1 ? '' : 's'}`, { ...offer, connections })
    await bench.measure(`bare HTTP echo, ${FIXED_RATE}/s offered`, { ...offer, connections: 64, rate: FIXED_RATE })
  },
}
