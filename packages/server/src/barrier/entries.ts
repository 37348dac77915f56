// Engines' state, sealed: JSON in, JSON out, and in the database nothing but names, versions and ciphertext. Each write has a data key of its own and is bound to
// organization, mount, name and version, so that rows exchanged or renumbered do not open (architecture, section 3).

import { openBytes, sealBytes } from '../crypto/aead.ts'
import { entryAad } from '../crypto/envelope.ts'
import { importAesKey, makeKeyBytes } from '../crypto/keys.ts'
import { wipe } from '../lib/bytes.ts'
import type { JsonValue } from '../lib/json.ts'
import { fail, quote, type CofferError } from '../kernel/errors.ts'
import type { Database, Transaction, TransactionOptions } from '../kernel/storage.ts'
import type { KekName } from '../keyring/failures.ts'
import type { OrgKeys } from '../keyring/org-keys.ts'
import { checkCursor, checkKey, checkPrefix } from './keys.ts'
import { deleteEntry, deleteSome, listChildren, readEntry, readEntryVersion, writeEntry, type EntryPlace, type SealedEntry } from './repository.ts'
import { decodeValue, encodeValue } from './values.ts'

/** What the barrier needs of the keyring. */
export interface EntryKeys {
  organization(orgId: string, needed?: KekName): Promise<OrgKeys>
}

export interface Entry {
  readonly value: JsonValue
  /** Rises with every write of this name; the number to hand to `cas`. */
  readonly version: number
}

export interface WriteOptions {
  /** Write only over this version; 0: only if there is none. */
  readonly cas?: number
}

export interface ListOptions {
  /** The `next` of the page before. */
  readonly cursor?: string
  /** Children in a page, 1 to 1000; 100 by default. */
  readonly limit?: number
}

export interface Listing {
  /** Names, and folders with a trailing slash, in bytewise order. */
  readonly keys: readonly string[]
  /** The cursor of the next page; undefined when this is the last. */
  readonly next: string | undefined
}

/** One mount's state; there is no way from it to another's. */
export interface View {
  get(key: string): Promise<Entry | undefined>
  /** Returns the new version. Throws `conflict` when `cas` names another than the present one. */
  put(key: string, value: JsonValue, options?: WriteOptions): Promise<number>
  /** Whether there was anything to delete. */
  delete(key: string, options?: WriteOptions): Promise<boolean>
  list(prefix?: string, options?: ListOptions): Promise<Listing>
}

export interface Mount {
  readonly orgId: string
  readonly mountId: string
}

type Run = <Result>(orgId: string, work: (tx: Transaction) => Promise<Result>, options?: TransactionOptions) => Promise<Result>

const defaultLimit = 100
const maxLimit = 1000
const clearBatch = 500
/** Other writers of the same name that one write without `cas` may lose against. */
const maxAttempts = 20

const conflict = ({ key }: EntryPlace): CofferError =>
  fail('conflict', 'barrier.version_differs', `The entry ${quote(key)} was changed meanwhile. Read it again and repeat the change.`)

const openFailed = ({ key }: EntryPlace): CofferError =>
  fail('internal', 'barrier.open_failed', `The entry ${quote(key)} could not be opened: it was altered, or it does not belong here. Nothing was released.`)

export class Entries {
  readonly #keys: EntryKeys
  readonly #run: Run

  constructor(source: { readonly keys: EntryKeys } & ({ readonly database: Database } | { readonly run: Run })) {
    this.#keys = source.keys
    this.#run = 'run' in source ? source.run : (orgId, work, options) => source.database.transaction(orgId, work, options)
  }

  /** The same inside a transaction of the caller's, for mounts of the organization that it is confined to. */
  within(tx: Transaction): Entries {
    return new Entries({
      keys: this.#keys,
      async run(orgId, work) {
        if (tx.orgId !== orgId) throw fail('internal', 'barrier.other_organization', 'A transaction of one organization was used for another.')
        return work(tx)
      },
    })
  }

  view(mount: Mount): View {
    return Object.freeze({
      get: (key: string) => this.get({ ...mount, key }),
      put: (key: string, value: JsonValue, options?: WriteOptions) => this.put({ ...mount, key }, value, options),
      delete: (key: string, options?: WriteOptions) => this.delete({ ...mount, key }, options),
      list: (prefix?: string, options?: ListOptions) => this.list(mount, prefix, options),
    })
  }

  async get(place: EntryPlace): Promise<Entry | undefined> {
    checkKey(place.key)
    const row = await this.#run(place.orgId, (tx) => readEntry(tx, place), { readOnly: true })
    if (row === undefined) return undefined
    const keys = await this.#keys.organization(place.orgId, row)
    return { value: decodeValue(open(keys, place, row)), version: row.entryVersion }
  }

  async put(place: EntryPlace, value: JsonValue, { cas }: WriteOptions = {}): Promise<number> {
    checkKey(place.key)
    checkCas(cas)
    const bytes = encodeValue(value)
    try {
      for (let attempt = 1; attempt <= (cas === undefined ? maxAttempts : 1); attempt += 1) {
        const version = (cas ?? (await this.#run(place.orgId, (tx) => readEntryVersion(tx, place), { readOnly: true }))) + 1
        // Sealed before the transaction that writes it: nothing is encrypted while locks are held.
        const entry = await seal(await this.#keys.organization(place.orgId), { place, version, bytes })
        if (await this.#run(place.orgId, (tx) => writeEntry(tx, place, entry))) return version
      }
      throw conflict(place)
    } finally {
      wipe(bytes)
    }
  }

  async delete(place: EntryPlace, { cas }: WriteOptions = {}): Promise<boolean> {
    checkKey(place.key)
    checkCas(cas)
    const count = await this.#run(place.orgId, (tx) => deleteEntry(tx, place, cas))
    if (count === 0 && cas !== undefined && cas > 0) throw conflict(place)
    return count === 1
  }

  /** What lies directly below a prefix (empty, or ending in a slash), in pages. */
  async list(mount: Mount, prefix = '', { cursor, limit = defaultLimit }: ListOptions = {}): Promise<Listing> {
    checkPrefix(prefix)
    if (cursor !== undefined) checkCursor(cursor)
    if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit) throw fail('invalid_request', 'barrier.bad_limit', `A page holds 1 to ${maxLimit} names.`, { field: 'limit' })
    const found = await this.#run(mount.orgId, (tx) => listChildren(tx, mount, { prefix, after: cursor, limit: limit + 1 }), { readOnly: true })
    const keys = found.slice(0, limit)
    return { keys, next: found.length > limit ? keys.at(-1) : undefined }
  }

  /** Deletes everything that a mount has stored, in batches; interrupted, the next call goes on. Returns how many entries went. */
  async clear(mount: Mount): Promise<number> {
    let total = 0
    for (;;) {
      const count = await this.#run(mount.orgId, (tx) => deleteSome(tx, mount, clearBatch))
      total += count
      if (count < clearBatch) return total
    }
  }
}

const checkCas = (cas: number | undefined): void => {
  if (cas !== undefined && !(Number.isSafeInteger(cas) && cas >= 0)) throw fail('invalid_request', 'barrier.bad_cas', 'The version to write over is a whole number, 0 for none.', { field: 'cas' })
}

const seal = async (keys: OrgKeys, { place, version, bytes }: { readonly place: EntryPlace; readonly version: number; readonly bytes: Buffer }): Promise<SealedEntry> => {
  const binding = { mountId: place.mountId, key: place.key, entryVersion: version }
  const dek = makeKeyBytes()
  try {
    const wrapped = await keys.wrapEntryDek(dek, binding)
    return { entryVersion: version, sealed: sealBytes(importAesKey(dek), bytes, entryAad({ orgId: place.orgId, ...binding })), ...wrapped }
  } finally {
    wipe(dek)
  }
}

const open = (keys: OrgKeys, place: EntryPlace, row: SealedEntry): Buffer => {
  const binding = { mountId: place.mountId, key: place.key, entryVersion: row.entryVersion }
  const dek = keys.unwrapEntryDek({ ...row, ...binding })
  try {
    return openBytes(dek, row.sealed, entryAad({ orgId: place.orgId, ...binding }))
  } catch {
    throw openFailed(place)
  }
}
