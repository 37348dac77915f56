// What is said of secrets: metadata, lists, and the settings of the mount.

import { fail, isCofferError } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import type { EngineParts } from '../../kernel/engine.ts'
import { formatGoDuration } from '../../lib/duration.ts'
import { mountSettings, type Places } from '../../kernel/places.ts'
import type { MetadataPatch, SecretsPort } from '../../kernel/secrets.ts'
import { currentVersion, type SecretSettings } from '../../kernel/secret-model.ts'
import { deleteMetadata, list, listRoot, patchMetadata, readConfig, readMetadata, writeConfig, writeMetadata } from './operations.ts'
import { listNames } from './names.ts'
import { mountOf, secretAt } from './paths.ts'

const operations = { listRoot, list, readMetadata, writeMetadata, patchMetadata, deleteMetadata, readConfig, writeConfig }
type Handled = Handlers<typeof operations>

const PAGE = 500
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
  readonly customMetadata?: Readonly<Record<string, string>> | null | undefined
}

const settingsOf = (input: MetadataInput, before: SecretSettings): SecretSettings => ({
  ...before,
  ...(input.maxVersions === undefined ? {} : { maxVersions: input.maxVersions }),
  ...(input.casRequired === undefined ? {} : { casRequired: input.casRequired }),
  ...(input.deleteVersionAfter === undefined ? {} : { deleteVersionAfterSeconds: input.deleteVersionAfter }),
})

const writeMetadataOf = (secrets: SecretsPort, places: Places, merge: boolean): Handled['writeMetadata'] => async (input, call) => {
  const access = await secretAt(places, call, input.path)
  const grant = access.authorise('update', 'create')
  const existing = await secrets.metadata({ ...access, authorise: () => grant }, { selector: 'current' }).catch((error: unknown) => {
    if (isCofferError(error) && error.code === 'secret.not_found') return undefined
    throw error
  })
  const patch: MetadataPatch = {
    settings: settingsOf(input, existing?.secret.settings ?? {}),
    customMetadata: input.customMetadata === undefined ? undefined : merge ? { ...existing?.secret.customMetadata, ...input.customMetadata } : (input.customMetadata ?? {}),
  }
  if (existing !== undefined) await secrets.updateMetadata(access, patch)
  else if (merge) throw fail('not_found', 'secret.not_found', 'There is no such secret.')
  else await secrets.register(access, { type: 'json', metadata: patch })
  return {}
}

export const metadataOperations = ({ secrets, places, configureMount: configure }: EngineParts): readonly Implemented[] =>
  implement(operations, {
    listRoot: (input, call) => listNames(secrets, places, call, '', input),
    list: (input, call) => listNames(secrets, places, call, input.path, input),
    async readMetadata(input, call) {
      const { secret, aliases, items } = await allVersions(secrets, await secretAt(places, call, input.path))
      const { settings } = secret
      return {
        casRequired: settings.casRequired ?? false,
        createdTime: iso(secret.createdAt),
        updatedTime: iso(secret.updatedAt),
        currentVersion: currentVersion({ aliases }),
        oldestVersion: items.findLast(({ version }) => version.state !== 'DESTROYED')?.version.version ?? 0,
        maxVersions: settings.maxVersions ?? 0,
        deleteVersionAfter: formatGoDuration(settings.deleteVersionAfterSeconds ?? 0),
        customMetadata: Object.keys(secret.customMetadata).length === 0 ? null : secret.customMetadata,
        versions: Object.fromEntries(items.map(({ version }) => [String(version.version), { createdTime: iso(version.createdAt), deletionTime: iso(version.deletedAt ?? version.expiresAt), destroyed: version.state === 'DESTROYED' }])),
      }
    },
    writeMetadata: writeMetadataOf(secrets, places, false),
    patchMetadata: writeMetadataOf(secrets, places, true),
    async deleteMetadata(input, call) {
      const access = await secretAt(places, call, input.path)
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
