// Writing a value: plan from what is committed, encrypt outside any transaction, apply in one statement. The version
// number is part of what the ciphertext is bound to, so a write that lost a race plans and encrypts again.

import { equalBytes } from '../../crypto/compare.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { hmacSha256 } from '../../crypto/mac.ts'
import { makeUuidV7, jitter } from '../../crypto/random.ts'
import { insertRecord, type WrittenRecord } from '../../kernel/audited-write.ts'
import { fail } from '../../kernel/errors.ts'
import { wipe } from '../../lib/bytes.ts'
import { checkCurrent, planPut, type Plan } from './change.ts'
import { currentVersion, type SecretRow, type Snapshot, type ValueType } from '../../kernel/secret-model.ts'
import type { PutCommand, SecretAccess, Written } from '../../kernel/secrets.ts'
import { changeKey, type SecretKeys, type SecretPorts } from './ports.ts'
import * as repository from './repository.ts'
import { loadRecord, readVersions } from './reveal.ts'
import { requireMetadataRights } from './rights.ts'
import { sealValue } from './sealing.ts'
import { encodeValue } from './value.ts'

const ATTEMPTS = 24

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
export const put = async (ports: SecretPorts, access: SecretAccess, command: PutCommand): Promise<Written> => {
  const { call, address } = access
  const keys = await ports.keys(address.orgId)
  const idempotent = idempotency(keys, access, command)
  return optimistically(async () => {
    // A record that was made for an attempt that lost its race belongs to no write.
    call.dropKeptRecords()
    const snapshot = (await loadRecord(ports, address, 'current'))?.snapshot
    if (idempotent !== undefined) {
      // Asked after the secret was read: an earlier request that is in that snapshot has left its answer as well. And before the
      // compare-and-swap, which no longer holds for a repeated request.
      const seen = await ports.database.transaction(address.orgId, (tx) => repository.findIdempotent(tx, address.orgId, idempotent.keyMac), { readOnly: true })
      if (seen !== undefined) return replay(access, command, seen, idempotent.requestMac)
    }
    const prepared = await prepare(ports, access, command, { keys, snapshot, idempotent })
    const applied = await repository.apply(ports.database, prepared.change, keys.purpose('rows'))
    if (applied.status === 'mismatch') throw mismatch()
    // Repeated: the same request was a moment faster; the next look finds what it answered.
    if (applied.status !== 'ok') return 'lost'
    call.changed([{ orgId: address.orgId, kind: 'secret', key: changeKey(address) }])
    return prepared.written
  })
}

export interface Write {
  readonly access: SecretAccess
  readonly command: PutCommand
}

/**
 * All writes or none, with a record for each secret and one for the whole. Planned and encrypted before the transaction: nothing in
 * it waits for another connection or for a key.
 */
export const putMany = async (ports: SecretPorts, writes: readonly Write[]): Promise<readonly Written[]> => {
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
      prepared.push(await prepare(ports, access, command, { keys, snapshot, idempotent: undefined }))
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
  return call.writeRecord({ status: 200 })
}

interface PutContext {
  readonly idempotent: IdempotencyMacs | undefined
  readonly keys: SecretKeys
  readonly snapshot: Snapshot | undefined
}

/** A write that only needs to be applied: permitted, planned, encrypted, its record made. */
interface Prepared {
  readonly change: repository.Change
  readonly written: Written
}

const prepare = async (ports: SecretPorts, access: SecretAccess, command: PutCommand, context: PutContext): Promise<Prepared> => {
  const { call } = access
  const { snapshot, keys } = context
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
    const plan = await withEviction(ports, access, keys, snapshot, planned)
    return await seal(access, command, { ...context, plan, plaintext, created: !alive })
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

const withEviction = async (ports: SecretPorts, { address, defaults, call }: SecretAccess, keys: SecretKeys, snapshot: Snapshot | undefined, plan: Plan): Promise<Plan> => {
  const keep = plan.secret.settings.maxVersions || (defaults?.maxVersions ?? 0)
  if (keep === 0 || snapshot === undefined || plan.secret.lastVersion <= keep) return plan
  const rows = await ports.database.transaction(address.orgId, (tx) => repository.versionsUpTo(tx, address.orgId, plan.secret.secretId, plan.secret.lastVersion - keep))
  const spared = new Set([currentVersion(snapshot), plan.newVersion?.version ?? 0])
  const old = readVersions(ports, address, keys, { secretId: plan.secret.secretId, rows }).filter((version) => plan.newVersion?.state === 'ACTIVE' || !spared.has(version.version))
  if (old.length > 0) call.audit.metadata = { ...call.audit.metadata, destroyedVersions: old.map(({ version }) => version).join(',').slice(0, 1000) }
  return { ...plan, versions: [...plan.versions, ...old.map((version) => ({ version, state: 'DESTROYED' as const, expiresAt: version.expiresAt, deletedAt: version.deletedAt }))] }
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
  const audit = call.writeRecord({ status: command.status, action: call.audit.action ?? action })
  const stamped = stamp(plan, audit.at, lifetime(access, plan, command))
  const written: Written = {
    secretId: secret.secretId, version, state: command.pending ? 'PENDING' : 'CURRENT', type: secret.type, fingerprint: sealed.fingerprint, createdAt: audit.at, created: context.created,
    ...(stamped.newVersion?.expiresAt === undefined ? {} : { expiresAt: stamped.newVersion.expiresAt }), customMetadata: secret.customMetadata,
  }
  const idempotent = context.idempotent === undefined ? undefined : { ...context.idempotent, answer: { ...written } }
  return { written, change: { orgId: address.orgId, plan: stamped, sealed, actor: actorOf(access), audit, idempotent } }
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

const mismatch = (): Error => fail('conflict', 'idempotency.mismatch', 'This idempotency key was used for another request.', { field: 'Idempotency-Key' })

const replay = (access: SecretAccess, command: PutCommand, seen: repository.SeenIdempotent, requestMac: Buffer): Written => {
  if (command.pending) access.authorise('rotate', 'update', 'create')
  else access.authorise('update', 'create')
  if (!equalBytes(seen.requestMac, requestMac)) throw mismatch()
  // Only we write this column, with the write itself; a database that was tampered with can at worst lie about a version number.
  const written = seen.answer as unknown as Written
  Object.assign(access.call.audit, { version: written.version, resourceId: written.secretId, metadata: { ...access.call.audit.metadata, repeated: true } })
  return written
}

interface IdempotencyMacs {
  readonly keyMac: Buffer
  readonly requestMac: Buffer
}

/** How long a retry with the same key gets the same answer is set in secret_apply: ten minutes. */
const idempotency = (keys: SecretKeys, access: SecretAccess, command: PutCommand): IdempotencyMacs | undefined => {
  const { call, address } = access
  if (call.idempotencyKey === undefined) return undefined
  const key = keys.purpose('idempotency')
  const value = Buffer.from(command.value)
  try {
    return {
      keyMac: hmacSha256(key, JSON.stringify([call.caller?.principalId ?? call.caller?.tokenId ?? '', call.idempotencyKey])),
      requestMac: hmacSha256(key, JSON.stringify([address, command.type, command.metadata, command.expiresAt, command.ttlSeconds, command.expectedCurrent, command.pending]), '\n', value),
    }
  } finally {
    wipe(value)
  }
}
