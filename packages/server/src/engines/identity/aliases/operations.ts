// The contract of aliases of entities, under all the names that Vault has had for them.

import { operation } from '../../../kernel/operation.ts'
import { aliasAnswer, deleting, document, id, listed, listing, metadata, reading, text, writing } from '../common.ts'

const fields = {
  id: id('Id of the alias, to change it').default(''), canonicalId: id('The entity').default(''), entityId: id('Former name of canonical_id').default(''),
  mountAccessor: id('Accessor of the auth mount').default(''), name: text('Name at the mount').default(''), customMetadata: metadata('Metadata, for policies').optional(),
}
const one = { id: id('Id of the alias') }

export const writeAlias = operation({ ...writing, id: 'identity.writeAlias', method: 'POST', path: '/v1/identity/entity-alias', audit: 'identity.alias-write', summary: 'Make or change an alias of an entity', input: fields, output: aliasAnswer })
export const writeAliasById = operation({ ...writing, id: 'identity.writeAliasById', method: 'POST', path: '/v1/identity/entity-alias/id/:id', audit: 'identity.alias-write', summary: 'Change an alias of an entity', input: fields, output: aliasAnswer })
export const readAlias = operation({ ...reading, id: 'identity.readAlias', method: 'GET', path: '/v1/identity/entity-alias/id/:id', audit: 'identity.alias-read', summary: 'Read an alias of an entity', input: one, output: { document } })
export const deleteAlias = operation({ ...deleting, id: 'identity.deleteAlias', method: 'DELETE', path: '/v1/identity/entity-alias/id/:id', audit: 'identity.alias-delete', summary: 'Delete an alias of an entity', input: one, output: {} })
export const listAliases = operation({ ...listing, id: 'identity.listAliases', method: 'LIST', path: '/v1/identity/entity-alias/id', audit: 'identity.alias-list', summary: 'List aliases of entities', input: {}, output: listed })

export const writeOldAlias = operation({ ...writing, id: 'identity.writeOldAlias', method: 'POST', path: '/v1/identity/alias', audit: 'identity.alias-write', summary: 'Former name: make or change an alias', input: fields, output: aliasAnswer })
export const writeOldAliasById = operation({ ...writing, id: 'identity.writeOldAliasById', method: 'POST', path: '/v1/identity/alias/id/:id', audit: 'identity.alias-write', summary: 'Former name: change an alias', input: fields, output: aliasAnswer })
export const readOldAlias = operation({ ...reading, id: 'identity.readOldAlias', method: 'GET', path: '/v1/identity/alias/id/:id', audit: 'identity.alias-read', summary: 'Former name: read an alias', input: one, output: { document } })
export const deleteOldAlias = operation({ ...deleting, id: 'identity.deleteOldAlias', method: 'DELETE', path: '/v1/identity/alias/id/:id', audit: 'identity.alias-delete', summary: 'Former name: delete an alias', input: one, output: {} })
export const listOldAliases = operation({ ...listing, id: 'identity.listOldAliases', method: 'LIST', path: '/v1/identity/alias/id', audit: 'identity.alias-list', summary: 'Former name: list aliases', input: {}, output: listed })

export const readPersona = operation({ ...reading, id: 'identity.readPersona', method: 'GET', path: '/v1/identity/persona/id/:id', audit: 'identity.alias-read', summary: 'Former name: read an alias', input: one, output: { document } })
export const deletePersona = operation({ ...deleting, id: 'identity.deletePersona', method: 'DELETE', path: '/v1/identity/persona/id/:id', audit: 'identity.alias-delete', summary: 'Former name: delete an alias', input: one, output: {} })
export const listPersonas = operation({ ...listing, id: 'identity.listPersonas', method: 'LIST', path: '/v1/identity/persona/id', audit: 'identity.alias-list', summary: 'Former name: list aliases', input: {}, output: listed })
