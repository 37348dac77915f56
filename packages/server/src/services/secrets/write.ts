// Writing a value: plan from what is committed, encrypt outside any transaction, apply in one statement. The version
// number is part of what the ciphertext is bound to, so a write that lost a race plans and encrypts again.

import type { HmacKey } from '../../crypto/keys.ts'
import { makeUuidV7, jitter } from '../../crypto/random.ts'
import { insertRecord, type WrittenRecord } from '../../kernel/audited-write.ts'
import { asCofferError, fail } from '../../kernel/errors.ts'
import { wipe } from '../../lib/bytes.ts'
import { checkCurrent, planPut, type Plan } from './change.ts'
import { currentVersion, type SecretAddress, type SecretRow, type Snapshot, type ValueType } from '../../kernel/secret-model.ts'
import type { PutCommand, SecretAccess, Written } from '../../kernel/secrets.ts'
import { changeKey, type SecretKeys, type SecretPorts } from './ports.ts'
import * as repository from './repository.ts'
import { loadRecord, readRow, readVersions } from './reveal.ts'
import { requireMetadataRights } from './rights.ts'
import { sealValue } from './sealing.ts'
import { encodeValue } from './value.ts'
import { idempotency, mismatch, replay, type IdempotencyMacs } from './writing/idempotency.ts'
import { canBeGathered, MOST_GATHERED_BYTES } from './writing/item.ts'
import { knownAfter, knownFrom, type Known } from './writing/known.ts'
import type { Writing } from './writing/writing.ts'

const ATTEMPTS = 24

export interface PutPorts extends SecretPorts {
  readonly writing: Writing
}

/** Runs one optimistic change until it is applied. `attempt` reads, plans and applies; a lost race tries again. @throws conflict */
export const optimistically = async <T>(attempt: () => Promise<T | 'lost'>): Promise<T> => {
  for (let tries = 0; tries < ATTEMPTS; tries++) {
    const result = await attempt()
    if (result !== 'lost') return result
    await new Promise((resolve) => setTimeout(resolve, jitter(Math.min(2 ** tries, 50), 0.9)))
  }
  throw fail('conflict', 'secret.busy', 'The secret is being changed by many callers at once. Try again.', { retryAfterSeconds: 1 })
}

/** Writes a value: a new secret, or a new version of one. @throws conflict, invalid_request, permission_denied */
export const put = (ports: PutPorts, access: SecretAccess, command: PutCommand): Promise<Written> => {
  const { call, address } = access
  const { writing } = ports
  const key = secretKey(address)
  return writing.turns.run(key, async () => {
    const keys = await ports.keys(address.orgId)
    const idempotent = idempotency(keys, access, command)
    const remembered = idempotent === undefined && !command.pending && command.value.length <= MOST_GATHERED_BYTES ? writing.known.get(key) : undefined
    const written = remembered === undefined ? 'lost' : await fromMemory(ports, access, command, { keys, known: remembered })
    if (written !== 'lost') return written
    let tries = 0
    return optimistically(async () => {
      // A record that was made for an attempt that lost its race belongs to no write.
      call.dropKeptRecords()
      const known = await look(ports, address, keys)
      if (idempotent !== undefined) {
        // Asked after the secret was read: an earlier request that is in that snapshot has left its answer as well. And before the
        // compare-and-swap, which no longer holds for a repeated request.
        const seen = await writing.alone(() => ports.database.transaction(address.orgId, (tx) => repository.findIdempotent(tx, address.orgId, idempotent.keyMac), { readOnly: true }))
        if (seen !== undefined) return replay(access, command, seen, idempotent.requestMac)
      }
      // The first attempt passes by whoever is at work on the secret; the next ones wait for him.
      return attempt(ports, access, command, { keys, known, idempotent, isFresh: true, waits: tries++ > 0 })
    })
  })
}

/** What is remembered may be out of date, so nothing of the secret is refused because of it. */
const fromMemory = async (ports: PutPorts, access: SecretAccess, command: PutCommand, { keys, known }: { readonly keys: SecretKeys; readonly known: Known }): Promise<Written | 'lost'> => {
  access.call.dropKeptRecords()
  try {
    return await attempt(ports, access, command, { keys, known, idempotent: undefined, isFresh: false, waits: false })
  } catch (error) {
    // Of a database that does not answer nobody knows whether it has written: asking again could write twice.
    const { kind } = asCofferError(error)
    if (kind === 'unavailable' || kind === 'rate_limited') throw error
    return 'lost'
  }
}

const secretKey = (address: SecretAddress): string => `${address.orgId}/${changeKey(address)}`

const look = async (ports: PutPorts, address: SecretAddress, keys: SecretKeys): Promise<Known | undefined> => {
  const row = await ports.writing.look(address)
  return row === undefined ? undefined : knownFrom(row, readRow(ports, { ...address, selector: 'current' }, keys, row))
}

interface Attempt {
  readonly keys: SecretKeys
  readonly known: Known | undefined
  readonly idempotent: IdempotencyMacs | undefined
  readonly isFresh: boolean
  readonly waits: boolean
}

const attempt = async (ports: PutPorts, access: SecretAccess, command: PutCommand, { keys, known, idempotent, isFresh, waits }: Attempt): Promise<Written | 'lost'> => {
  const { writing } = ports
  const { call, address } = access
  const key = secretKey(address)
  writing.known.forget(key)
  const { change, written, destroyedUpTo } = await prepare(ports, access, command, { keys, snapshot: known?.snapshot, destroyedUpTo: known?.destroyedUpTo ?? 0, idempotent })
  const signed = repository.sign(change, keys.purpose('rows'))
  if (!waits && canBeGathered(signed)) {
    if (!(await writing.apply({ signed, before: known, isFresh }))) return 'lost'
  } else {
    // Only what was just read is applied without being compared.
    if (!isFresh) return 'lost'
    const { status } = await writing.alone(() => repository.applySigned(ports.database, signed))
    if (status === 'mismatch') throw mismatch()
    // Repeated: the same request was a moment faster; the next look finds what it answered.
    if (status !== 'ok') return 'lost'
  }
  const after = knownAfter(known, signed, destroyedUpTo)
  if (after !== undefined) writing.known.keep(key, after)
  call.changed([{ orgId: address.orgId, kind: 'secret', key: changeKey(address) }])
  return written
}

export interface Write {
  readonly access: SecretAccess
  readonly command: PutCommand
}

/**
 * All writes or none, with a record for each secret and one for the whole. Planned and encrypted before the transaction: nothing in
 * it waits for another connection or for a key.
 */
export const putMany = async (ports: PutPorts, writes: readonly Write[]): Promise<readonly Written[]> => {
  const first = writes[0]
  if (first === undefined) return []
  const { call, address } = first.access
  const { orgId } = address
  const keys = await ports.keys(orgId)
  // In one order for everybody, so that two documents do not wait for each other's rows.
  const ordered = writes.toSorted((a, b) => (changeKey(a.access.address) < changeKey(b.access.address) ? -1 : 1))
  return optimistically(async () => {
    call.dropKeptRecords()
    const prepared: Prepared[] = []
    for (const { access, command } of ordered) {
      const snapshot = (await loadRecord(ports, access.address, 'current'))?.snapshot
      prepared.push(await prepare(ports, access, command, { keys, snapshot, destroyedUpTo: 0, idempotent: undefined }))
      call.keepRecord()
    }
    const summary = summarise(first.access, prepared.length)
    const done = await applyAll(ports, orgId, prepared, { summary, rowKey: keys.purpose('rows') })
    if (!done) return 'lost'
    call.changed(ordered.map(({ access }) => ({ orgId, kind: 'secret', key: changeKey(access.address) })))
    return prepared.map(({ written }) => written)
  })
}

class LostRace extends Error {}

const applyAll = async (ports: SecretPorts, orgId: string, prepared: readonly Prepared[], { summary, rowKey }: { readonly summary: WrittenRecord; readonly rowKey: HmacKey }): Promise<boolean> => {
  try {
    await ports.database.transaction(orgId, async (tx) => {
      for (const { change } of prepared) {
        if ((await repository.apply(tx, change, rowKey)).status !== 'ok') throw new LostRace()
      }
      await insertRecord(tx, orgId, summary)
    })
    return true
  } catch (error) {
    if (error instanceof LostRace) return false
    throw error
  }
}

const summarise = ({ call, address }: SecretAccess, count: number): WrittenRecord => {
  Object.assign(call.audit, { project: address.project, environment: address.environment, path: undefined, version: undefined, resourceId: undefined, metadata: { ...call.audit.metadata, written: count } })
  return call.writeRecord()
}

interface PutContext {
  readonly idempotent: IdempotencyMacs | undefined
  readonly keys: SecretKeys
  readonly snapshot: Snapshot | undefined
  /** All versions up to this one are known to be destroyed. */
  readonly destroyedUpTo: number
}

/** A write that only needs to be applied: permitted, planned, encrypted, its record made. */
interface Prepared {
  readonly change: repository.Change
  readonly written: Written
  /** After it. */
  readonly destroyedUpTo: number
}

const prepare = async (ports: PutPorts, access: SecretAccess, command: PutCommand, context: PutContext): Promise<Prepared> => {
  const { call } = access
  const { snapshot } = context
  const alive = snapshot !== undefined && snapshot.secret.deletedAt === undefined
  // The bytes are encoded before permission is asked, but nothing is told of them: a 400 about the value leaks nothing.
  if (command.pending) access.authorise('rotate', alive ? 'update' : 'create')
  else access.authorise(alive ? 'update' : 'create')
  if (snapshot !== undefined) requireMetadataRights(access, snapshot, command.metadata)
  const at = call.now()
  const type = command.type ?? snapshot?.secret.type ?? 'text'
  const plaintext = encodeValue(command.value, type, ports.limits.valueBytes)
  try {
    checkCurrent(snapshot, requiredCas(access, snapshot, command))
    const planned = planPut(snapshot, freshRow(access, type, at), { ...command.metadata, type }, { at, expiresAt: command.expiresAt, pending: command.pending })
    const { plan, destroyedUpTo } = await withEviction(ports, access, context, planned)
    return await seal(access, command, { ...context, plan, plaintext, created: !alive, destroyedUpTo })
  } finally {
    wipe(plaintext)
  }
}

const requiredCas = ({ defaults }: SecretAccess, snapshot: Snapshot | undefined, command: PutCommand): number | undefined => {
  if ((snapshot?.secret.settings.casRequired === true || defaults?.casRequired === true) && command.expectedCurrent === undefined && !command.pending) {
    throw fail('invalid_request', 'secret.cas_required', 'This secret takes writes only with the version that you expect to be current.', { field: 'expectedPreviousVersion' })
  }
  return command.expectedCurrent
}

/** Seconds that a version without an expiry of its own lives; 0: for ever. */
const lifetime = ({ defaults }: SecretAccess, plan: Plan, command: PutCommand): number =>
  command.expiresAt !== undefined ? 0 : (command.ttlSeconds ?? 0) > 0 ? (command.ttlSeconds ?? 0) : (plan.secret.settings.deleteVersionAfterSeconds || (defaults?.deleteVersionAfterSeconds ?? 0))

/** The row of a secret that does not exist yet. */
export const freshRow = (access: SecretAccess, type: ValueType, at: number): SecretRow => ({
  secretId: makeUuidV7(at),
  mountId: access.address.mountId,
  environment: access.address.environment,
  path: access.address.path,
  type,
  ownerTeam: '',
  description: '',
  rotationStrategy: 'manual',
  customMetadata: {},
  settings: {},
  sortOrder: 1,
  lastVersion: 0,
  revision: 1,
  createdBy: actorOf(access),
  createdAt: at,
  updatedAt: at,
  deletedAt: undefined,
})

export const actorOf = (access: SecretAccess): string => access.call.caller?.principal ?? 'anonymous'

type Evicting = Pick<Prepared, 'destroyedUpTo'> & { readonly plan: Plan }

const withEviction = async (ports: PutPorts, { address, defaults, call }: SecretAccess, { keys, snapshot, destroyedUpTo }: PutContext, plan: Plan): Promise<Evicting> => {
  const { secretId, lastVersion, settings } = plan.secret
  const keep = settings.maxVersions || (defaults?.maxVersions ?? 0)
  const until = lastVersion - keep
  if (keep === 0 || snapshot === undefined || until <= destroyedUpTo) return { plan, destroyedUpTo }
  const rows = await ports.writing.versionsBetween(address.orgId, { secretId, after: destroyedUpTo, until })
  const isCurrent = plan.newVersion?.state === 'ACTIVE'
  const spared = isCurrent ? undefined : new Set([currentVersion(snapshot), plan.newVersion?.version ?? 0])
  const old = readVersions(ports, address, keys, { secretId, rows }).filter(({ version }) => spared?.has(version) !== true)
  if (old.length > 0) call.audit.metadata = { ...call.audit.metadata, destroyedVersions: old.map(({ version }) => version).join(',').slice(0, 1000) }
  return {
    plan: { ...plan, versions: [...plan.versions, ...old.map((version) => ({ version, state: 'DESTROYED' as const, expiresAt: version.expiresAt, deletedAt: version.deletedAt }))] },
    destroyedUpTo: isCurrent && rows.length < repository.MOST_OF_RANGE ? until : destroyedUpTo,
  }
}

interface SealContext extends PutContext {
  readonly plan: Plan
  readonly plaintext: Buffer
  readonly created: boolean
}

const seal = async (access: SecretAccess, command: PutCommand, context: SealContext): Promise<Prepared> => {
  const { call, address } = access
  const { plan, keys, plaintext } = context
  const { secret } = plan
  const version = secret.lastVersion
  const sealed = await sealValue(keys, { orgId: address.orgId, secretId: secret.secretId, version, type: secret.type }, plaintext)
  Object.assign(call.audit, { project: address.project, environment: address.environment, path: address.path, version, resourceType: 'secret', resourceId: secret.secretId })
  const action = command.pending ? 'secret.propose' : context.created ? 'secret.create' : 'secret.update'
  const audit = call.writeRecord({ action: call.audit.action ?? action })
  const stamped = stamp(plan, audit.at, lifetime(access, plan, command))
  const written: Written = {
    secretId: secret.secretId, version, state: command.pending ? 'PENDING' : 'CURRENT', type: secret.type, fingerprint: sealed.fingerprint, createdAt: audit.at, created: context.created,
    ...(stamped.newVersion?.expiresAt === undefined ? {} : { expiresAt: stamped.newVersion.expiresAt }), customMetadata: secret.customMetadata,
  }
  const idempotent = context.idempotent === undefined ? undefined : { ...context.idempotent, answer: { ...written } }
  return { written, destroyedUpTo: context.destroyedUpTo, change: { orgId: address.orgId, plan: stamped, sealed, actor: actorOf(access), audit, idempotent } }
}

// The audit record's time is the write's time everywhere, and what a lifetime is counted from.
const stamp = (plan: Plan, at: number, lifetimeSeconds: number): Plan => {
  const { newVersion } = plan
  return {
    ...plan,
    secret: { ...plan.secret, updatedAt: at, ...(plan.expectedRevision === 0 ? { createdAt: at } : {}) },
    newVersion: newVersion === undefined || lifetimeSeconds === 0 ? newVersion : { ...newVersion, expiresAt: at + lifetimeSeconds * 1000 },
  }
}
