// The contracts that tests call most, under one name each.

export * as tokens from '../../platform/access/operations.ts'
export * as projects from '../../platform/projects/operations.ts'
export * as secrets from '../../platform/secrets/operations.ts'
export * as organizations from '../../platform/organizations/operations.ts'
export * as keys from '../../platform/keys/operations.ts'
export * as flat from '../../platform/flat/operations.ts'
export * as groups from '../../platform/groups/operations.ts'
export * as entities from '../../engines/identity/entities/operations.ts'
export * as kv from '../../engines/kv/operations.ts'
