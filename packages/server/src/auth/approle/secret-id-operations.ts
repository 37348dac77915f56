// The contract of secret ids, as Vault has it.

import { cidrs, seconds } from '../../kernel/auth/token-settings.ts'
import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'
import { errors, roleName, tag, uses } from './operations.ts'

const secretId = f.secret('Secret id', { max: 4096 })
const accessor = f.text('Accessor of a secret id', { max: 256 })
const time = (describe: string) => f.text(describe, { max: 40 })

const making = {
  metadata: f.text('JSON object of texts: goes into tokens and records', { max: 65_536 }).optional(),
  cidrList: cidrs('Addresses from which it may be used').optional(),
  tokenBoundCidrs: cidrs('Addresses from which its tokens may be used').optional(),
  numUses: uses('Uses; absent: the role\'s').optional(),
  ttl: seconds('Life; absent: the role\'s').optional(),
}
const made = { secretId, secretIdAccessor: accessor, secretIdTtl: f.int('Seconds; 0: for ever', { min: 0, max: Number.MAX_SAFE_INTEGER }), secretIdNumUses: uses('Uses; 0: unlimited') }

const shown = {
  cidrList: cidrs('Addresses'), creationTime: time('When it was made'), expirationTime: time('When it ends'), lastUpdatedTime: time('When it was last used or changed'),
  metadata: f.labels('Metadata', { maxKeys: 128, maxKey: 512, maxValue: 4096 }), secretIdAccessor: accessor, secretIdNumUses: uses('Uses left; 0: unlimited'), secretIdTtl: f.int('Seconds', { min: 0, max: Number.MAX_SAFE_INTEGER }), tokenBoundCidrs: cidrs('Addresses'),
}

const write = { tag, access: 'policy', work: 'write', errors } as const
const base = '/role/:role'

export const makeSecretId = operation({ ...write, id: 'approle.makeSecretId', method: 'POST', path: `${base}/secret-id`, audit: 'auth.secret-id-make', summary: 'Make a secret id', input: { role: roleName, ...making }, output: made })
export const pushSecretId = operation({ ...write, id: 'approle.pushSecretId', method: 'POST', path: `${base}/custom-secret-id`, audit: 'auth.secret-id-make', summary: 'Take a secret id that the caller chose', input: { role: roleName, secretId: secretId.optional(), ...making }, output: made })
export const listSecretIds = operation({ ...write, id: 'approle.listSecretIds', method: 'LIST', path: `${base}/secret-id`, audit: 'auth.secret-id-list', work: 'list', summary: 'List accessors of secret ids', input: { role: roleName }, output: { keys: f.list('Accessors', accessor, { max: 1_000_000 }) } })
export const lookupSecretId = operation({ ...write, id: 'approle.lookupSecretId', method: 'POST', path: `${base}/secret-id/lookup`, audit: 'auth.secret-id-read', summary: 'Read what is known of a secret id', input: { role: roleName, secretId: secretId.optional() }, output: shown })
export const destroySecretId = operation({ ...write, id: 'approle.destroySecretId', method: 'POST', path: `${base}/secret-id/destroy`, audit: 'auth.secret-id-destroy', status: 204, summary: 'Destroy a secret id', input: { role: roleName, secretId: secretId.optional() }, output: {} })
export const deleteSecretId = operation({ ...write, id: 'approle.deleteSecretId', method: 'DELETE', path: `${base}/secret-id/destroy`, audit: 'auth.secret-id-destroy', status: 204, summary: 'Destroy a secret id', input: { role: roleName, secretId: secretId.in('body').optional() }, output: {} })
export const lookupAccessor = operation({ ...write, id: 'approle.lookupAccessor', method: 'POST', path: `${base}/secret-id-accessor/lookup`, audit: 'auth.secret-id-read', summary: 'Read what is known of a secret id by its accessor', input: { role: roleName, secretIdAccessor: accessor.optional() }, output: shown })
export const destroyAccessor = operation({ ...write, id: 'approle.destroyAccessor', method: 'POST', path: `${base}/secret-id-accessor/destroy`, audit: 'auth.secret-id-destroy', status: 204, summary: 'Destroy a secret id by its accessor', input: { role: roleName, secretIdAccessor: accessor.optional() }, output: {} })
export const deleteAccessor = operation({ ...write, id: 'approle.deleteAccessor', method: 'DELETE', path: `${base}/secret-id-accessor/destroy`, audit: 'auth.secret-id-destroy', status: 204, summary: 'Destroy a secret id by its accessor', input: { role: roleName, secretIdAccessor: accessor.in('body').optional() }, output: {} })
export const tidy = operation({ ...write, id: 'approle.tidy', method: 'POST', path: '/tidy/secret-id', audit: 'auth.tidy', status: 202, summary: 'Remove secret ids that have expired', input: {}, output: { warnings: f.list('Warnings', f.text('Warning', { max: 256 }), { max: 4 }) } })
