// What is said of secrets: metadata, lists, and the settings of the mount.

import type { Call, Grant } from '../../kernel/call.ts'
import { fail, isCofferError, quote } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import type { EngineParts } from '../../kernel/engine.ts'
import { formatGoDuration } from '../../lib/duration.ts'
import { mountSettings, type Places } from '../../kernel/places.ts'
import type { HistoryItem, MetadataPatch, SecretAccess, SecretsPort } from '../../kernel/secrets.ts'
import { currentVersion, type SecretSettings, type Snapshot } from '../../kernel/secret-model.ts'
import { deleteMetadata, list, listRoot, patchMetadata, readConfig, readMetadata, writeConfig, writeMetadata } from './operations.ts'
import { listNames } from './names.ts'
import { mountOf, secretAt } from './paths.ts'

const operations = { listRoot, list, readMetadata, writeMetadata, patchMetadata, deleteMetadata, readConfig, writeConfig }
type Handled = Handlers<typeof operations>

const PAGE = 500
const [MOST_LABELS, LONGEST_KEY, LONGEST_VALUE] = [64, 128, 512]
const iso = (ms: number | undefined): string => (ms === undefined ? '' : new Date(ms).toISOString())

const allVersions = async (secrets: SecretsPort, access: Parameters<SecretsPort['history']>[0]) => {
  const found = []
  let before = Number.MAX_SAFE_INTEGER
  for (;;) {
    const { items, secret, aliases } = await secrets.history(access, { before, limit: PAGE })
    found.push(...items)
    const last = items[items.length - 1]
    if (last === undefined || items.length < PAGE) return { secret, aliases, items: found }
    before = last.version.version
  }
}

interface MetadataInput {
  readonly maxVersions?: number | undefined
  readonly casRequired?: boolean | undefined
  readonly deleteVersionAfter?: number | undefined
  readonly customMetadata?: Readonly<Record<string, unknown>> | null | undefined
}

const settingsOf = (input: MetadataInput, before: SecretSettings): SecretSettings => ({
  ...before,
  ...(input.maxVersions === undefined ? {} : { maxVersions: input.maxVersions }),
  ...(input.casRequired === undefined ? {} : { casRequired: input.casRequired }),
  ...(input.deleteVersionAfter === undefined ? {} : { deleteVersionAfterSeconds: input.deleteVersionAfter }),
})

const isEmpty = ({ maxVersions, casRequired, deleteVersionAfter, customMetadata }: MetadataInput): boolean => [maxVersions, casRequired, deleteVersionAfter, customMetadata].every((each) => each === undefined)

const textOf = (value: unknown): string | undefined => {
  if (typeof value === 'boolean') return value ? '1' : '0'
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

/** What is to be kept, or taken away (null; in patches only). @throws invalid_request in Vault's words */
const labelsOf = (given: Readonly<Record<string, unknown>>, merge: boolean): ReadonlyMap<string, string | null> => {
  const refuse = (reason: string): Error => fail('invalid_request', 'kv.custom_metadata', `1 error occurred:\n\t* custom_metadata validation failed: ${reason}\n\n`, { field: 'custom_metadata' })
  const entries = Object.entries(given)
  if (entries.length > MOST_LABELS) throw refuse(`payload must contain at most ${MOST_LABELS} keys, provided ${entries.length}`)
  return new Map(entries.map(([key, value]) => {
    if (key === '' || Buffer.byteLength(key) > LONGEST_KEY) throw refuse(`length of key ${JSON.stringify(key)} is ${Buffer.byteLength(key)} but must be 0 < len(key) <= ${LONGEST_KEY}`)
    if (/[^\P{C}]/u.test(key)) throw refuse('a key contains unprintable characters')
    if (value === null && merge) return [key, null]
    const text = textOf(value)
    if (text === undefined) throw fail('invalid_request', 'kv.custom_metadata', `custom_metadata validation failed: the value of key ${quote(key)} is no text`, { field: 'custom_metadata' })
    if (text === '' || Buffer.byteLength(text) > LONGEST_VALUE) throw refuse(`length of value for key ${JSON.stringify(key)} is ${Buffer.byteLength(text)} but must be 0 < len(value) <= ${LONGEST_VALUE}`)
    if (/[^\P{C}]/u.test(text)) throw refuse(`value for key ${quote(key)} contains unprintable characters`)
    return [key, text]
  }))
}

const labelsAfter = (given: MetadataInput['customMetadata'], before: Readonly<Record<string, string>>, merge: boolean): Readonly<Record<string, string>> | undefined => {
  if (given === undefined) return undefined
  if (given === null) return {}
  const merged = new Map<string, string | null>([...(merge ? Object.entries(before) : []), ...labelsOf(given, merge)])
  const kept = [...merged].flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]))
  if (kept.length > MOST_LABELS) throw fail('invalid_request', 'kv.custom_metadata', `1 error occurred:\n\t* custom_metadata validation failed: payload must contain at most ${MOST_LABELS} keys, provided ${kept.length}\n\n`, { field: 'custom_metadata' })
  return Object.fromEntries(kept)
}

const existingAt = async (secrets: SecretsPort, access: SecretAccess, grant: Grant): Promise<Snapshot | undefined> =>
  secrets.metadata({ ...access, authorise: () => grant }, { selector: 'current' }).catch((error: unknown) => {
    if (isCofferError(error) && error.code === 'secret.not_found') return undefined
    throw error
  })

const writeMetadataOf = (secrets: SecretsPort, places: Places, merge: boolean): Handled['writeMetadata'] => async (input, call) => {
  const access = await secretAt(places, call, input.path, { family: 'metadata', ...(merge ? { capability: 'patch' as const } : {}) })
  const grant = merge ? access.authorise('update') : access.authorise('update', 'create')
  const existing = await existingAt(secrets, access, grant)
  const patch: MetadataPatch = { settings: settingsOf(input, existing?.secret.settings ?? {}), customMetadata: labelsAfter(input.customMetadata, existing?.secret.customMetadata ?? {}, merge) }
  if (existing === undefined && merge) throw fail('not_found', 'kv.nothing_to_patch', 'There is no such secret.')
  if (isEmpty(input)) return {}
  if (existing !== undefined) await secrets.updateMetadata(access, patch)
  else await secrets.register(access, { type: 'json', metadata: patch })
  return {}
}

/** How many versions are kept. */
const keptBy = (settings: SecretSettings, call: Call): number => settings.maxVersions || (mountSettings(mountOf(call)).maxVersions ?? 0)

/** Versions that were dropped for being too many are not spoken of any more, as in Vault. */
const withoutDropped = (items: readonly HistoryItem[], keep: number): readonly HistoryItem[] => {
  const newest = items[0]?.version.version ?? 0
  return keep === 0 ? items : items.filter(({ version }) => version.version > newest - keep || version.state !== 'DESTROYED')
}

export const metadataOperations = ({ secrets, places, configureMount: configure }: EngineParts): readonly Implemented[] =>
  implement(operations, {
    listRoot: (input, call) => listNames(secrets, places, call, '', input),
    list: (input, call) => listNames(secrets, places, call, input.path, input),
    async readMetadata(input, call) {
      const { secret, aliases, items: all } = await allVersions(secrets, await secretAt(places, call, input.path))
      const { settings } = secret
      const items = withoutDropped(all, keptBy(settings, call))
      return {
        casRequired: settings.casRequired ?? false,
        createdTime: iso(secret.createdAt),
        updatedTime: iso(secret.updatedAt),
        currentVersion: currentVersion({ aliases }),
        // As in Vault, nothing is the oldest until something older was dropped.
        oldestVersion: items.length < all.length ? (items.at(-1)?.version.version ?? 0) : 0,
        maxVersions: settings.maxVersions ?? 0,
        deleteVersionAfter: formatGoDuration(settings.deleteVersionAfterSeconds ?? 0),
        customMetadata: Object.keys(secret.customMetadata).length === 0 ? null : secret.customMetadata,
        versions: Object.fromEntries(items.map(({ version }) => [String(version.version), { createdTime: iso(version.createdAt), deletionTime: iso(version.deletedAt ?? version.expiresAt), destroyed: version.state === 'DESTROYED' }])),
      }
    },
    writeMetadata: writeMetadataOf(secrets, places, false),
    patchMetadata: writeMetadataOf(secrets, places, true),
    async deleteMetadata(input, call) {
      const access = await secretAt(places, call, input.path, { family: 'metadata', capability: 'delete' })
      await secrets.purge(access).catch((error: unknown) => {
        // Vault answers 204 whether or not there was anything.
        if (!isCofferError(error) || error.code !== 'secret.not_found') throw error
      })
      return {}
    },
    async readConfig(_input, call) {
      const mount = mountOf(call)
      call.authorise('read', { kind: 'secret', apiPath: `${mount.path}/config`, project: mount.path, protected: false })
      const { maxVersions = 0, casRequired = false, deleteVersionAfterSeconds = 0 } = mountSettings(mount)
      return { maxVersions, casRequired, deleteVersionAfter: formatGoDuration(deleteVersionAfterSeconds) }
    },
    async writeConfig(input, call) {
      const mount = mountOf(call)
      const grant = call.authorise('administer', { kind: 'secret', apiPath: `${mount.path}/config`, project: mount.path, protected: false })
      const { maxVersions, casRequired, deleteVersionAfter } = input
      await configure(grant, call, mount, {
        ...(maxVersions === undefined ? {} : { maxVersions }), ...(casRequired === undefined ? {} : { casRequired }), ...(deleteVersionAfter === undefined ? {} : { deleteVersionAfterSeconds: deleteVersionAfter }),
      })
      return {}
    },
  })
