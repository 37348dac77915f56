// What this worker knows of a secret that it has looked at or written: enough to plan the next write without asking. It may be out of date, and then the
// write is not applied: `before` says what the database must hold of every row with a MAC (secret_apply_many compares), so that a change by
// somebody else, or by hand, is found as a look would find it.

import { ByteLru } from '../../../lib/lru.ts'
import type { AliasRow, SecretRow, Snapshot } from '../../../kernel/secret-model.ts'
import type { SignedChange } from '../repository.ts'
import type { KnownRow } from '../rows.ts'

export interface Known {
  readonly snapshot: Snapshot
  /** Aliases that a write leaves as they are, as `before` has them. */
  readonly others: ReadonlyMap<string, string>
  readonly before: string
  /** All versions up to this one are destroyed. */
  readonly destroyedUpTo: number
}

/** From a row whose MACs were checked. */
export const knownFrom = (row: KnownRow, snapshot: Snapshot): Known => {
  const aliasTexts = new Map(row.aliases.map(([alias, version, revision, mac]) => [alias, aliasText(alias, version, revision, mac)]))
  const { secret, selected } = snapshot
  const version = selected === undefined ? undefined
    : versionText([selected.version, selected.type, selected.state, selected.fingerprint, selected.createdAt, selected.expiresAt, selected.deletedAt, row.v_row_version ?? 0], row.v_mac ?? Buffer.alloc(0))
  return { snapshot: { ...snapshot, selected: undefined }, others: othersOf(aliasTexts), before: beforeText(secret, row.mac, aliasTexts, version), destroyedUpTo: 0 }
}

const NONE: ReadonlyMap<string, string> = new Map()

const othersOf = (aliasTexts: ReadonlyMap<string, string>): ReadonlyMap<string, string> => {
  const others = [...aliasTexts].filter(([alias]) => alias !== 'current' && alias !== 'previous')
  return others.length === 0 ? NONE : new Map(others)
}

/** What there is after a new version became current. */
export const knownAfter = (before: Known | undefined, { change: { plan, sealed, audit }, macs }: SignedChange, destroyedUpTo: number): Known | undefined => {
  const { secret, newVersion } = plan
  if (newVersion === undefined || sealed === undefined || macs.version === undefined || newVersion.state !== 'ACTIVE') return undefined
  const aliases = new Map<string, AliasRow>(before?.snapshot.aliases)
  const aliasTexts = new Map(before?.others)
  plan.aliases.forEach(({ alias, version }, index) => {
    const mac = macs.aliases[index]
    if (version === undefined || mac === undefined) {
      aliases.delete(alias)
      aliasTexts.delete(alias)
    } else {
      aliases.set(alias, { alias, version, updatedAt: audit.at })
      aliasTexts.set(alias, aliasText(alias, version, secret.revision, mac.toString('hex')))
    }
  })
  const version = versionText([newVersion.version, secret.type, newVersion.state, sealed.fingerprint, audit.at, newVersion.expiresAt, undefined, secret.revision], macs.version)
  return { snapshot: { secret, aliases, selected: undefined }, others: othersOf(aliasTexts), before: beforeText(secret, macs.secret, aliasTexts, version), destroyedUpTo }
}

const aliasText = (alias: string, version: number, revision: number, mac: string): string => `${alias}:${version}:${revision}:${mac}`

type VersionFacts = readonly [version: number, type: string, state: string, fingerprint: string, createdAt: number, expiresAt: number | undefined, deletedAt: number | undefined, revision: number]

const versionText = (facts: VersionFacts, mac: Buffer): string => `${facts.map((each) => each ?? '-').join(':')}:${mac.toString('hex')}`

/** As secret_apply_many writes it, whose concat_ws leaves out what there is none of. */
const beforeText = (secret: SecretRow, mac: Buffer, aliasTexts: ReadonlyMap<string, string>, version: string | undefined): string => {
  const names = [...aliasTexts.keys()].toSorted()
  const parts = [secret.type, secret.lastVersion, secret.deletedAt ?? '-', mac.toString('hex')]
  if (names.length > 0) parts.push(names.map((name) => aliasTexts.get(name)).join(','))
  if (version !== undefined) parts.push(version)
  return parts.join('|')
}

const KNOWN_BYTES = 1024
const MOST_BYTES = 8 * 1024 * 1024

export class KnownSecrets {
  readonly #kept: ByteLru<string, Known>

  constructor(maxBytes: number = MOST_BYTES) {
    this.#kept = new ByteLru({ maxBytes })
  }

  get(key: string): Known | undefined {
    return this.#kept.get(key)
  }

  keep(key: string, known: Known): void {
    const { customMetadata, description } = known.snapshot.secret
    const labels = Object.entries(customMetadata).reduce((sum, [name, value]) => sum + name.length + value.length, description.length)
    this.#kept.set(key, known, KNOWN_BYTES + 2 * (key.length + known.before.length + labels))
  }

  forget(key: string): void {
    this.#kept.delete(key)
  }
}
