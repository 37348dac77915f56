// What a document of values would change, told by fingerprints: nothing is decrypted. Whoever learns whether a value is the stored one
// can test guesses, so that is told only to those who may reveal it; to others who may write, every existing value is a change.

import { fail } from '../../kernel/errors.ts'
import type { SecretAddress, Snapshot } from '../../kernel/secret-model.ts'
import type { Compared, CompareOptions, SecretAccess } from '../../kernel/secrets.ts'
import type { SecretKeys, SecretPorts } from './ports.ts'
import * as repository from './repository.ts'
import { readable } from './reading.ts'
import { readRow } from './reveal.ts'
import { valueFingerprint } from './sealing.ts'
import { wipe } from '../../lib/bytes.ts'

export const compare = async (ports: SecretPorts, access: SecretAccess, values: ReadonlyMap<string, string>, options: CompareOptions): Promise<ReadonlyMap<string, Compared>> => {
  access.authorise('list', 'read')
  const { address, call } = access
  const keys = await ports.keys(address.orgId)
  const rows = await repository.lookupAll(ports.database, address, 'current', options.limit + 1)
  if (rows.length > options.limit) throw fail('invalid_request', 'secret.too_many', `More than ${options.limit} secrets are below this path. Ask for a deeper one.`, { field: 'prefix' })
  const out = new Map<string, Compared>()
  for (const row of rows) {
    const value = values.get(row.path)
    if (value === undefined) {
      if (options.maySee(row.path)) out.set(row.path, 'remote-only')
    } else if (options.mayCompare(row.path)) {
      const snapshot = readRow(ports, { ...address, selector: 'current' }, keys, row)
      const same = options.mayReveal(row.path) && readable(snapshot, { ...address, path: row.path }, 'current', call.now()) && isStored(keys, address, snapshot, value)
      out.set(row.path, same ? 'unchanged' : 'update')
    }
  }
  for (const path of values.keys()) if (!out.has(path)) out.set(path, options.mayCompare(path) ? 'create' : 'refused')
  return out
}

const isStored = (keys: SecretKeys, { orgId }: SecretAddress, { secret: { secretId }, selected }: Snapshot, text: string): boolean => {
  const bytes = Buffer.from(text)
  try {
    return selected?.fingerprint === valueFingerprint(keys, { orgId, secretId }, bytes)
  } finally {
    wipe(bytes)
  }
}
