// The contract of KV version 2, as Vault has it: the same secrets as the native door's, seen as maps.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'kv'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const path = f.text('Path of the secret', { max: 1024, min: 1 })
const MAX = 1024 * 1024
const document = (describe: string) => f.json(describe, { maxBytes: MAX })
const number = (describe: string) => f.int(describe, { min: 0, max: Number.MAX_SAFE_INTEGER })
// What is below 1 means the current version, as in Vault.
const anyNumber = (describe: string) => f.int(describe, { min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })
const options = { options: document('Options: `cas` is the version that you expect to be current').optional(), version: anyNumber('Accepted and without effect').optional() }
const instant = (describe: string) => f.text(describe, { max: 40 })

const versionMetadata = {
  version: number('Version'),
  createdTime: instant('When it was made'),
  deletionTime: instant('When it is deleted; empty: not'),
  destroyed: f.bool('Whether its value is erased'),
  customMetadata: f.labels('Custom metadata').nullable(),
}

export const readData = operation({
  id: 'kv.readData', method: 'GET', path: '/data/:path+', tag, access: 'policy', audit: 'secret.reveal', work: 'read', errors,
  summary: 'Read a version of a secret', input: { path, version: anyNumber('Version; 0: the current one').default(0) },
  output: { data: document('The secret').nullable(), metadata: f.object('Of the version', versionMetadata) },
})
export const writeData = operation({
  id: 'kv.writeData', method: 'POST', path: '/data/:path+', tag, access: 'policy', audit: 'secret.update', work: 'put', errors: [...errors, 'conflict'],
  summary: 'Write a new current version', input: { path, data: document('The secret').nullable().optional(), ...options }, output: versionMetadata,
})
export const patchData = operation({
  id: 'kv.patchData', method: 'PATCH', path: '/data/:path+', tag, access: 'policy', audit: 'secret.update', work: 'put', errors: [...errors, 'conflict'],
  summary: 'Write a new version by a merge patch of the current one', input: { path, data: document('The patch').nullable().optional(), ...options }, output: versionMetadata,
})
export const deleteLatest = operation({
  id: 'kv.deleteLatest', method: 'DELETE', path: '/data/:path+', tag, access: 'policy', audit: 'secret.version-delete', work: 'write', status: 204, errors,
  summary: 'Delete the current version; it can be undeleted', input: { path }, output: {},
})

const versions = f.list('Versions', anyNumber('Version'), { max: 500 })
export const deleteVersions = operation({ id: 'kv.deleteVersions', method: 'POST', path: '/delete/:path+', tag, access: 'policy', audit: 'secret.version-delete', work: 'write', status: 204, errors, summary: 'Delete versions', input: { path, versions: versions.optional() }, output: {} })
export const undeleteVersions = operation({ id: 'kv.undeleteVersions', method: 'POST', path: '/undelete/:path+', tag, access: 'policy', audit: 'secret.version-undelete', work: 'write', status: 204, errors, summary: 'Undelete versions', input: { path, versions: versions.optional() }, output: {} })
export const destroyVersions = operation({ id: 'kv.destroyVersions', method: 'POST', path: '/destroy/:path+', tag, access: 'policy', audit: 'secret.destroy', work: 'write', status: 204, errors, summary: 'Erase versions for good', input: { path, versions: versions.optional() }, output: {} })

export const keys = { keys: f.list('Names; folders end with a slash', f.text('Name', { max: 512 }), { max: 100_000 }) }
export const paging = { after: f.text('Name after which the list begins', { max: 512 }).optional(), limit: f.int('Most names; 0: all', { min: 0, max: 100_000 }).default(0), scan: f.bool('All names below, not only those directly below').default(false) }
export const listRoot = operation({ id: 'kv.listRoot', method: 'LIST', path: '/metadata', tag, access: 'policy', audit: 'secret.list', work: 'list', errors, summary: 'List the names at the top', input: paging, output: keys })
export const list = operation({ id: 'kv.list', method: 'LIST', path: '/metadata/:path+', tag, access: 'policy', audit: 'secret.list', work: 'list', errors, summary: 'List the names below a folder', input: { path, ...paging }, output: keys })

const settings = {
  maxVersions: number('Versions to keep; 0: as the mount says').optional(),
  casRequired: f.bool('Whether writes must name the version that they replace').optional(),
  deleteVersionAfter: f.duration('How long a version can be read', { maxSeconds: 10 * 365 * 86400 }).optional(),
}
const aVersion = f.object('A version', { createdTime: instant('When it was made'), deletionTime: instant('When it is deleted; empty: not'), destroyed: f.bool('Whether its value is erased') })
export const readMetadata = operation({
  id: 'kv.readMetadata', method: 'GET', path: '/metadata/:path+', tag, access: 'policy', audit: 'secret.read', work: 'read', errors,
  summary: 'Read what is said of a secret, with all versions', input: { path },
  output: {
    casRequired: f.bool('Whether writes must name the version that they replace'), createdTime: instant('When it was made'), updatedTime: instant('When it changed last'), currentVersion: number('Current version'), oldestVersion: number('Oldest version that is kept'),
    maxVersions: number('Versions to keep'), deleteVersionAfter: f.text('How long a version can be read', { max: 32 }), customMetadata: f.labels('Custom metadata').nullable(), versions: f.map('By number', aVersion, { max: 1_000_000 }),
  },
})
// Checked by the handler, in Vault's words: its clients show them to people.
const writable = { path, ...settings, customMetadata: document('Custom metadata').nullable().optional() }
export const writeMetadata = operation({ id: 'kv.writeMetadata', method: 'POST', path: '/metadata/:path+', tag, access: 'policy', audit: 'secret.metadata', work: 'write', status: 204, errors, summary: 'Set what is said of a secret', input: writable, output: {} })
export const patchMetadata = operation({ id: 'kv.patchMetadata', method: 'PATCH', path: '/metadata/:path+', tag, access: 'policy', audit: 'secret.metadata', work: 'write', status: 204, errors, summary: 'Change what is said of a secret', input: writable, output: {} })
export const deleteMetadata = operation({ id: 'kv.deleteMetadata', method: 'DELETE', path: '/metadata/:path+', tag, access: 'policy', audit: 'secret.purge', work: 'write', status: 204, errors, summary: 'Remove a secret and all its versions for good', input: { path }, output: {} })

export const readSubkeys = operation({
  id: 'kv.readSubkeys', method: 'GET', path: '/subkeys/:path+', tag, access: 'policy', audit: 'secret.subkeys', work: 'read', errors,
  summary: 'Read the structure of a secret without its values', input: { path, version: anyNumber('Version; 0: the current one').default(0), depth: f.int('How deep; 0: all', { min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }).default(0) },
  output: { subkeys: document('Keys; every value is null').nullable(), metadata: f.object('Of the version', versionMetadata) },
})

const config = { maxVersions: number('Versions to keep; 0: ten').default(0), casRequired: f.bool('Whether all writes must name the version that they replace').default(false), deleteVersionAfter: f.text('How long a version can be read', { max: 32 }).default('0s') }
export const writeConfig = operation({
  id: 'kv.writeConfig', method: 'POST', path: '/config', tag, access: 'policy', audit: 'kv.config-write', work: 'write', status: 204, errors,
  summary: 'Set what holds for secrets that say nothing themselves', input: settings, output: {},
})
export const readConfig = operation({ id: 'kv.readConfig', method: 'GET', path: '/config', tag, access: 'policy', audit: 'kv.config-read', work: 'read', errors, summary: 'Read the settings of the mount', input: {}, output: config })
