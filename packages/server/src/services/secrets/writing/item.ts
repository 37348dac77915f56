// One change as secret_apply_many takes it.

import { changeKey } from '../ports.ts'
import type { SignedChange } from '../repository.ts'
import type { Known } from './known.ts'

/** Larger values go by themselves: others would wait for them. */
export const MOST_GATHERED_BYTES: number = 16 * 1024

/** What waits to be written. */
export interface Item {
  readonly signed: SignedChange
  /** What the change was planned from. */
  readonly before: Known | undefined
  /** Whether that was read for this change, and not remembered. */
  readonly isFresh: boolean
}

/** A version that becomes current at once, and what that drops: all else is rare. */
export const canBeGathered = ({ change: { plan, sealed, idempotent } }: SignedChange): boolean =>
  sealed !== undefined && sealed.ciphertext.length <= MOST_GATHERED_BYTES && idempotent === undefined && plan.newVersion?.state === 'ACTIVE' && plan.secret.deletedAt === undefined
  && plan.aliases.every(({ alias, version }) => version !== undefined && (alias === 'current' || alias === 'previous')) && plan.versions.every(({ state }) => state === 'DESTROYED')

export const orderOf = ({ signed: { change: { plan } } }: Item): string => changeKey(plan.secret)

const hex = (bytes: Buffer | undefined): string | undefined => (bytes === undefined ? undefined : `\\x${bytes.toString('hex')}`)
const iso = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString())

/** What stays as it is is left out. */
const patched = ({ signed: { change: { plan: { secret } } }, before }: Item): object => {
  const old = before?.snapshot.secret
  return {
    owner_team: secret.ownerTeam === old?.ownerTeam ? undefined : secret.ownerTeam,
    description: secret.description === old?.description ? undefined : secret.description,
    rotation_strategy: secret.rotationStrategy === old?.rotationStrategy ? undefined : secret.rotationStrategy,
    custom_metadata: secret.customMetadata === old?.customMetadata ? undefined : secret.customMetadata,
    settings: { ...secret.settings, sortOrder: secret.sortOrder },
    sort_order: secret.sortOrder,
  }
}

export const itemText = (item: Item): string => {
  const { signed: { change, macs }, before } = item
  const { plan: { secret, expectedRevision, newVersion, aliases, versions }, sealed, audit } = change
  const macOf = (alias: string): string | undefined => hex(macs.aliases[aliases.findIndex((each) => each.alias === alias)])
  return JSON.stringify({
    secret_id: secret.secretId, expected: expectedRevision, before: before?.before,
    mount_id: secret.mountId, environment: secret.environment, path: secret.path, type: secret.type, ...patched(item), row_mac: hex(macs.secret),
    version: newVersion?.version, ciphertext: hex(sealed?.ciphertext), wrapped_dek: hex(sealed?.wrapped), kek_id: sealed?.kekId, kek_version: sealed?.kekVersion,
    fingerprint: sealed?.fingerprint, expires_at: iso(newVersion?.expiresAt), version_mac: hex(macs.version),
    current_mac: macOf('current'), previous: aliases.find(({ alias }) => alias === 'previous')?.version, previous_mac: macOf('previous'), has_previous: before?.snapshot.aliases.has('previous') === true,
    at: iso(audit.at), actor: change.actor, audit_id: audit.id, record: audit.record, digest: hex(audit.digest), audit: audit.fields,
    ...(versions.length === 0 ? {} : { evicted: versions.map(({ version }, index) => ({ version: version.version, mac: hex(macs.versions[index]) })) }),
  })
}
