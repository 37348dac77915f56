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

const iso = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : new Date(ms).toISOString())

/** What stays as it is is left out. */
const patched = ({ signed: { change: { plan: { secret } } }, before }: Item): object => {
  const old = before?.snapshot.secret
  return {
    owner: secret.ownerTeam === old?.ownerTeam ? undefined : secret.ownerTeam,
    description: secret.description === old?.description ? undefined : secret.description,
    rotation: secret.rotationStrategy === old?.rotationStrategy ? undefined : secret.rotationStrategy,
    labels: secret.customMetadata === old?.customMetadata ? undefined : secret.customMetadata,
    settings: { ...secret.settings, sortOrder: secret.sortOrder },
    sort: secret.sortOrder,
  }
}

const textOf = (item: Item, start: number): string => {
  const { signed: { change, macs }, before } = item
  const { plan: { secret, expectedRevision, newVersion, aliases, versions }, sealed, audit } = change
  return JSON.stringify({
    id: secret.secretId, rev: expectedRevision, was: before?.before, mount: secret.mountId, env: secret.environment, path: secret.path, type: secret.type, ...patched(item),
    version: newVersion?.version, previous: aliases.find(({ alias }) => alias === 'previous')?.version, replaces: before?.snapshot.aliases.has('previous') === true,
    kek: sealed?.kekId, kek_version: sealed?.kekVersion, print: sealed?.fingerprint, until: iso(newVersion?.expiresAt),
    at: iso(audit.at), by: change.actor, event: audit.id, record: audit.record, audit: audit.fields, start, wrapped: sealed?.wrapped.length, sealed: sealed?.ciphertext.length,
    ...(versions.length === 0 ? {} : { evicted: versions.map(({ version }, index) => ({ version: version.version, mac: `\\x${macs.versions[index]?.toString('hex') ?? ''}` })) }),
  })
}

const NO_MAC = Buffer.alloc(33)
const NOTHING = Buffer.alloc(0)

/** What is not text, in the order in which secret_apply_many cuts it. */
const bytesOf = ({ signed: { change: { plan: { aliases }, sealed, audit }, macs } }: Item): readonly Buffer[] => {
  const macOf = (alias: string): Buffer => macs.aliases[aliases.findIndex((each) => each.alias === alias)] ?? NO_MAC
  return [macs.secret, macs.version ?? NO_MAC, macOf('current'), macOf('previous'), audit.digest, sealed?.wrapped ?? NOTHING, sealed?.ciphertext ?? NOTHING]
}

/** Items as the statement takes them: a JSON text, and the bytes behind each other, which as text would be twice as long. */
export const encodeItems = (items: readonly Item[]): { readonly text: string; readonly bytes: Buffer } => {
  const texts: string[] = []
  const all: Buffer[] = []
  // As PostgreSQL counts.
  let start = 1
  for (const item of items) {
    texts.push(textOf(item, start))
    for (const bytes of bytesOf(item)) {
      all.push(bytes)
      start += bytes.length
    }
  }
  return { text: `[${texts.join(',')}]`, bytes: Buffer.concat(all) }
}
