// Values: a map is stored as a secret of type json; a scalar that another door wrote reads as {"value": ...}.

import { asCofferError, fail, isCofferError } from '../../kernel/errors.ts'
import { snakeCase } from '../../kernel/fields.ts'
import { implement, withWarm, type Handlers, type Implemented } from '../../kernel/operation.ts'
import type { Places } from '../../kernel/places.ts'
import type { WarmAnswer } from '../../kernel/warm.ts'
import type { SecretsPort, Revealed, SecretAccess } from '../../kernel/secrets.ts'
import type { Snapshot, VersionRow } from '../../kernel/secret-model.ts'
import { parseJson } from '../../lib/json.ts'
import { wipe } from '../../lib/bytes.ts'
import { deleteLatest, deleteVersions, destroyVersions, patchData, readData, readSubkeys, undeleteVersions, writeData } from './operations.ts'
import { secretAt } from './paths.ts'
import { mergePatch, subkeysOf, type JsonMap } from './maps.ts'

const operations = { readData, writeData, patchData, deleteLatest, deleteVersions, undeleteVersions, destroyVersions, readSubkeys }
type Handled = Handlers<typeof operations>

const iso = (ms: number | undefined): string => (ms === undefined ? '' : new Date(ms).toISOString())

const labels = (snapshot: Snapshot): Readonly<Record<string, string>> | null => (Object.keys(snapshot.secret.customMetadata).length === 0 ? null : snapshot.secret.customMetadata)

export const metadataOf = (snapshot: Snapshot, version: VersionRow) => ({
  version: version.version, createdTime: iso(version.createdAt), deletionTime: iso(version.deletedAt ?? version.expiresAt), destroyed: version.state === 'DESTROYED', customMetadata: labels(snapshot),
})

/** An error's data goes out as it is, so its names are the wire's already. */
const snakeKeys = (fields: object): Readonly<Record<string, unknown>> => Object.fromEntries(Object.entries(fields).map(([name, value]) => [snakeCase(name), value]))

/** The stored text as a map; wiped. Numbers keep every digit. */
export const takeMap = (revealed: Revealed): JsonMap => {
  try {
    const text = revealed.plaintext.toString('utf8')
    if (revealed.type !== 'json') return { value: text }
    const parsed = parseJson(text, { maxDepth: 64, maxBytes: Number.MAX_SAFE_INTEGER, exactNumbers: true })
    return parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed) ? (parsed as JsonMap) : { value: parsed }
  } finally {
    wipe(revealed.plaintext)
  }
}

const HIDDEN: ReadonlySet<string> = new Set(['secret.version_deleted', 'secret.version_destroyed', 'secret.version_expired'])

/** A deleted or destroyed version answers 404 with its metadata, as in Vault. */
const revealOr404 = async (secrets: SecretsPort, access: SecretAccess, selector: string, name: 'data' | 'subkeys'): Promise<Revealed> => {
  try {
    const revealed = await secrets.reveal(access, selector)
    if (revealed.state === 'PENDING') {
      wipe(revealed.plaintext)
      throw fail('not_found', 'secret.version_not_found', 'The version waits for its promotion.')
    }
    return revealed
  } catch (error) {
    if (!isCofferError(error) || !HIDDEN.has(error.code)) throw error
    const snapshot = await secrets.metadata({ ...access, authorise: () => access.authorise('reveal') }, { selector })
    const version = snapshot.selected
    const keep = snapshot.secret.settings.maxVersions || (access.defaults?.maxVersions ?? 0)
    // Of a version that was dropped for being one too many Vault knows nothing any more.
    if (version?.state === 'DESTROYED' && keep > 0 && version.version <= snapshot.secret.lastVersion - keep) throw error
    throw version === undefined ? error : fail('not_found', error.code, error.message, { data: { [name]: null, metadata: snakeKeys(metadataOf(snapshot, version)) } })
  }
}

/** Nothing there is said by nothing at all, and a version that is gone by its metadata alone: as Vault answers a patch. */
const currentToPatch = async (secrets: SecretsPort, access: SecretAccess): Promise<Revealed> => {
  try {
    return await revealOr404(secrets, access, 'current', 'data')
  } catch (error) {
    if (!isCofferError(error) || error.kind !== 'not_found') throw error
    const metadata = error.data !== undefined && 'metadata' in error.data ? error.data['metadata'] : undefined
    throw metadata !== null && typeof metadata === 'object' ? fail('not_found', error.code, error.message, { data: { ...metadata } }) : fail('not_found', 'kv.nothing_to_patch', 'There is no version to patch.', { cause: error })
  }
}

const selector = (version: number): string => (version <= 0 ? 'current' : String(version))

/** A number, or a text of one: what else is given is no version. */
const casOf = (options: JsonMap | undefined): number | undefined => {
  const given = options?.['cas']
  if (given === undefined || given === null) return undefined
  const cas = typeof given === 'string' && /^-?\d{1,15}$/.test(given) ? Number(given) : given
  if (typeof cas !== 'number' || !Number.isSafeInteger(cas)) throw fail('invalid_request', 'kv.bad_cas', 'error parsing check-and-set parameter', { field: 'options.cas' })
  return cas
}

const mismatch = (cause?: unknown): Error => fail('conflict', 'secret.version_conflict', 'check-and-set parameter did not match the current version', { cause })

const written = async (secrets: SecretsPort, access: SecretAccess, value: JsonMap, cas: number | undefined): ReturnType<Handled['writeData']> => {
  try {
    const made = await secrets.put(access, { value: JSON.stringify(value), type: 'json', metadata: {}, expiresAt: undefined, expectedCurrent: cas, pending: false })
    return { version: made.version, createdTime: iso(made.createdAt), deletionTime: iso(made.expiresAt), destroyed: false, customMetadata: made.customMetadata === undefined || Object.keys(made.customMetadata).length === 0 ? null : made.customMetadata }
  } catch (thrown) {
    // Vault's own texts: clients match on them.
    const error = asCofferError(thrown)
    if (error.code === 'secret.version_conflict') throw mismatch(thrown)
    if (error.code === 'secret.cas_required') throw fail('invalid_request', error.code, 'check-and-set parameter required for this call', { cause: thrown })
    throw thrown
  }
}

/** Vault answers 204 whether or not there was anything. */
const evenIfNothing = async (done: Promise<unknown>): Promise<object> => {
  await done.catch((error: unknown) => {
    if (!isCofferError(error) || error.code !== 'secret.not_found') throw error
  })
  return {}
}

const change = (secrets: SecretsPort, places: Places): Pick<Handled, 'deleteLatest' | 'deleteVersions' | 'undeleteVersions' | 'destroyVersions'> => {
  const numbers = (versions: readonly number[] | undefined, text = 'No version number provided'): readonly number[] => {
    if (versions === undefined || versions.length === 0) throw fail('invalid_request', 'kv.no_versions', text, { field: 'versions' })
    return versions.filter((version) => version > 0)
  }
  return {
    async deleteLatest(input, call) {
      return evenIfNothing(secrets.setVersionsDeleted(await secretAt(places, call, input.path), { selectors: ['current'], deleted: true }))
    },
    async deleteVersions(input, call) {
      const access = await secretAt(places, call, input.path, { family: 'delete', capability: 'update' })
      return evenIfNothing(secrets.setVersionsDeleted(access, { selectors: numbers(input.versions).map(String), deleted: true }))
    },
    async undeleteVersions(input, call) {
      return evenIfNothing(secrets.setVersionsDeleted(await secretAt(places, call, input.path), { selectors: numbers(input.versions).map(String), deleted: false }))
    },
    async destroyVersions(input, call) {
      return evenIfNothing(secrets.destroy(await secretAt(places, call, input.path), { versions: numbers(input.versions, 'no version number provided'), force: true }))
    },
  }
}

/** A map that is stored as it would be written again becomes part of the answer as it is. */
const warmRead: WarmAnswer = {
  form: (type) => (type === 'json' ? 'json' : 'text'),
  answer: (_address, { snapshot, version, state, type }, value) => (state === 'PENDING' ? undefined : { data: type === 'json' ? value : { value }, metadata: metadataOf(snapshot, version) }),
}

export const dataOperations = (secrets: SecretsPort, places: Places): readonly Implemented[] =>
  withWarm(implement(operations, {
    ...change(secrets, places),
    async readData(input, call) {
      const revealed = await revealOr404(secrets, await secretAt(places, call, input.path), selector(input.version), 'data')
      return { data: takeMap(revealed), metadata: metadataOf(revealed.snapshot, revealed.version) }
    },
    async writeData(input, call) {
      const access = await secretAt(places, call, input.path)
      if (input.data === undefined) throw fail('invalid_request', 'kv.no_data', 'no data provided', { field: 'data' })
      return written(secrets, access, input.data ?? {}, casOf(input.options))
    },
    async patchData(input, call) {
      const access = await secretAt(places, call, input.path, { family: 'data', capability: 'patch' })
      if (input.data === undefined) throw fail('invalid_request', 'kv.no_data', 'no data provided', { field: 'data' })
      const grant = access.authorise('update')
      // A patch needs no right to read: what is read here is only merged and stored again.
      const current = await currentToPatch(secrets, { ...access, authorise: () => grant })
      call.audit.action = undefined
      const cas = casOf(input.options)
      if (cas === 0) {
        wipe(current.plaintext)
        throw mismatch()
      }
      return written(secrets, { ...access, authorise: () => grant }, mergePatch(takeMap(current), input.data ?? {}), cas ?? current.version.version)
    },
    async readSubkeys(input, call) {
      const access = await secretAt(places, call, input.path, { family: 'subkeys', capability: 'read' })
      const grant = access.authorise('read')
      const revealed = await revealOr404(secrets, { ...access, authorise: () => grant }, selector(input.version), 'subkeys')
      return { subkeys: subkeysOf(takeMap(revealed), input.depth), metadata: metadataOf(revealed.snapshot, revealed.version) }
    },
  }), operations.readData.id, warmRead)
