// One of the processes that fill a database: makes the rows of a range of folders and copies them in, a few folders to a transaction. It
// opens the organization's keys as a server does, with the key file. Takes its orders as JSON on standard input.

import { randomInt } from 'node:crypto'
import { Client } from 'pg'
import { Keyring } from '../../../packages/server/src/keyring/keyring.ts'
import type { OrgKeys } from '../../../packages/server/src/keyring/org-keys.ts'
import { openSlot } from '../../../packages/server/src/seal/keyfile/index.ts'
import { readCluster, readSlots } from '../../../packages/server/src/seal/repository.ts'
import { openRoot } from '../../../packages/server/src/seal/slot.ts'
import { Pool } from '../../../packages/server/src/storage/pool.ts'
import { copyHeader, copyTrailer } from './copy-format.ts'
import { copyInto } from './copy-into.ts'
import { folderAt, PER_FOLDER, secretName } from './places.ts'
import { addSecret, tables, type Rows } from './rows.ts'

export interface CopyOrder {
  /** The directory of the database's socket. */
  readonly host: string
  readonly keyFile: string
  /** Mounts of projects by name. */
  readonly mounts: Readonly<Record<string, string>>
  readonly from: number
  readonly to: number
  /** Of folders in all, over which the time is spread. */
  readonly of: number
  readonly versions: number
}

const FOLDERS_AT_ONCE = 8
const PIECE_BYTES = 2 ** 18
const DAY_MS = 86_400_000
/** Secrets were made over so long, and their values written again every few weeks. */
const DAYS = 400

/** Mostly small, as secrets are: passwords and tokens, some keys, now and then a certificate or a file. */
const randomSize = (): number => {
  const share = randomInt(100)
  if (share < 60) return randomInt(20, 65)
  if (share < 85) return randomInt(65, 200)
  if (share < 95) return randomInt(200, 600)
  return share < 99 ? randomInt(600, 1_500) : randomInt(1_500, 4_097)
}

const LETTERS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.repeat(128), 'latin1')
const randomValue = (): Buffer => {
  const start = randomInt(LETTERS.length - 4_096)
  return Buffer.from(LETTERS.subarray(start, start + randomSize()))
}

const openKeys = async (admin: Pool, app: Pool, keyFile: string): Promise<OrgKeys> => {
  const cluster = await readCluster(admin)
  if (cluster === undefined) throw new Error('the database is not initialised')
  const { slot, slotKey } = await openSlot(await readSlots(admin), keyFile, {})
  const keyring = await Keyring.open({ database: app, rootKey: openRoot(slot, slotKey, cluster.clusterId), generation: slot.generation })
  return keyring.organization(cluster.rootOrgId)
}

const makeRows = async (keys: OrgKeys, order: CopyOrder, folders: readonly number[]): Promise<Rows> => {
  const rows: Rows = { secrets: [], versions: [], aliases: [] }
  const began = Date.now() - (DAYS + 10) * DAY_MS
  for (const index of folders) {
    const { project, environment, path } = folderAt(index)
    const mountId = order.mounts[project]
    if (mountId === undefined) throw new Error(`there is no project ${project}`)
    const made = Math.floor(began + (DAYS * DAY_MS * index) / order.of / 2)
    for (let secret = 0; secret < PER_FOLDER; secret++) {
      const values = Array.from({ length: order.versions }, (_, version) => ({ at: made + secret + version * Math.floor((DAYS * DAY_MS) / 2 / order.versions), value: randomValue() }))
      await addSecret(rows, keys, { mountId, environment, path: `${path}/${secretName(secret)}` }, values)
    }
  }
  return rows
}

/** A message of COPY for each row would be a third of the work. */
const inPieces = (rows: readonly Buffer[]): readonly Buffer[] => {
  const all = Buffer.concat(rows)
  return Array.from({ length: Math.ceil(all.length / PIECE_BYTES) }, (_, index) => all.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES))
}

const run = async (order: CopyOrder): Promise<void> => {
  const settings = { host: order.host, port: 5432, database: 'coffer' }
  const [admin, app] = [new Pool({ ...settings, user: 'postgres' }, { max: 1 }), new Pool({ ...settings, user: 'coffer_app' }, { max: 2 })]
  const client = new Client({ ...settings, user: 'postgres' })
  await client.connect()
  try {
    const keys = await openKeys(admin, app, order.keyFile)
    for (let next = order.from; next < order.to; next += FOLDERS_AT_ONCE) {
      const rows = await makeRows(keys, order, Array.from({ length: Math.min(FOLDERS_AT_ONCE, order.to - next) }, (_, index) => next + index))
      await client.query('begin')
      // In this order, because of the foreign keys.
      for (const table of ['secrets', 'versions', 'aliases'] as const) await copyInto(client, tables[table], inPieces([copyHeader, ...rows[table], copyTrailer]))
      await client.query('commit')
      process.stdout.write('.')
    }
  } finally {
    await Promise.all([client.end(), admin.close(), app.close()])
  }
}

const chunks: Buffer[] = []
for await (const chunk of process.stdin) chunks.push(chunk as Buffer) // no encoding is set
await run(JSON.parse(Buffer.concat(chunks).toString('utf8')) as CopyOrder) // made by fill.ts
