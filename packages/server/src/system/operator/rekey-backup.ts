// sys/rekey/backup: the encrypted copies of shares that a rekey was asked to keep.

import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'
import { requireRoot, type OperatorPort } from './ports.ts'

const common = { tag: 'operator', access: 'policy', scope: 'server', errors: ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] } as const
const copies = (describe: string) => f.map(describe, f.list('Encrypted shares', f.text('One', { max: 16_384 }), { max: 255 }), { max: 255 })
const output = { nonce: f.text('Nonce of the rekey', { max: 128 }), keys: copies('Hexadecimal, by fingerprint'), keysBase64: copies('Base64, by fingerprint') }
const reading = { ...common, method: 'GET', work: 'read', audit: 'operator.rekey-backup-read', summary: 'The encrypted copies of the new shares', input: {}, output } as const
const deleting = { ...common, method: 'DELETE', work: 'write', status: 204, audit: 'operator.rekey-backup-delete', summary: 'Delete the encrypted copies of the new shares', input: {}, output: {} } as const

export const rekeyBackupContracts = {
  read: operation({ ...reading, id: 'operator.rekeyBackup', path: '/v1/sys/rekey/backup' }),
  readRecovery: operation({ ...reading, id: 'operator.rekeyRecoveryBackup', path: '/v1/sys/rekey/recovery-key-backup' }),
  remove: operation({ ...deleting, id: 'operator.deleteRekeyBackup', path: '/v1/sys/rekey/backup' }),
  removeRecovery: operation({ ...deleting, id: 'operator.deleteRekeyRecoveryBackup', path: '/v1/sys/rekey/recovery-key-backup' }),
}

export const rekeyBackupOperations = (port: OperatorPort): readonly Implemented[] => {
  const read = async (apiPath: string, call: Call) => {
    call.authorise('read', { kind: 'platform', apiPath })
    requireRoot(port, call)
    const found = await port.ceremonies.backup()
    if (found === undefined) throw fail('invalid_request', 'rekey.no_backup', 'no backed-up keys found')
    const base64 = (texts: readonly string[]): readonly string[] => texts.map((text) => Buffer.from(text, 'hex').toString('base64'))
    return { ...found, keysBase64: Object.fromEntries(Object.entries(found.keys).map(([fingerprint, texts]) => [fingerprint, base64(texts)])) }
  }
  const remove = async (apiPath: string, call: Call) => {
    call.authorise('delete', { kind: 'platform', apiPath })
    requireRoot(port, call)
    await port.ceremonies.deleteBackup()
    return {}
  }
  return implement(rekeyBackupContracts, {
    read: (_input, call) => read('sys/rekey/backup', call),
    readRecovery: (_input, call) => read('sys/rekey/recovery-key-backup', call),
    remove: (_input, call) => remove('sys/rekey/backup', call),
    removeRecovery: (_input, call) => remove('sys/rekey/recovery-key-backup', call),
  })
}
