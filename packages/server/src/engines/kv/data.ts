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
    throw version === undefined ? error : fail('not_found', error.code, error.message, { data: { [name]: null, metadata: snakeKeys(metadataOf(snapshot, version)) } })
  }
}

const selector = (version: number): string => (version === 0 ? 'current' : String(version))

const written = async (secrets: SecretsPort, access: SecretAccess, value: JsonMap, cas: number | undefined): ReturnType<Handled['writeData']> => {
  try {
    const made = await secrets.put(access, { value: JSON.stringify(value), type: 'json', metadata: {}, expiresAt: undefined, expectedCurrent: cas, pending: false, status: 200 })
    return { version: made.version, createdTime: iso(made.createdAt), deletionTime: '', destroyed: false, customMetadata: null }
  } catch (thrown) {
    // Vault's own texts: clients match on them.
    const error = asCofferError(thrown)
    if (error.code === 'secret.version_conflict') throw fail('conflict', error.code, 'check-and-set parameter did not match the current version', { cause: thrown })
    if (error.code === 'secret.cas_required') throw fail('invalid_request', error.code, 'check-and-set parameter required for this call', { cause: thrown })
    throw thrown
  }
}

const change = (secrets: SecretsPort, places: Places): Pick<Handled, 'deleteLatest' | 'deleteVersions' | 'undeleteVersions' | 'destroyVersions'> => {
  const numbers = (versions: readonly number[] | undefined): readonly number[] => {
    if (versions === undefined || versions.length === 0) throw fail('invalid_request', 'kv.no_versions', 'No version number provided', { field: 'versions' })
    return versions
  }
  return {
    async deleteLatest(input, call) {
      await secrets.setVersionsDeleted(await secretAt(places, call, input.path), { selectors: ['current'], deleted: true })
      return {}
    },
    async deleteVersions(input, call) {
      await secrets.setVersionsDeleted(await secretAt(places, call, input.path), { selectors: numbers(input.versions).map(String), deleted: true })
      return {}
    },
    async undeleteVersions(input, call) {
      await secrets.setVersionsDeleted(await secretAt(places, call, input.path), { selectors: numbers(input.versions).map(String), deleted: false })
      return {}
    },
    async destroyVersions(input, call) {
      await secrets.destroy(await secretAt(places, call, input.path), { versions: numbers(input.versions), force: true })
      return {}
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
      return written(secrets, access, input.data, input.options?.cas)
    },
    async patchData(input, call) {
      const access = await secretAt(places, call, input.path)
      if (input.data === undefined) throw fail('invalid_request', 'kv.no_data', 'no data provided', { field: 'data' })
      const grant = access.authorise('update')
      // A patch needs no right to read: what is read here is only merged and stored again.
      const current = await revealOr404(secrets, { ...access, authorise: () => grant }, 'current', 'data')
      call.audit.action = undefined
      return written(secrets, access, mergePatch(takeMap(current), input.data), input.options?.cas ?? current.version.version)
    },
    async readSubkeys(input, call) {
      const access = await secretAt(places, call, input.path)
      const grant = access.authorise('read')
      const revealed = await revealOr404(secrets, { ...access, authorise: () => grant }, selector(input.version), 'subkeys')
      return { subkeys: subkeysOf(takeMap(revealed), input.depth), metadata: metadataOf(revealed.snapshot, revealed.version) }
    },
  }), operations.readData.id, warmRead)
