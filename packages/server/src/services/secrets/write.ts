// Writing a value: plan from what is committed, encrypt outside any transaction, apply in one statement. The version
// number is part of what the ciphertext is bound to, so a write that lost a race plans and encrypts again.

import { equalBytes } from '../../crypto/compare.ts'
import { hmacSha256 } from '../../crypto/mac.ts'
import { makeUuidV7, jitter } from '../../crypto/random.ts'
import type { Queryable } from '../../kernel/storage.ts'
import { fail } from '../../kernel/errors.ts'
import { wipe } from '../../lib/bytes.ts'
import { checkCurrent, planPut, type Plan } from './change.ts'
import { currentVersion, type SecretAddress, type SecretRow, type Snapshot, type ValueType } from '../../kernel/secret-model.ts'
import type { PutCommand, SecretAccess, Written } from '../../kernel/secrets.ts'
import { changeKey, type SecretKeys, type SecretPorts } from './ports.ts'
import * as repository from './repository.ts'
import { loadFresh } from './reveal.ts'
import { readVersion } from './rows.ts'
import { sealValue, valueFingerprint } from './sealing.ts'
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
  const keys = await ports.keys(access.address.orgId)
  const idempotent = idempotency(keys, access, command)
  if (idempotent !== undefined) {
    // Asked first, because the compare-and-swap of a repeated request no longer holds.
    const seen = await ports.database.transaction(access.address.orgId, (tx) => repository.findIdempotent(tx, access.address.orgId, idempotent.keyMac))
    if (seen !== undefined) return replay(access, command, seen, idempotent.requestMac)
  }
  return optimistically(async () => {
    const loaded = await loadFresh(ports, access.address, 'current')
    return putOnce(ports, access, command, { keys, db: ports.database, snapshot: loaded?.snapshot, idempotent })
  })
}

/** The same as a part of the caller's transaction, which a lost race fails as a whole. @throws conflict */
export const putIn = async (ports: SecretPorts, access: SecretAccess, command: PutCommand, tx: Queryable): Promise<Written> => {
  const keys = await ports.keys(access.address.orgId)
  const loaded = await loadFresh({ ...ports, database: { ...ports.database, query: tx.query.bind(tx) } }, access.address, 'current')
  const written = await putOnce(ports, access, command, { keys, db: tx, snapshot: loaded?.snapshot, idempotent: undefined })
  if (written === 'lost') throw fail('conflict', 'secret.busy', 'A secret was changed by somebody else meanwhile; nothing was written. Try again.', { retryAfterSeconds: 1 })
  return written
}

interface PutContext {
  readonly idempotent: IdempotencyMacs | undefined
  readonly keys: SecretKeys
  readonly db: Queryable
  readonly snapshot: Snapshot | undefined
}

const putOnce = async (ports: SecretPorts, access: SecretAccess, command: PutCommand, context: PutContext): Promise<Written | 'lost'> => {
  const { call, address } = access
  const { snapshot, keys } = context
  const alive = snapshot !== undefined && snapshot.secret.deletedAt === undefined
  // The bytes are encoded before permission is asked, but nothing is told of them: a 400 about the value leaks nothing.
  if (command.pending) access.authorise('rotate', alive ? 'update' : 'create')
  else access.authorise(alive ? 'update' : 'create')
  const at = call.now()
  const type = command.type ?? snapshot?.secret.type ?? 'text'
  const plaintext = encodeValue(command.value, type, ports.limits.valueBytes)
  try {
    checkCurrent(snapshot, requiredCas(snapshot, command))
    const plan = await withEviction(ports, address, keys, snapshot, planPut(snapshot, freshRow(access, type, at), { ...command.metadata, type }, { at, expiresAt: expiry(snapshot, command, at), pending: command.pending }))
    return await seal(access, command, { ...context, plan, plaintext, at, created: !alive })
  } finally {
    wipe(plaintext)
  }
}

const requiredCas = (snapshot: Snapshot | undefined, command: PutCommand): number | undefined => {
  if (snapshot?.secret.settings.casRequired === true && command.expectedCurrent === undefined && !command.pending) {
    throw fail('invalid_request', 'secret.cas_required', 'This secret takes writes only with the version that you expect to be current.', { field: 'expectedPreviousVersion' })
  }
  return command.expectedCurrent
}

const expiry = (snapshot: Snapshot | undefined, command: PutCommand, at: number): number | undefined => {
  if (command.expiresAt !== undefined) return command.expiresAt
  const seconds = (command.metadata.settings ?? snapshot?.secret.settings)?.deleteVersionAfterSeconds
  return seconds === undefined || seconds === 0 ? undefined : at + seconds * 1000
}

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

const withEviction = async (ports: SecretPorts, address: SecretAddress, keys: SecretKeys, snapshot: Snapshot | undefined, plan: Plan): Promise<Plan> => {
  const keep = plan.secret.settings.maxVersions ?? 0
  if (keep === 0 || snapshot === undefined || plan.secret.lastVersion <= keep) return plan
  const rows = await ports.database.transaction(address.orgId, (tx) => repository.versionsUpTo(tx, address.orgId, plan.secret.secretId, plan.secret.lastVersion - keep))
  const spared = new Set([currentVersion(snapshot), plan.newVersion?.version ?? 0])
  const old = rows.map((row) => readVersion(plan.secret.secretId, row, keys.purposeVersions('rows'))).filter((version) => plan.newVersion?.state === 'ACTIVE' || !spared.has(version.version))
  return { ...plan, versions: [...plan.versions, ...old.map((version) => ({ version, state: 'DESTROYED' as const, expiresAt: version.expiresAt, deletedAt: version.deletedAt }))] }
}

interface SealContext extends PutContext {
  readonly plan: Plan
  readonly plaintext: Buffer
  readonly at: number
  readonly created: boolean
}

const seal = async (access: SecretAccess, command: PutCommand, context: SealContext): Promise<Written | 'lost'> => {
  const { call, address } = access
  const { plan, keys, plaintext } = context
  const { secret } = plan
  const version = secret.lastVersion
  const sealed = await sealValue(keys, { orgId: address.orgId, secretId: secret.secretId, version, type: secret.type }, plaintext)
  call.audit.version = version
  call.audit.resourceId = secret.secretId
  const audit = call.writeRecord({ status: command.status, action: command.pending ? 'secret.propose' : context.created ? 'secret.create' : 'secret.update' })
  const written: Written = { secretId: secret.secretId, version, state: command.pending ? 'PENDING' : 'CURRENT', type: secret.type, fingerprint: sealed.fingerprint, createdAt: audit.at, created: context.created }
  const idempotent = context.idempotent === undefined ? undefined : { ...context.idempotent, answer: { ...written } }
  const applied = await repository.apply(context.db, { orgId: address.orgId, plan: stamp(plan, audit.at, context.created), sealed, actor: actorOf(access), audit, idempotent }, keys.purpose('rows'))
  if (applied.status === 'conflict' || applied.status === 'exists') return 'lost'
  if (applied.status === 'mismatch') throw mismatch()
  if (applied.status === 'repeated') return repeated(applied.answer)
  call.changed([{ orgId: address.orgId, kind: 'secret', key: changeKey(address) }])
  return written
}

// The audit record's time is the write's time everywhere.
const stamp = (plan: Plan, at: number, created: boolean): Plan => ({ ...plan, secret: { ...plan.secret, updatedAt: at, ...(created && plan.expectedRevision === 0 ? { createdAt: at } : {}) } })

const repeated = (answer: Readonly<Record<string, unknown>>): Written => {
  // Only we write this column, in the statement above; a database that was tampered with can at worst lie about a version number.
  return answer as unknown as Written
}

const mismatch = (): Error => fail('conflict', 'idempotency.mismatch', 'This idempotency key was used for another request.', { field: 'Idempotency-Key' })

const replay = (access: SecretAccess, command: PutCommand, seen: repository.SeenIdempotent, requestMac: Buffer): Written => {
  if (command.pending) access.authorise('rotate', 'update', 'create')
  else access.authorise('update', 'create')
  if (!equalBytes(seen.requestMac, requestMac)) throw mismatch()
  return repeated(seen.answer)
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
      requestMac: hmacSha256(key, JSON.stringify([address, command.type, command.metadata, command.expiresAt, command.expectedCurrent, command.pending]), '\n', value),
    }
  } finally {
    wipe(value)
  }
}

/** Whether the value differs from the stored one, told by fingerprint: no decryption. */
export const isUnchanged = async (ports: SecretPorts, address: SecretAddress, snapshot: Snapshot, text: string): Promise<boolean> => {
  const keys = await ports.keys(address.orgId)
  const bytes = Buffer.from(text)
  try {
    return snapshot.selected?.fingerprint === valueFingerprint(keys, { orgId: address.orgId, secretId: snapshot.secret.secretId }, bytes)
  } finally {
    wipe(bytes)
  }
}
