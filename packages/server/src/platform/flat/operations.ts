// The flat contract: bare bodies, ids that are prefixed, and the names of its articles. Where they differ, both names of a
// number are accepted and both are answered.

import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'
import { MAX_VALUE, VALUE_TYPES, versionNumber } from '../../kernel/secret-fields.ts'

const tag = 'flat'
const common = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const secretId = f.text('Id of the secret', { max: 40, min: 5 })
const STATES = ['PENDING', 'CURRENT', 'PREVIOUS', 'DISABLED', 'DESTROYED'] as const

export const create = operation({
  id: 'flat.create', method: 'POST', path: '/v1/secrets', tag, access: 'policy', audit: 'secret.create', work: 'write', status: 201,
  summary: 'Register a secret path',
  input: {
    environment: f.name('Environment'), path: f.text('Path below the environment', { max: 512, min: 1 }), ownerTeam: f.text('Team that answers for it', { max: 128, min: 1 }),
    rotationStrategy: f.text('manual, manual-overlap or automated-<days>d', { max: 32 }), description: f.text('What it is for', { max: 1024 }).optional(), type: f.choice('Type of the value', VALUE_TYPES).default('text'),
  },
  output: { secretId, path: f.text('Environment and path', { max: 1024 }), status: f.text('ACTIVE', { max: 16 }), createdAt: f.time('When') }, errors: [...common, 'conflict'],
})

export const createVersion = operation({
  id: 'flat.createVersion', method: 'POST', path: '/v1/secrets/:secretId/versions', tag, access: 'policy', audit: 'secret.propose', work: 'write', status: 201, idempotent: true,
  summary: 'Propose a version',
  input: {
    secretId, value: f.secret('The value', { max: MAX_VALUE }).optional(), plaintextValue: f.secret('The value, by its other name', { max: MAX_VALUE }).optional(),
    status: f.choice('PENDING, or absent', ['PENDING']).optional(), type: f.choice('Type of the value', VALUE_TYPES).optional(), expiresAt: f.time('When it stops being readable').optional(),
  },
  output: { version: versionNumber('Version number'), versionNumber: versionNumber('The same number'), status: f.choice('State', STATES), sha256Fingerprint: f.text('Keyed fingerprint', { max: 64 }), createdAt: f.time('When') }, errors: [...common, 'conflict'],
})

export const setAlias = operation({
  id: 'flat.setAlias', method: 'POST', path: '/v1/secrets/:secretId/aliases/:alias', tag, access: 'policy', audit: 'secret.promote', work: 'write',
  summary: 'Point an alias to a version by compare-and-swap',
  input: {
    secretId, alias: f.text('current, next, or your own', { max: 64, min: 1 }), version: f.int('Version number', { min: 1, max: Number.MAX_SAFE_INTEGER }).optional(), versionNumber: f.int('The same, by its other name', { min: 1, max: Number.MAX_SAFE_INTEGER }).optional(),
    expectedPreviousVersion: versionNumber('The version that you expect there; 0 or null: none yet').nullable(),
  },
  output: { alias: f.text('Alias', { max: 64 }), version: versionNumber('Version number'), versionNumber: versionNumber('The same number'), updatedAt: f.time('When') }, errors: [...common, 'conflict'],
})

export const read = operation({
  id: 'flat.read', method: 'GET', path: '/v1/secrets/:environment/:path+', tag, access: 'policy', audit: 'secret.reveal', work: 'read',
  summary: 'Read a value by alias or version',
  input: { environment: f.name('Environment'), path: f.text('Path below the environment', { max: 512, min: 1 }), alias: f.text('Alias. Default: current', { max: 64 }).optional(), version: f.text('Version number, v3 or 3', { max: 20 }).optional() },
  output: { path: f.text('Path below the environment', { max: 512 }), version: versionNumber('Version number'), versionNumber: versionNumber('The same number'), value: f.secret('The value', { max: MAX_VALUE }), expiresAt: f.time('When it stops being readable').nullable() }, errors: common,
})
