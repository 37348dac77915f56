// Whether anything grows with what is stored: random cold reads, the list of a folder and memory, at ten thousand secrets and at as many
// as `--secrets` says. Secrets are written through the API, so their rows are what the product makes; a million takes an hour or so.

import { randomInt } from 'node:crypto'
import { portOf, type Bench, type Case } from '../lib/context.ts'
import { clientCores, serverCores } from '../lib/machine.ts'
import { pssMiB } from '../lib/processes.ts'
import type { RawRequest } from '../lib/load/raw-client.ts'
import { call, valueOf } from '../lib/seed.ts'
import { ownProcesses, startInstalled, type InstalledServer } from '../lib/server.ts'

const PER_FOLDER = 100
const SMALL = 10_000
const COLD_READS = 20_000
const AT_ONCE = 4

const folderOf = (index: number): string => `scale/f${index}`

/** Each folder is one document, and each version of it another. */
const fill = async ({ origin, root }: InstalledServer, { from, to, versions }: { readonly from: number; readonly to: number; readonly versions: number }): Promise<void> => {
  let next = from
  const writer = async (): Promise<void> => {
    for (let folder = next++; folder < to; folder = next++) {
      for (let version = 1; version <= versions; version++) {
        const content = JSON.stringify(Object.fromEntries(Array.from({ length: PER_FOLDER }, (_, index) => [`S${index}`, `${version}-${folder}-${index}-${valueOf(100)}`])))
        await call(origin, 'POST', '/api/v1/sync/push?environment=dev', { format: 'json', content, prefix: folderOf(folder), confirm: true }, root)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, writer))
}

const measureAt = async (bench: Bench, server: InstalledServer, secrets: number): Promise<void> => {
  const get = (path: string): RawRequest => ({ method: 'GET', path, headers: { 'x-vault-token': server.root } })
  const folder = (): string => folderOf(randomInt(secrets / PER_FOLDER))
  const many = (path: () => string): readonly RawRequest[] => Array.from({ length: COLD_READS }, () => get(path()))
  const name = `${secrets.toLocaleString('en-US')} secrets`
  const offer = { port: portOf(server.origin), connections: 1 }
  await bench.measure(`random cold read, ${name}`, { ...offer, requests: many(() => `/api/v1/secrets/${folder()}/S${randomInt(PER_FOLDER)}?environment=dev&reveal=true`) })
  await bench.measure(`list of a folder, ${name}`, { ...offer, requests: many(() => `/api/v1/secrets?environment=dev&prefix=${folder()}&limit=${PER_FOLDER}`) })
  await bench.measure(`KV v2 list of a folder, ${name}`, { ...offer, requests: many(() => `/v1/secret/metadata/dev/${folder()}/?list=true`) })
  bench.note(`resident memory (PSS of supervisor and worker), ${name}`, 'MiB', ownProcesses(server.family()).reduce((sum, { pid }) => sum + pssMiB(pid), 0))
}

export const scale: Case = {
  name: 'scale',
  async run(bench) {
    const { secrets, versions } = bench.settings
    const server = await startInstalled({ port: 8695, cores: serverCores, databaseCores: clientCores })
    try {
      const small = Math.min(SMALL, secrets)
      await fill(server, { from: 0, to: small / PER_FOLDER, versions })
      await measureAt(bench, server, small)
      if (secrets <= small) return
      const began = performance.now()
      await fill(server, { from: small / PER_FOLDER, to: secrets / PER_FOLDER, versions })
      bench.note(`writing of ${((secrets - small) * versions).toLocaleString('en-US')} versions in documents of ${PER_FOLDER}: versions`, '/s', ((secrets - small) * versions * 1000) / (performance.now() - began))
      await measureAt(bench, server, secrets)
    } finally {
      await server.stop()
    }
  },
}
