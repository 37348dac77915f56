// The one service behind every contract over secrets.

import type { Queryable } from '../../kernel/storage.ts'
import type { PutCommand, SecretAccess, SecretsPort, Written } from '../../kernel/secrets.ts'
import * as lifecycle from './lifecycle.ts'
import { changeKey, type SecretPorts } from './ports.ts'
import * as reading from './reading.ts'
import { readRow } from './reveal.ts'
import * as repository from './repository.ts'
import { isUnchanged, put, putIn } from './write.ts'
import { insertRecord } from '../../kernel/audited-write.ts'

export const makeSecrets = (ports: SecretPorts): SecretsPort => ({
  put: (access, command) => put(ports, access, command),
  putMany: (writes) => putMany(ports, writes),
  register: (access, command) => lifecycle.register(ports, access, command),
  reveal: (access, selector) => reading.reveal(ports, access, selector),
  revealAll: (access, options) => reading.revealAll(ports, access, options),
  metadata: (access, options) => reading.metadata(ports, access, options),
  list: (access, page) => reading.list(ports, access, page),
  children: (access, page) => reading.children(ports, access, page),
  environmentsInUse: (access) => reading.environmentsInUse(ports, access),
  history: (access, page) => reading.history(ports, access, page),
  promote: (access, command) => lifecycle.promote(ports, access, command),
  setAlias: (access, command) => lifecycle.setAlias(ports, access, command),
  rollback: (access, command) => lifecycle.rollback(ports, access, command),
  disable: (access, command) => lifecycle.disable(ports, access, command),
  enable: (access, command) => lifecycle.enable(ports, access, command),
  destroy: (access, command) => lifecycle.destroy(ports, access, command),
  setVersionsDeleted: (access, command) => lifecycle.setVersionsDeleted(ports, access, command),
  remove: (access) => lifecycle.remove(ports, access),
  restore: (access) => lifecycle.restore(ports, access),
  purge: (access) => lifecycle.purge(ports, access),
  updateMetadata: (access, patch) => lifecycle.updateMetadata(ports, access, patch),
  compare: (access, values, limit) => compare(ports, access, values, limit),
  locate: (orgId, secretId) => reading.locate(ports, orgId, secretId),
})

interface Write {
  readonly access: SecretAccess
  readonly command: PutCommand
}

/** All writes or none: one transaction, with a record for each secret and one for the document. */
const putMany = async (ports: SecretPorts, writes: readonly Write[]): Promise<readonly Written[]> => {
  const first = writes[0]
  if (first === undefined) return []
  const { call, address } = first.access
  const written = await ports.database.transaction(address.orgId, async (tx) => {
    const out: Written[] = []
    call.dropKeptRecords()
    for (const { access, command } of writes) {
      out.push(await putIn(ports, access, command, tx))
      call.keepRecord()
    }
    await insertSummary(tx, first.access, out.length)
    return out
  })
  call.changed(writes.map(({ access }) => ({ orgId: access.address.orgId, kind: 'secret', key: changeKey(access.address) })))
  return written
}

const insertSummary = async (tx: Queryable, { call, address }: SecretAccess, count: number): Promise<void> => {
  call.audit.path = undefined
  call.audit.version = undefined
  call.audit.resourceId = undefined
  call.audit.metadata = { ...call.audit.metadata, written: count }
  await insertRecord(tx, address.orgId, call.writeRecord({ status: 200 }))
}

const compare: (...args: [SecretPorts, ...Parameters<SecretsPort['compare']>]) => ReturnType<SecretsPort['compare']> = async (ports, access, values, limit) => {
  access.authorise('list', 'read')
  const { address } = access
  const keys = await ports.keys(address.orgId)
  const rows = await repository.lookupAll(ports.database, address, 'current', limit)
  const out = new Map<string, 'create' | 'update' | 'unchanged' | 'remote-only'>()
  for (const row of rows) {
    const value = values.get(row.path)
    const snapshot = readRow(ports, address.orgId, keys, row)
    if (value === undefined) out.set(row.path, 'remote-only')
    else out.set(row.path, (await isUnchanged(ports, { ...address, path: row.path }, snapshot, value)) ? 'unchanged' : 'update')
  }
  for (const path of values.keys()) if (!out.has(path)) out.set(path, 'create')
  return out
}
