// The rows of one secret after so many writes of its value, made by what the server makes them with: the same plans, data keys wrapped under the
// organization's KEK, ciphertexts, fingerprints and row MACs. What is left out is what lies beside them: audit records and the change feed.

import { macAlias, macSecret, macVersion } from '../../../packages/server/src/services/secrets/rows.ts'
import { planPut, type Plan } from '../../../packages/server/src/services/secrets/change.ts'
import { sealValue } from '../../../packages/server/src/services/secrets/sealing.ts'
import { makeUuidV7 } from '../../../packages/server/src/crypto/random.ts'
import type { AliasRow, SecretRow, Snapshot } from '../../../packages/server/src/kernel/secret-model.ts'
import type { OrgKeys } from '../../../packages/server/src/keyring/org-keys.ts'
import { bigint, copyRow, integer, json, text, time, uuid } from './copy-format.ts'

export const tables = {
  secrets: 'coffer.secrets (org_id, secret_id, mount_id, environment, path, type, owner_team, description, rotation_strategy, custom_metadata, settings, sort_order, last_version, revision, created_by, created_at, updated_at, deleted_at, mac)',
  versions: 'coffer.secret_versions (org_id, secret_id, version, type, ciphertext, wrapped_dek, kek_id, kek_version, state, fingerprint, created_by, created_at, expires_at, row_version, mac)',
  aliases: 'coffer.secret_aliases (org_id, secret_id, alias, version, updated_at, row_version, mac)',
} as const

/** Rows in COPY's format, by table. */
export type Rows = Record<keyof typeof tables, Buffer[]>

export interface SecretPlace {
  readonly mountId: string
  readonly environment: string
  readonly path: string
}

const AUTHOR = 'service:bench'

const freshRow = (place: SecretPlace, at: number): SecretRow => ({
  ...place, secretId: makeUuidV7(at), type: 'text', ownerTeam: '', description: '', rotationStrategy: 'manual', customMetadata: {}, settings: {}, sortOrder: 1,
  lastVersion: 0, revision: 1, createdBy: AUTHOR, createdAt: at, updatedAt: at, deletedAt: undefined,
})

/** @param values one for each version, with the time at which it was written; the buffers are wiped. */
export const addSecret = async (rows: Rows, keys: OrgKeys, place: SecretPlace, values: readonly { readonly at: number; readonly value: Buffer }[]): Promise<void> => {
  const aliases = new Map<string, AliasRow & { readonly revision: number }>()
  const fresh = freshRow(place, values[0]?.at ?? 0)
  let snapshot: Snapshot | undefined
  for (const { at, value } of values) {
    const plan = planPut(snapshot, fresh, {}, { at, expiresAt: undefined, pending: false })
    rows.versions.push(await versionRow(keys, plan, at, value))
    for (const { alias, version } of plan.aliases) if (version !== undefined) aliases.set(alias, { alias, version, updatedAt: at, revision: plan.secret.revision })
    snapshot = { secret: plan.secret, aliases, selected: undefined }
  }
  if (snapshot === undefined) return
  const { secret } = snapshot
  rows.secrets.push(secretRow(keys, secret))
  for (const { alias, version, updatedAt, revision } of aliases.values()) {
    rows.aliases.push(copyRow([uuid(keys.orgId), uuid(secret.secretId), text(alias), bigint(version), time(updatedAt), bigint(revision), macAlias(keys.purpose('rows'), secret.secretId, alias, version, revision)]))
  }
}

const versionRow = async (keys: OrgKeys, { secret, newVersion }: Plan, at: number, value: Buffer): Promise<Buffer> => {
  if (newVersion === undefined) throw new Error('a write without a version')
  const { secretId, type, revision } = secret
  const { version, state } = newVersion
  const sealed = await sealValue(keys, { orgId: keys.orgId, secretId, version, type }, value)
  value.fill(0)
  const mac = macVersion(keys.purpose('rows'), secretId, { version, type, state, fingerprint: sealed.fingerprint, createdAt: at, expiresAt: undefined, deletedAt: undefined }, revision)
  return copyRow([
    uuid(keys.orgId), uuid(secretId), bigint(version), text(type), sealed.ciphertext, sealed.wrapped, uuid(sealed.kekId), integer(sealed.kekVersion), text(state), text(sealed.fingerprint),
    text(AUTHOR), time(at), null, bigint(revision), mac,
  ])
}

const secretRow = (keys: OrgKeys, secret: SecretRow): Buffer =>
  copyRow([
    uuid(keys.orgId), uuid(secret.secretId), uuid(secret.mountId), text(secret.environment), text(secret.path), text(secret.type), text(secret.ownerTeam), text(secret.description),
    text(secret.rotationStrategy), json(secret.customMetadata), json({ ...secret.settings, sortOrder: secret.sortOrder }), integer(secret.sortOrder), bigint(secret.lastVersion), bigint(secret.revision),
    text(secret.createdBy), time(secret.createdAt), time(secret.updatedAt), time(secret.deletedAt), macSecret(keys.purpose('rows'), secret),
  ])
