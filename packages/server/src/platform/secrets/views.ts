// From the model to what the contracts of secrets answer.

import { secret, type Secret } from '../../crypto/secret.ts'
import { formatId } from '../../kernel/ids.ts'
import { currentVersion, parseRotationStrategy, type SecretAddress, type SecretRow, type Snapshot } from '../../kernel/secret-model.ts'
import type { ChangedSecret, HistoryItem, ListedSecret, MetadataPatch, Revealed, Written } from '../../kernel/secrets.ts'
import { wipe } from '../../lib/bytes.ts'
import { formatIsoTime } from '../../lib/iso-time.ts'
import { fail } from '../../kernel/errors.ts'

export const iso = formatIsoTime
export const isoOrNull = (ms: number | undefined): string | null => (ms === undefined ? null : iso(ms))

export const secretView = (address: Pick<SecretAddress, 'project' | 'environment'>, row: SecretRow | ListedSecret, current: number) => {
  const view = {
    id: formatId('secret', row.secretId),
    project: address.project,
    environment: address.environment,
    path: row.path,
    type: row.type,
    currentVersion: current,
    ownerTeam: row.ownerTeam,
    description: row.description,
    rotationStrategy: row.rotationStrategy,
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
  }
  return row.deletedAt === undefined ? view : { ...view, deletedAt: iso(row.deletedAt) }
}

export const changedView = (address: Pick<SecretAddress, 'project' | 'environment'>, changed: ChangedSecret) => secretView(address, changed, changed.currentVersion)

export const snapshotView = (address: SecretAddress, snapshot: Snapshot) => ({
  ...secretView(address, snapshot.secret, currentVersion(snapshot)),
  metadata: snapshot.secret.customMetadata,
  aliases: Object.fromEntries([...snapshot.aliases.values()].map(({ alias, version }) => [alias, version])),
})

export const versionView = ({ version, state }: HistoryItem) => ({
  version: version.version,
  versionNumber: version.version,
  state,
  type: version.type,
  createdBy: version.createdBy,
  createdAt: iso(version.createdAt),
  expiresAt: isoOrNull(version.expiresAt),
  ...(version.deletedAt === undefined ? {} : { deletedAt: iso(version.deletedAt) }),
})

export const writtenView = (path: string, written: Written) => ({
  id: formatId('secret', written.secretId),
  path,
  version: written.version,
  versionNumber: written.version,
  state: written.state,
  sha256Fingerprint: written.fingerprint,
  createdAt: iso(written.createdAt),
})

/** The plaintext as text for the answer; the bytes are wiped here. The string itself is V8's to collect (THREAT-MODEL.md). */
export const takeText = (revealed: Revealed): Secret<string> => {
  try {
    return secret(revealed.plaintext.toString('utf8'))
  } finally {
    wipe(revealed.plaintext)
  }
}

interface MetadataInput {
  readonly ownerTeam?: string | undefined
  readonly description?: string | undefined
  readonly rotationStrategy?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly maxVersions?: number | undefined
  readonly casRequired?: boolean | undefined
  readonly deleteVersionAfter?: number | undefined
  readonly sortOrder?: number | undefined
}

/** What a contract's metadata fields mean to the service; settings that are not given stay as they are. @throws invalid_request */
export const metadataPatch = (input: MetadataInput): MetadataPatch => {
  const given = input.maxVersions !== undefined || input.casRequired !== undefined || input.deleteVersionAfter !== undefined
  return {
    ownerTeam: input.ownerTeam,
    description: input.description,
    rotationStrategy: input.rotationStrategy === undefined ? undefined : parseRotationStrategy(input.rotationStrategy),
    customMetadata: input.metadata,
    sortOrder: input.sortOrder,
    settings: given
      ? {
          ...(input.maxVersions === undefined ? {} : { maxVersions: input.maxVersions }),
          ...(input.casRequired === undefined ? {} : { casRequired: input.casRequired }),
          ...(input.deleteVersionAfter === undefined ? {} : { deleteVersionAfterSeconds: input.deleteVersionAfter }),
        }
      : undefined,
  }
}

/** When the version shall end, as `expiresAt` or `ttl` says. @throws invalid_request when that is past, or both are given */
export const expiryOf = (input: { readonly expiresAt?: string | undefined; readonly ttl?: number | undefined }, now: number): { readonly expiresAt: number | undefined; readonly ttlSeconds: number | undefined } => {
  if (input.expiresAt !== undefined && input.ttl !== undefined) throw fail('invalid_request', 'request.both', 'Give expiresAt or ttl, not both.', { field: 'ttl' })
  const expiresAt = input.expiresAt === undefined ? undefined : Date.parse(input.expiresAt)
  if (expiresAt !== undefined && expiresAt <= now) throw fail('invalid_request', 'secret.expired_already', 'The version would have expired already.', { field: 'expiresAt' })
  return { expiresAt, ttlSeconds: input.ttl }
}
