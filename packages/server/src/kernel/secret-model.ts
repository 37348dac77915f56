// What a secret is once it is loaded and its row MACs hold. Versions are append-only; CURRENT and PREVIOUS are not
// states of a row but told by the aliases, so that a promotion touches nothing but pointers.

import { fail } from './errors.ts'

export type ValueType = 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password'
export const valueTypes = ['text', 'json', 'yaml', 'boolean', 'integer', 'password'] as const satisfies readonly ValueType[]

/** As stored. */
export type StoredState = 'PENDING' | 'ACTIVE' | 'DISABLED' | 'DESTROYED'
/** As shown. */
export type VersionState = 'PENDING' | 'CURRENT' | 'PREVIOUS' | 'DISABLED' | 'DESTROYED'

export interface SecretAddress {
  readonly orgId: string
  readonly mountId: string
  /** Mount path without slash: the project's name. */
  readonly project: string
  readonly environment: string
  readonly path: string
  /** 1: the mount is KV version 1, whose API paths have no family segment. */
  readonly kvVersion?: 1 | undefined
}

export interface SecretSettings {
  readonly casRequired?: boolean
  /** 0 or absent keeps all. */
  readonly maxVersions?: number
  readonly deleteVersionAfterSeconds?: number
}

export interface SecretRow {
  readonly secretId: string
  readonly mountId: string
  readonly environment: string
  readonly path: string
  readonly type: ValueType
  readonly ownerTeam: string
  readonly description: string
  readonly rotationStrategy: string
  readonly customMetadata: Readonly<Record<string, string>>
  readonly settings: SecretSettings
  readonly sortOrder: number
  readonly lastVersion: number
  readonly revision: number
  readonly createdBy: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly deletedAt: number | undefined
}

export interface VersionRow {
  readonly version: number
  readonly type: ValueType
  readonly ciphertext: Buffer | undefined
  readonly wrappedDek: Buffer | undefined
  readonly kekId: string
  readonly kekVersion: number
  readonly state: StoredState
  readonly fingerprint: string
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number | undefined
  /** KV delete: the version is hidden from then on, and undelete clears it. */
  readonly deletedAt: number | undefined
}

export interface AliasRow {
  readonly alias: string
  readonly version: number
  readonly updatedAt: number
}

/** A secret with its pointers and, when one was asked for, a version. */
export interface Snapshot {
  readonly secret: SecretRow
  readonly aliases: ReadonlyMap<string, AliasRow>
  readonly selected: VersionRow | undefined
}

/** The version that `current` names, or 0 when none was promoted yet. */
export const currentVersion = (snapshot: Pick<Snapshot, 'aliases'>): number => snapshot.aliases.get('current')?.version ?? 0

/** The state as people and clients see it. */
export const shownState = (version: Pick<VersionRow, 'version' | 'state'>, aliases: ReadonlyMap<string, AliasRow>): VersionState => {
  if (version.state !== 'ACTIVE') return version.state
  return aliases.get('current')?.version === version.version ? 'CURRENT' : 'PREVIOUS'
}

const ALIAS = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
const NUMBER = /^v?([0-9]+)$/
// More digits than any version has: past this a double is no longer exact.
const LONGEST = 15

/**
 * An alias, or a version number as digits: `v3` and `3` are both version 3.
 * @throws invalid_request
 */
export const parseSelector = (text: string): string => {
  const number = NUMBER.exec(text)
  if (number === null) return parseAlias(text)
  const digits = (number[1] ?? '').replace(/^0+(?=.)/, '')
  if (digits.length > LONGEST) throw fail('invalid_request', 'secret.bad_version', 'There are no such version numbers.', { field: 'version' })
  return digits
}

/** @throws invalid_request when the name could be read as a version number, or is not a name. */
export const parseAlias = (text: string): string => {
  if (NUMBER.test(text) || !ALIAS.test(text)) {
    throw fail('invalid_request', 'secret.bad_alias', 'An alias starts with a letter, has up to 64 letters, digits, dots, dashes or underscores, and is not a version number.', { field: 'alias' })
  }
  return text
}

const STRATEGY = /^(manual|manual-overlap|automated-([1-9][0-9]{0,3})d)$/

/** `manual`, `manual-overlap` or `automated-<n>d`. @throws invalid_request */
export const parseRotationStrategy = (text: string): string => {
  if (!STRATEGY.test(text)) {
    throw fail('invalid_request', 'secret.bad_rotation_strategy', 'A rotation strategy is manual, manual-overlap or automated-<days>d.', { field: 'rotationStrategy' })
  }
  return text
}
