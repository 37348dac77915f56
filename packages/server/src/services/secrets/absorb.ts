// Taking secrets of the default environment into an environment that is being registered over their paths. The id, and so
// the encryption, stays; only where the row says it lives changes.

import { equalBytes } from '../../crypto/compare.ts'
import { insertChange } from '../../kernel/audited-write.ts'
import { fail } from '../../kernel/errors.ts'
import type { Transaction } from '../../kernel/storage.ts'
import { valueTypes } from '../../kernel/secret-model.ts'
import { changeKey, type SecretKeys } from './ports.ts'
import * as repository from './repository.ts'
import { macSecret } from './rows.ts'

/** Runs inside the transaction that registers the environment. @throws internal when a row's MAC does not hold */
export const absorb = async (keys: SecretKeys, tx: Transaction, orgId: string, mountId: string, slug: string): Promise<void> => {
  for (const row of await repository.lockBelow(tx, orgId, mountId, slug)) {
    const type = valueTypes.find((known) => known === row.type) ?? 'text'
    const before = { secretId: row.secret_id, mountId, environment: row.environment, path: row.path, type, lastVersion: row.last_version, revision: row.revision, deletedAt: row.deleted_at?.getTime() }
    if (!keys.purposeVersions('rows').some(({ key }) => equalBytes(macSecret(key, before), row.mac))) {
      throw fail('internal', 'secret.integrity', 'A stored secret failed its integrity check; nothing was moved.')
    }
    const after = { ...before, environment: slug, path: row.path.slice(slug.length + 1), revision: row.revision + 1 }
    await repository.relocate(tx, orgId, row.secret_id, { environment: after.environment, path: after.path, revision: after.revision, mac: macSecret(keys.purpose('rows'), after) })
    for (const place of [before, after]) await insertChange(tx, { orgId, kind: 'secret', key: changeKey(place) })
  }
}
