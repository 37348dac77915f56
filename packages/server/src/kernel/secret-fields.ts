// Field groups that the contracts of secrets share.

import { f } from './fields.ts'

export const MAX_VALUE = 1024 * 1024
export const VALUE_TYPES = ['text', 'json', 'yaml', 'boolean', 'integer', 'password'] as const
const STATES = ['PENDING', 'CURRENT', 'PREVIOUS', 'DISABLED', 'DESTROYED'] as const

/** Which project and environment a request means. Absent: the token's lock, then X-Coffer-Project, then the default project. */
export const scope = {
  project: f.name('Project. Default: the token\'s own, then X-Coffer-Project, then the default project').in('query').optional(),
  environment: f.name('Environment. Default: the token\'s own; else needed unless the project has none').in('query').optional(),
}

export const key = f.text('Path of the secret below its environment, or its id', { max: 1024, min: 1 })

export const page = {
  after: f.text('Cursor of the page before', { max: 2048 }).optional(),
  limit: f.int('Most items in one page', { min: 1, max: 500 }).default(100),
}

const version = (describe: string) => f.int(describe, { min: 0, max: Number.MAX_SAFE_INTEGER })

export const expectedPreviousVersion = version('The version that you expect to be current; 0 or null: there is none yet').nullable()

export const metadataPatch = {
  ownerTeam: f.text('Team that answers for the secret', { max: 128 }).optional(),
  description: f.text('What it is for', { max: 1024 }).optional(),
  rotationStrategy: f.text('manual, manual-overlap or automated-<days>d', { max: 32 }).optional(),
  metadata: f.labels('Custom metadata').optional(),
  maxVersions: f.int('Versions to keep; 0 keeps all', { min: 0, max: 100_000 }).optional(),
  casRequired: f.bool('Whether writes must name the version that they replace').optional(),
  deleteVersionAfter: f.duration('How long a version can be read; 0 for ever', { maxSeconds: 10 * 365 * 86400 }).optional(),
  sortOrder: f.int('Place in lists that people order', { min: 0, max: 1_000_000 }).optional(),
}

export const secretView = {
  id: f.text('Id of the secret', { max: 40 }),
  project: f.text('Project', { max: 128 }),
  environment: f.text('Environment', { max: 128 }),
  path: f.text('Path below the environment', { max: 512 }),
  type: f.choice('Type of the value', VALUE_TYPES),
  currentVersion: version('The version that `current` names; 0: none yet'),
  ownerTeam: f.text('Team that answers for it', { max: 128 }),
  description: f.text('What it is for', { max: 1024 }),
  rotationStrategy: f.text('How it is rotated', { max: 32 }),
  createdAt: f.time('When the secret was made'),
  updatedAt: f.time('When anything of it changed last'),
  deletedAt: f.time('When it was deleted; absent for a live one').optional(),
}

export const versionView = {
  version: version('Version number'),
  versionNumber: version('The same number'),
  state: f.choice('State of the version', STATES),
  type: f.choice('Type of the value', VALUE_TYPES),
  sha256Fingerprint: f.text('Keyed fingerprint of the value: equal for equal values of one secret; for those who may reveal it', { max: 64 }).optional(),
  createdBy: f.text('Who made it', { max: 256 }),
  createdAt: f.time('When it was made'),
  expiresAt: f.time('When it stops being readable').nullable(),
  deletedAt: f.time('When it was deleted').optional(),
}

export const writtenView = {
  id: f.text('Id of the secret', { max: 40 }),
  path: f.text('Path below the environment', { max: 512 }),
  version: version('Version number'),
  versionNumber: version('The same number'),
  state: f.choice('State of the version', STATES),
  sha256Fingerprint: f.text('Keyed fingerprint of the value', { max: 64 }),
  createdAt: f.time('When the version was made'),
}

export const value = f.secret('The value, as text', { max: MAX_VALUE })
export const type = f.choice('Type of the value. Default: that of the secret, else text', VALUE_TYPES)
export const versionNumber = version
