// What keys need around them in a test: a cluster row, organizations, a secret's version. Written in plain SQL, because the
// services that own these tables are not what is tested here.

import { sealBytes } from '../../crypto/aead.ts'
import { valueAad } from '../../crypto/envelope.ts'
import { importAesKey, makeKeyBytes } from '../../crypto/keys.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { Database } from '../../kernel/storage.ts'
import { Keyring, type KeyringOptions } from '../keyring.ts'
import { createOrganizationKeys } from '../lifecycle.ts'
import type { OrgKeys } from '../org-keys.ts'
import { importRootKey } from '../root-key.ts'

export interface TestCluster {
  readonly database: Database
  readonly rootOrgId: string
  /** A copy for each use; importing wipes it. */
  rootKey(): Buffer
  keyring(options?: Partial<KeyringOptions>): Keyring
  organization(): Promise<string>
}

/** An initialised database without slots, and a root organization with keys. */
export const testCluster = async (database: Database): Promise<TestCluster> => {
  const bytes = makeKeyBytes()
  const rootKey = (): Buffer => Buffer.from(bytes)
  const rootOrgId = makeUuidV7()
  await database.query('insert into cluster (cluster_id, cluster_name, root_org_id) values ($1, $2, $3)', [makeUuidV7(), 'test', rootOrgId])
  await makeOrganization(database, rootOrgId, 'root')
  await database.transaction(rootOrgId, (tx) => createOrganizationKeys(tx, importRootKey(rootKey(), 1), rootOrgId, { platform: true }))
  return {
    database, rootOrgId, rootKey,
    keyring: (options = {}) => new Keyring({ database, root: importRootKey(rootKey(), 1), ...options }),
    async organization() {
      const orgId = makeUuidV7()
      await makeOrganization(database, orgId, `org-${orgId.slice(-12)}`)
      await database.transaction(orgId, (tx) => createOrganizationKeys(tx, importRootKey(rootKey(), 1), orgId))
      return orgId
    },
  }
}

const makeOrganization = async (database: Database, orgId: string, slug: string): Promise<void> => {
  await database.query(`insert into organizations (org_id, slug, short_id, name, state, row_version, mac) values ($1, $2, $3, $2, 'active', 1, '\\x00')`, [orgId, slug, orgId.slice(-12)])
}

export interface StoredVersion {
  readonly secretId: string
  readonly version: number
}

/** Stores secrets' versions with real DEKs; `values` are their plaintexts, one secret each. */
export const storeSecrets = async (database: Database, keys: OrgKeys, values: readonly string[]): Promise<StoredVersion[]> => {
  const { orgId } = keys
  const mountId = makeUuidV7()
  const stored: StoredVersion[] = []
  await database.transaction(orgId, (tx) => tx.query(
    `insert into mounts (org_id, mount_id, class, path, type, row_version, mac) values ($1::uuid, $2::uuid, 'secret', $2::text, 'kv', 1, '\\x00')`, [orgId, mountId]))
  for (const value of values) {
    const place = { secretId: makeUuidV7(), version: 1 }
    const dek = makeKeyBytes()
    const wrapped = await keys.wrapDek(dek, place)
    const ciphertext = sealBytes(importAesKey(dek), Buffer.from(value), valueAad({ orgId, ...place, type: 'text' }))
    await database.transaction(orgId, async (tx) => {
      await tx.query(
        `insert into secrets (org_id, secret_id, mount_id, environment, path, type, revision, created_by, created_at, updated_at, mac)
         values ($1::uuid, $2::uuid, $3, 'default', $2::text, 'text', 1, 'test', now(), now(), '\\x00')`, [orgId, place.secretId, mountId])
      await tx.query(
        `insert into secret_versions (org_id, secret_id, version, type, ciphertext, wrapped_dek, kek_id, kek_version, state, fingerprint, created_by, created_at, row_version, mac)
         values ($1, $2, $3, 'text', $4, $5, $6, $7, 'ACTIVE', '', 'test', now(), 1, '\\x01')`,
        [orgId, place.secretId, place.version, ciphertext, wrapped.wrapped, wrapped.kekId, wrapped.kekVersion])
    })
    stored.push(place)
  }
  return stored
}
