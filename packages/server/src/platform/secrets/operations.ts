// The contracts of secrets on the native door.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'
import { expectedPreviousVersion, key, MAX_VALUE, metadataPatch, page, scope, secretView, type, value, versionNumber, versionView, writtenView } from '../../kernel/secret-fields.ts'

const tag = 'secrets'
const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const

export const list = operation({
  id: 'secrets.list', method: 'GET', path: '/api/v1/secrets', tag, access: 'policy', audit: 'secret.list', work: 'list',
  summary: 'List secrets of an environment, without values',
  input: { ...scope, prefix: f.text('Only paths below this folder', { max: 512 }).optional(), deleted: f.bool('The deleted ones instead').default(false), ...page },
  output: { items: f.list('Secrets in path order', f.object('A secret', secretView), { max: 500 }), next: f.text('Cursor of the next page; absent on the last', { max: 2048 }).optional() },
  errors: [...common, 'not_found'],
})

export const get = operation({
  id: 'secrets.get', method: 'GET', path: '/api/v1/secrets/:key+', tag, access: 'policy', audit: 'secret.read', work: 'read',
  summary: 'Read a secret: what it is, and with reveal its value',
  input: {
    key, ...scope,
    reveal: f.bool('Whether to decrypt and return the value').default(false),
    version: f.text('Version number, v3 or 3', { max: 20 }).optional(),
    alias: f.text('Alias: current, previous, next or your own', { max: 64 }).optional(),
  },
  output: {
    ...secretView,
    value: value.optional(),
    version: versionNumber('Version that was read; absent when there is none yet').optional(),
    versionNumber: versionNumber('The same number').optional(),
    state: f.text('State of that version', { max: 16 }).optional(),
    expiresAt: f.time('When that version stops being readable').nullable().optional(),
    sha256Fingerprint: f.text('Keyed fingerprint of that version', { max: 64 }).optional(),
    metadata: f.labels('Custom metadata'),
    aliases: f.map('Versions by alias', versionNumber('Version'), { max: 1000 }),
  },
  errors: [...common, 'not_found'],
})

export const put = operation({
  id: 'secrets.put', method: 'POST', path: '/api/v1/secrets/:key+', tag, access: 'policy', audit: 'secret.update', work: 'put', idempotent: true,
  summary: 'Write a value: a new secret, or a new current version of one',
  input: { key, ...scope, value, type: type.optional(), expectedPreviousVersion: expectedPreviousVersion.optional(), expiresAt: f.time('When the version stops being readable').optional(), ttl: f.duration('The same as a duration from now', { maxSeconds: 10 * 365 * 86400 }).optional(), ...metadataPatch },
  output: writtenView,
  errors: [...common, 'not_found', 'conflict'],
  example: { value: 'postgres://app:s3cret@db/app' },
})

export const patch = operation({
  id: 'secrets.patch', method: 'PATCH', path: '/api/v1/secrets/:key+', tag, access: 'policy', audit: 'secret.metadata', work: 'write',
  summary: 'Change what is said about a secret, not its value',
  input: { key, ...scope, ...metadataPatch },
  output: secretView,
  errors: [...common, 'not_found'],
})

export const remove = operation({
  id: 'secrets.delete', method: 'DELETE', path: '/api/v1/secrets/:key+', tag, access: 'policy', audit: 'secret.delete', work: 'write',
  summary: 'Delete a secret; it can be restored',
  input: { key, ...scope },
  output: secretView,
  errors: [...common, 'not_found'],
})

export const purge = operation({
  id: 'secrets.purge', method: 'DELETE', path: '/api/v1/secrets/:key+/permanent', tag, access: 'policy', audit: 'secret.purge', work: 'write',
  summary: 'Remove a secret and all its versions for good',
  input: { key, ...scope },
  output: { purged: f.bool('Always true') },
  errors: [...common, 'not_found'],
})

export const history = operation({
  id: 'secrets.history', method: 'GET', path: '/api/v1/secrets/:key+/history', tag, access: 'policy', audit: 'secret.history', work: 'list',
  summary: 'All versions of a secret, newest first, without values',
  input: { key, ...scope, ...page },
  output: { items: f.list('Versions', f.object('A version', versionView), { max: 500 }), next: f.text('Cursor of the next page; absent on the last', { max: 2048 }).optional() },
  errors: [...common, 'not_found'],
})

export const rollback = operation({
  id: 'secrets.rollback', method: 'POST', path: '/api/v1/secrets/:key+/rollback', tag, access: 'policy', audit: 'secret.rollback', work: 'write',
  summary: 'Make a new version with the value of an old one',
  input: { key, ...scope, version: f.text('Version number or alias to go back to. Default: previous', { max: 64 }).default('previous'), expectedPreviousVersion: expectedPreviousVersion.optional() },
  output: writtenView,
  errors: [...common, 'not_found', 'conflict'],
})

export const restore = operation({
  id: 'secrets.restore', method: 'POST', path: '/api/v1/secrets/:key+/restore', tag, access: 'policy', audit: 'secret.restore', work: 'write',
  summary: 'Bring a deleted secret back',
  input: { key, ...scope },
  output: secretView,
  errors: [...common, 'not_found', 'conflict'],
})

export const propose = operation({
  id: 'versions.propose', method: 'POST', path: '/api/v1/versions/:key+', tag, access: 'policy', audit: 'secret.propose', work: 'write', idempotent: true, status: 201,
  summary: 'Write a value as a PENDING version that waits for promotion; the alias next names it',
  input: { key, ...scope, value, type: type.optional(), expiresAt: f.time('When the version stops being readable').optional() },
  output: writtenView,
  errors: [...common, 'not_found', 'conflict'],
})

export const setState = operation({
  id: 'versions.setState', method: 'PATCH', path: '/api/v1/versions/:key+', tag, access: 'policy', audit: 'secret.disable', work: 'write',
  summary: 'Disable, enable or destroy a version',
  input: {
    key, ...scope,
    version: f.int('Version number', { min: 1, max: Number.MAX_SAFE_INTEGER }),
    state: f.choice('DISABLED: not handed out; ENABLED: handed out again; DESTROYED: erased', ['DISABLED', 'ENABLED', 'DESTROYED']),
    force: f.bool('Also when the version is current').default(false),
  },
  output: { version: versionNumber('Version number'), state: f.text('What it is now', { max: 16 }) },
  errors: [...common, 'not_found', 'conflict'],
})

export const setAlias = operation({
  id: 'aliases.set', method: 'PUT', path: '/api/v1/aliases/:key+', tag, access: 'policy', audit: 'secret.promote', work: 'write',
  summary: 'Point an alias to a version; current promotes it',
  input: { key, ...scope, alias: f.text('Alias. Default: current', { max: 64, min: 1 }).default('current'), version: f.int('Version number', { min: 1, max: Number.MAX_SAFE_INTEGER }), expectedPreviousVersion: expectedPreviousVersion.optional() },
  output: { alias: f.text('Alias', { max: 64 }), version: versionNumber('Version number'), versionNumber: versionNumber('The same number'), updatedAt: f.time('When') },
  errors: [...common, 'not_found', 'conflict'],
})

export const removeAlias = operation({
  id: 'aliases.delete', method: 'DELETE', path: '/api/v1/aliases/:key+', tag, access: 'policy', audit: 'secret.alias', work: 'write',
  summary: 'Remove an alias of your own, or next',
  input: { key, ...scope, alias: f.text('Alias', { max: 64, min: 1 }) },
  output: { removed: f.bool('Always true') },
  errors: [...common, 'not_found'],
})

export const inject = operation({
  id: 'secrets.inject', method: 'POST', path: '/api/v1/inject', tag, access: 'policy', audit: 'secret.inject', work: 'read',
  summary: 'All secrets of an environment as environment variables',
  description: 'The name is the last path segment in upper case, with - and . as _; with prefixPath the whole path. A json secret gives one variable for each top-level scalar. Names that could take over a process (LD_PRELOAD, PATH, NODE_OPTIONS, ...) are left out and listed.',
  input: { ...scope, prefix: f.text('Only secrets below this folder', { max: 512 }).optional(), alias: f.text('Which version of each. Default: current', { max: 64 }).default('current'), prefixPath: f.bool('Name variables by the whole path').default(false) },
  output: {
    variables: f.map('Values by variable name', value, { max: 10_000 }),
    excluded: f.list('Names that were left out because they could take over a process', f.text('Name', { max: 1024 }), { max: 10_000 }),
    withheld: f.int('Secrets that you may see in lists, but not reveal', { min: 0, max: 1_000_000 }),
    secrets: f.list('What was read', f.object('A secret', { path: f.text('Path', { max: 512 }), version: versionNumber('Version') }), { max: 10_000 }),
  },
  errors: [...common, 'not_found', 'conflict'],
})

const formats = ['env', 'json', 'yaml'] as const
const document = { format: f.choice('Form of the document', formats), content: f.secret('The document', { max: MAX_VALUE }) }
const change = f.object('A change', { path: f.text('Path', { max: 512 }), change: f.choice('What would happen', ['create', 'update', 'unchanged', 'remote-only', 'error']), message: f.text('Why not', { max: 512 }).optional() })
const summary = {
  created: f.int('New secrets', { min: 0, max: 100_000 }),
  updated: f.int('New versions', { min: 0, max: 100_000 }),
  unchanged: f.int('Equal values', { min: 0, max: 100_000 }),
  errors: f.int('Not written', { min: 0, max: 100_000 }),
  changes: f.list('One for each name', change, { max: 100_000 }),
}

export const diff = operation({
  id: 'sync.diff', method: 'POST', path: '/api/v1/sync/diff', tag, access: 'policy', audit: 'sync.diff', work: 'list',
  summary: 'Compare a .env, JSON or YAML document with what is stored',
  input: { ...scope, ...document, prefix: f.text('Folder that the names are in', { max: 512 }).optional() },
  output: summary,
  errors: [...common, 'not_found'],
})

export const push = operation({
  id: 'sync.push', method: 'POST', path: '/api/v1/sync/push', tag, access: 'policy', audit: 'sync.push', work: 'write',
  summary: 'Write a .env, JSON or YAML document; without confirm only tells what would change',
  input: { ...scope, ...document, prefix: f.text('Folder that the names are in', { max: 512 }).optional(), confirm: f.bool('Write, after having seen the changes').default(false) },
  output: { ...summary, applied: f.bool('Whether anything was written') },
  errors: [...common, 'not_found', 'conflict'],
})

export const pull = operation({
  id: 'sync.pull', method: 'GET', path: '/api/v1/sync/pull', tag, access: 'policy', audit: 'secret.export', work: 'read',
  summary: 'All secrets of an environment as a .env, JSON or YAML document',
  input: { ...scope, format: f.choice('Form of the document', formats).default('env'), prefix: f.text('Only secrets below this folder', { max: 512 }).optional(), prefixPath: f.bool('Name entries by the whole path').default(false) },
  output: { format: f.choice('Form of the document', formats), content: f.secret('The document', { max: 64 * MAX_VALUE }), withheld: f.int('Secrets that you may see in lists, but not reveal', { min: 0, max: 1_000_000 }), secrets: f.int('Secrets in it', { min: 0, max: 1_000_000 }) },
  errors: [...common, 'not_found', 'conflict'],
})
