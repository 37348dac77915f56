// Reads that are not one reveal: metadata, lists, history, and all secrets of an environment at once.

import { asCofferError, fail } from '../../kernel/errors.ts'
import { shownState, type SecretAddress, type SecretRow, type Snapshot } from '../../kernel/secret-model.ts'
import type { BatchItem, BatchResult, HistoryItem, ListedSecret, Revealed, SecretAccess } from '../../kernel/secrets.ts'
import { changeKey, environmentTag, type CachedSecret, type FolderItem, type SecretKeys, type SecretPorts } from './ports.ts'
import { FOLDER_ACTIONS, type BatchSelection, type WarmSecrets } from '../../kernel/warm.ts'
import * as repository from './repository.ts'
import { cacheKey, loadRecord, loadSnapshot, open, guarded, readRow, readVersions, requireReadable, requireSecret } from './reveal.ts'
import { checkListed, type LookupRow } from './rows.ts'
import { SealedAnswer } from './kept-answer.ts'
import { withKey } from './sealing.ts'

/** The plaintext of one version, decrypted for this caller, who wipes it. */
export const reveal = async (ports: SecretPorts, access: SecretAccess, selector: string): Promise<Revealed> => {
  const grant = access.authorise('reveal')
  const { address, call } = access
  const loaded = requireSecret(await loadSnapshot(ports, address, selector), address)
  call.audit.resourceId = loaded.snapshot.secret.secretId
  call.audit.version = loaded.snapshot.selected?.version
  call.noteReveal?.(address, selector)
  return open(ports, grant, address, loaded, selector, call.now())
}

/** The same for who cannot wait. */
export const warmSecrets = (ports: SecretPorts): WarmSecrets<CachedSecret> => ({
  keyOf: cacheKey,
  cached: (key) => ports.cache.peek(key) ?? undefined,
  folderKeyOf: folderKey,
  cachedFolder: (key) => ports.folders.peek(key),
  keep: (answer) => new SealedAnswer(answer),
  isReadable: (address, cached, { selector, now }) => readable(cached.snapshot, address, selector, now),
  open: (grant, address, cached, { selector, now }) => open(ports, grant, address, requireSecret(cached, address), selector, now),
})

/** A secret without its value. */
export const metadata = async (ports: SecretPorts, access: SecretAccess, options: { readonly selector: string; readonly deleted?: boolean }): Promise<Snapshot> => {
  access.authorise('read')
  const loaded = await loadRecord(ports, access.address, options.selector)
  const found = options.deleted === true && loaded !== null ? loaded : requireSecret(loaded, access.address)
  access.call.audit.resourceId = found.snapshot.secret.secretId
  return found.snapshot
}

export const history = async (ports: SecretPorts, access: SecretAccess, page: { readonly before: number; readonly limit: number }): Promise<{ readonly secret: SecretRow; readonly items: readonly HistoryItem[]; readonly aliases: Snapshot['aliases'] }> => {
  access.authorise('read')
  const { address } = access
  const { snapshot } = requireSecret(await loadRecord(ports, address, 'current'), address)
  access.call.audit.resourceId = snapshot.secret.secretId
  const keys = await ports.keys(address.orgId)
  const rows = await ports.database.transaction(address.orgId, (tx) => repository.listVersions(tx, address.orgId, snapshot.secret.secretId, page.before, page.limit))
  return {
    secret: snapshot.secret,
    aliases: snapshot.aliases,
    items: readVersions(ports, address, keys, { secretId: snapshot.secret.secretId, rows }).map((version) => ({ version, state: shownState(version, snapshot.aliases) })),
  }
}

/** Metadata of secrets in path order. The caller filters by what may be seen; the address's path is the prefix. */
export const list = async (ports: SecretPorts, access: SecretAccess, page: { readonly after: string; readonly limit: number; readonly deleted: boolean }): Promise<readonly ListedSecret[]> => {
  access.authorise('list')
  const { address } = access
  const keys = await ports.keys(address.orgId)
  const rows = await repository.list(ports.database, address, page)
  const rowKeys = keys.purposeVersions('rows')
  const at = { orgId: address.orgId, path: address.path }
  guarded(ports, at, () => {
    for (const row of rows) {
      at.path = row.path
      checkListed(row, address, rowKeys)
    }
  })
  return rows
}

/**
 * All readable secrets below a prefix, decrypted: one statement, or none when the folder is cached. `may` asks for each secret by
 * itself; what it refuses is left out and named. Secrets without a readable version are left out, too.
 */
export const revealAll = async (ports: SecretPorts, access: SecretAccess, options: { readonly alias: string; readonly limit: number; readonly may: (path: string) => boolean }): Promise<BatchResult> => {
  const { address, call } = access
  const grant = access.authorise(...FOLDER_ACTIONS)
  const whole = await loadFolder(ports, address, options)
  const isLarge = whole.length > options.limit
  const folder = isLarge ? await loadPart(ports, address, options) : whole
  if (!isLarge) call.noteBatch?.(address, { alias: options.alias, limit: options.limit })
  const items: BatchItem[] = []
  const now = call.now()
  const withheld: string[] = []
  for (const { path, secret, failure } of folder) {
    if (!options.may(path)) withheld.push(path)
    else if (failure !== undefined) throw failure
    else if (secret !== undefined) {
      const at = { ...address, path }
      if (readable(secret.snapshot, at, options.alias, now)) items.push({ path, revealed: open(ports, grant, at, secret, options.alias, now) })
    }
  }
  return { items, withheld }
}

const folderKey = (address: SecretAddress, { alias, limit }: BatchSelection): string => `${cacheKey(address, alias)}#${limit}`

/** A folder through the cache. One secret more than may be asked for tells that there are too many. */
const loadFolder = (ports: SecretPorts, address: SecretAddress, selection: BatchSelection): ReturnType<SecretPorts['folders']['getOrLoad']> =>
  ports.folders.getOrLoad(address.orgId, folderKey(address, selection), async () => {
    const { alias, limit } = selection
    const keys = await ports.keys(address.orgId)
    const rows = await repository.lookupAll(ports.database, address, alias, limit + 1)
    const value = rows.map((row) => folderItem(ports, { ...address, path: row.path }, { row, keys, alias }))
    const bytes = value.reduce((sum, { secret }) => sum + ITEM_BYTES + (secret?.snapshot.selected?.ciphertext?.length ?? 0), FOLDER_BYTES)
    const isKept = bytes <= MOST_FOLDER_BYTES && value.every(({ failure }) => failure === undefined)
    return { value, bytes, ...(isKept ? {} : { maxAgeMs: 0 }), tags: [environmentTag(address.orgId, changeKey(address))] }
  })

const PAGE = 1000
/** Rows that are looked at for one answer. Only where so many are there does a refusal tell of what is hidden. */
const MOST_LOOKED_AT = 100_000
const LOADED_AT_ONCE = 16

const tooMany = (limit: number): Error => fail('invalid_request', 'secret.too_many', `More than ${limit} secrets are below this path. Ask for a deeper one.`, { field: 'path' })

/** Of a folder that is larger than the most: what the caller may have, and the names of the rest. What he may not does not count for the limit, or it would tell of itself. */
const loadPart = async (ports: SecretPorts, address: SecretAddress, { alias, limit, may }: { readonly alias: string; readonly limit: number; readonly may: (path: string) => boolean }): Promise<readonly FolderItem[]> => {
  const [wanted, rest]: [string[], string[]] = [[], []]
  for (let after = '', looked = 0; ;) {
    const rows = await repository.list(ports.database, address, { after, limit: PAGE, deleted: false })
    for (const { path } of rows) (may(path) ? wanted : rest).push(path)
    looked += rows.length
    if (wanted.length > limit || looked > MOST_LOOKED_AT) throw tooMany(limit)
    const last = rows.at(-1)
    if (last === undefined || rows.length < PAGE) break
    after = last.path
  }
  const found: FolderItem[] = rest.map((path) => ({ path, secret: undefined }))
  for (let at = 0; at < wanted.length; at += LOADED_AT_ONCE) {
    found.push(...(await Promise.all(wanted.slice(at, at + LOADED_AT_ONCE).map(async (path) => ({ path, secret: await loadSnapshot(ports, { ...address, path }, alias) })))))
  }
  return found
}

const folderItem = (ports: SecretPorts, address: SecretAddress, { row, keys, alias }: { readonly row: LookupRow; readonly keys: SecretKeys; readonly alias: string }): FolderItem => {
  const { path } = address
  try {
    const snapshot = readRow(ports, { ...address, selector: alias }, keys, row)
    return { path, secret: readable(snapshot, address, alias, ports.now()) ? withKey(keys, address.orgId, snapshot) : undefined }
  } catch (thrown) {
    return { path, secret: undefined, failure: asCofferError(thrown) }
  }
}

// Beside the ciphertexts, about. A folder that is larger than the most would push many others out.
const FOLDER_BYTES = 512
const ITEM_BYTES = 3072
const MOST_FOLDER_BYTES = 4 * 1024 * 1024

export const readable = (snapshot: Snapshot, address: SecretAccess['address'], selector: string, now: number): boolean => {
  try {
    requireReadable(snapshot, address, selector, now)
    return true
  } catch {
    return false
  }
}

/** Where a secret is, by its id. */
export const locate = (ports: SecretPorts, orgId: string, secretId: string): Promise<{ readonly mountId: string; readonly environment: string; readonly path: string } | undefined> =>
  ports.database.transaction(orgId, (tx) => repository.locate(tx, orgId, secretId))

export const children = async (ports: SecretPorts, access: SecretAccess, page: { readonly after: string; readonly limit: number }): Promise<readonly string[]> => {
  access.authorise('list')
  return repository.children(ports.database, access.address, page)
}

export const environmentsInUse = async (ports: SecretPorts, access: SecretAccess): Promise<readonly string[]> => {
  access.authorise('list')
  const { orgId, mountId } = access.address
  return ports.database.transaction(orgId, (tx) => repository.environmentsInUse(tx, orgId, mountId), { readOnly: true })
}
