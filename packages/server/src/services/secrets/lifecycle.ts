// Everything that changes a secret but for writing a value: promotion, aliases, states of versions, deletion, metadata.
// Each is one plan, applied in one statement; what takes something away waits until no worker serves it any more.

import { fail, quote } from '../../kernel/errors.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Action } from '../../kernel/call.ts'
import { checkCurrent, planAlias, planDelete, planDestroy, planDisable, planEnable, planMetadata, planPromote, planRegister, planRestore, planVersionDeletion, type Plan } from './change.ts'
import { currentVersion, type AliasRow, type SecretRow, type Snapshot, type ValueType, type VersionRow } from '../../kernel/secret-model.ts'
import type { ChangedSecret, MetadataPatch, SecretAccess, Written } from '../../kernel/secrets.ts'
import { changeKey, type SecretPorts } from './ports.ts'
import * as repository from './repository.ts'
import { requireMetadataRights } from './rights.ts'
import { loadFresh, loadRecord, open, readVersions, requireSecret } from './reveal.ts'
import { actorOf, freshRow, optimistically, put, type PutPorts } from './write.ts'
import { wipe } from '../../lib/bytes.ts'

interface ChangeOptions {
  readonly actions: readonly [Action, ...Action[]]
  readonly audit: string
  /** Deleted secrets are found, too. */
  readonly deleted?: boolean
  /** Wait until no worker serves what this takes away. */
  readonly confirm?: boolean
}

type Planner = (snapshot: Snapshot, versions: (numbers: readonly number[]) => Promise<readonly VersionRow[]>, at: number) => Promise<Plan> | Plan

/** Runs one planned change; returns the secret as it is afterwards. */
const change = async (ports: SecretPorts, access: SecretAccess, options: ChangeOptions, planner: Planner): Promise<ChangedSecret> => {
  const { call, address } = access
  access.authorise(...options.actions)
  const keys = await ports.keys(address.orgId)
  const done = await optimistically(async () => {
    const loaded = await loadRecord(ports, address, 'current')
    const snapshot = options.deleted === true && loaded !== null ? loaded.snapshot : requireSecret(loaded, address).snapshot
    const { secretId } = snapshot.secret
    const versions = async (numbers: readonly number[]): Promise<readonly VersionRow[]> => {
      const rows = await ports.database.transaction(address.orgId, (tx) => repository.getVersions(tx, address.orgId, secretId, numbers))
      return readVersions(ports, address, keys, { secretId, rows })
    }
    const plan = await planner(snapshot, versions, call.now())
    call.audit.resourceId = secretId
    const audit = call.writeRecord({ action: options.audit })
    const applied = await repository.apply(ports.database, { orgId: address.orgId, plan, sealed: undefined, actor: actorOf(access), audit, idempotent: undefined }, keys.purpose('rows'))
    return applied.status === 'ok' ? { xid: applied.xid, secret: { ...plan.secret, updatedAt: audit.at, currentVersion: currentAfter(snapshot, plan) } } : 'lost'
  })
  call.changed([{ orgId: address.orgId, kind: 'secret', key: changeKey(address) }])
  if (options.confirm === true) await call.confirm(done.xid)
  return done.secret
}

const currentAfter = (snapshot: Snapshot, plan: Plan): number => plan.aliases.find(({ alias }) => alias === 'current')?.version ?? currentVersion(snapshot)

const only = async (versions: (numbers: readonly number[]) => Promise<readonly VersionRow[]>, number: number): Promise<VersionRow> => {
  const found = (await versions([number]))[0]
  if (found === undefined) throw fail('not_found', 'secret.version_not_found', `There is no version ${number}.`)
  return found
}

/** The version that an alias or a number names. @throws not_found */
const resolve = (snapshot: Snapshot, selector: string): number => {
  if (/^[0-9]+$/.test(selector)) return Number(selector)
  const alias = snapshot.aliases.get(selector)
  if (alias === undefined) throw fail('not_found', 'secret.alias_not_found', `The secret has no alias ${quote(selector)}.`)
  return alias.version
}

/** Registers a path without a value. @throws conflict when it is taken */
export const register = async (ports: SecretPorts, access: SecretAccess, command: { readonly type: ValueType; readonly metadata: MetadataPatch }): Promise<SecretRow> => {
  const { call, address } = access
  access.authorise('create')
  const keys = await ports.keys(address.orgId)
  const fresh = freshRow(access, command.type, call.now())
  call.audit.resourceId = fresh.secretId
  const audit = call.writeRecord({ action: 'secret.create' })
  const metadata = command.metadata
  const secret: SecretRow = {
    ...fresh,
    createdAt: audit.at,
    updatedAt: audit.at,
    ownerTeam: metadata.ownerTeam ?? '',
    description: metadata.description ?? '',
    rotationStrategy: metadata.rotationStrategy ?? 'manual',
    customMetadata: metadata.customMetadata ?? {},
    settings: metadata.settings ?? {},
    sortOrder: metadata.sortOrder ?? 1,
  }
  const applied = await repository.apply(ports.database, { orgId: address.orgId, plan: planRegister(secret), sealed: undefined, actor: actorOf(access), audit, idempotent: undefined }, keys.purpose('rows'))
  if (applied.status !== 'ok') throw fail('conflict', 'secret.exists', `The secret ${quote(address.path)} exists already in ${quote(address.environment)}.`, { field: 'path' })
  call.changed([{ orgId: address.orgId, kind: 'secret', key: changeKey(address) }])
  return secret
}

/** Makes a version current by compare-and-swap. The replaced one stays readable as `previous`. */
export const promote = async (ports: SecretPorts, access: SecretAccess, command: { readonly version: number; readonly expectedCurrent: number | undefined }): Promise<AliasRow> => {
  access.call.audit.version = command.version
  const secret = await change(ports, access, { actions: ['rotate', 'update'], audit: 'secret.promote' }, async (snapshot, versions, at) => {
    checkCurrent(snapshot, command.expectedCurrent)
    return planPromote(snapshot, await only(versions, command.version), at)
  })
  return { alias: 'current', version: command.version, updatedAt: secret.updatedAt }
}

/** Points a custom alias, or `next`, to a version; `version` undefined removes it. */
export const setAlias = async (ports: SecretPorts, access: SecretAccess, command: { readonly alias: string; readonly version: number | undefined; readonly expectedVersion: number | undefined }): Promise<AliasRow> => {
  access.call.audit.version = command.version
  const secret = await change(ports, access, { actions: ['rotate', 'update'], audit: 'secret.alias', confirm: command.version === undefined }, async (snapshot, versions, at) => {
    const found = snapshot.aliases.get(command.alias)?.version ?? 0
    if (command.expectedVersion !== undefined && command.expectedVersion !== found) {
      throw fail('conflict', 'secret.version_conflict', `The alias ${command.alias} names version ${found}, not ${command.expectedVersion}.`, { field: 'expectedPreviousVersion' })
    }
    return planAlias(snapshot, command.alias, command.version === undefined ? undefined : await only(versions, command.version), at)
  })
  return { alias: command.alias, version: command.version ?? 0, updatedAt: secret.updatedAt }
}

/** A new version with the value of an old one, freshly encrypted, so that history shows the rollback. */
export const rollback = async (ports: PutPorts, access: SecretAccess, command: { readonly selector: string; readonly expectedCurrent: number | undefined }): Promise<Written> => {
  const { call, address } = access
  const grant = access.authorise('update', 'rotate')
  const current = requireSecret(await loadRecord(ports, address, 'current'), address)
  const selector = String(resolve(current.snapshot, command.selector))
  const old = requireSecret(await loadFresh(ports, address, selector), address)
  const opened = open(ports, grant, address, old, selector, call.now())
  try {
    call.audit.metadata = { ...call.audit.metadata, rolledBackTo: opened.version.version }
    return await put(ports, { ...access, authorise: () => grant }, {
      value: opened.plaintext.toString('utf8'),
      type: opened.type,
      metadata: {},
      expiresAt: undefined,
      expectedCurrent: command.expectedCurrent ?? currentVersion(current.snapshot),
      pending: false,
    })
  } finally {
    wipe(opened.plaintext)
  }
}

export const disable = async (ports: SecretPorts, access: SecretAccess, command: { readonly version: number; readonly force: boolean }): Promise<void> => {
  access.call.audit.version = command.version
  await change(ports, access, { actions: ['delete'], audit: 'secret.disable', confirm: true }, async (snapshot, versions, at) => planDisable(snapshot, await only(versions, command.version), { force: command.force, at }))
}

export const enable = async (ports: SecretPorts, access: SecretAccess, command: { readonly version: number }): Promise<void> => {
  access.call.audit.version = command.version
  await change(ports, access, { actions: ['undelete'], audit: 'secret.enable' }, async (snapshot, versions, at) => planEnable(snapshot, await only(versions, command.version), at))
}

/** Erases ciphertext and keys of versions. */
export const destroy = async (ports: SecretPorts, access: SecretAccess, command: { readonly versions: readonly number[]; readonly force: boolean; readonly mustExist?: boolean }): Promise<void> => {
  access.call.audit.version = command.versions[0]
  await change(ports, access, { actions: ['destroy'], audit: 'secret.destroy', confirm: true }, async (snapshot, versions, at) => {
    const found = await versions(command.versions)
    if (command.mustExist === true && found.length < command.versions.length) throw fail('not_found', 'secret.version_not_found', 'The secret has no such version.')
    return planDestroy(snapshot, found, { force: command.force, at })
  })
}

/** KV's delete and undelete of versions: `deleted` false clears the deletion time. */
export const setVersionsDeleted = async (ports: SecretPorts, access: SecretAccess, command: { readonly selectors: readonly string[]; readonly deleted: boolean }): Promise<void> => {
  const actions: ChangeOptions['actions'] = [command.deleted ? 'delete' : 'undelete']
  await change(ports, access, { actions, audit: command.deleted ? 'secret.version-delete' : 'secret.version-undelete', confirm: command.deleted }, async (snapshot, versions, at) => {
    const numbers = command.selectors.map((selector) => resolve(snapshot, selector))
    return planVersionDeletion(snapshot, await versions(numbers), command.deleted ? at : undefined, at)
  })
}

/** Soft delete. */
export const remove = (ports: SecretPorts, access: SecretAccess): Promise<ChangedSecret> =>
  change(ports, access, { actions: ['delete'], audit: 'secret.delete', confirm: true }, (snapshot, _versions, at) => planDelete(snapshot, at))

export const restore = (ports: SecretPorts, access: SecretAccess): Promise<ChangedSecret> =>
  change(ports, access, { actions: ['undelete'], audit: 'secret.restore', deleted: true }, (snapshot, _versions, at) => planRestore(snapshot, at))

export const updateMetadata = (ports: SecretPorts, access: SecretAccess, patch: MetadataPatch): Promise<ChangedSecret> => {
  return change(ports, access, { actions: ['update', 'administer'], audit: 'secret.metadata' }, (snapshot, _versions, at) => {
    requireMetadataRights(access, snapshot, patch)
    return planMetadata(snapshot, patch, at)
  })
}

/** Removes a secret and all its versions for good. It need not be soft-deleted first. */
export const purge = async (ports: SecretPorts, access: SecretAccess): Promise<void> => {
  const { call, address } = access
  access.authorise('destroy')
  await optimistically(async () => {
    const loaded = await loadRecord(ports, address, 'current')
    if (loaded === null) throw fail('not_found', 'secret.not_found', `There is no secret ${quote(address.path)} in ${quote(address.environment)}.`)
    const { secret } = loaded.snapshot
    call.audit.resourceId = secret.secretId
    try {
      return await auditedWrite(ports.database, call, { action: 'secret.purge', confirm: true }, async (tx, note) => {
        if (!(await repository.purge(tx, address.orgId, secret.secretId, secret.revision))) throw new LostRace()
        note('secret', changeKey(address))
        return 'purged' as const
      })
    } catch (error) {
      if (error instanceof LostRace) return 'lost'
      throw error
    }
  })
}

class LostRace extends Error {}
