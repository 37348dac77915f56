// The contract of groups and of their aliases, as Vault has it.

import { operation } from '../../../kernel/operation.ts'
import { aliasAnswer, deleting, document, id, ids, listed, listing, metadata, policies, reading, text, writing } from '../common.ts'

const name = text('Name of the group')
const fields = {
  type: text('internal, or external when an issuer says who is in it', 32).optional(), policies: policies('Policies of all members').optional(), metadata: metadata('Metadata, for policies').optional(),
  memberEntityIds: ids('Entities that are in it').optional(), memberGroupIds: ids('Groups whose members are in it').optional(),
}
const made = { id: id('Id of the group').optional(), name: name.optional() }
const one = { id: id('Id of the group') }

export const writeGroup = operation({ ...writing, id: 'identity.writeGroup', method: 'POST', path: '/v1/identity/group', audit: 'identity.group-write', summary: 'Make or change a group', input: { id: id('Id of the group, to change it').optional(), name: name.optional(), ...fields }, output: made })
export const writeGroupById = operation({ ...writing, id: 'identity.writeGroupById', method: 'POST', path: '/v1/identity/group/id/:id', audit: 'identity.group-write', summary: 'Change a group', input: { ...one, name: name.optional(), ...fields }, output: made })
export const writeGroupByName = operation({ ...writing, id: 'identity.writeGroupByName', method: 'POST', path: '/v1/identity/group/name/:name+', audit: 'identity.group-write', summary: 'Make or change a group by its name', input: { name, ...fields }, output: made })
export const readGroupById = operation({ ...reading, id: 'identity.readGroupById', method: 'GET', path: '/v1/identity/group/id/:id', audit: 'identity.group-read', summary: 'Read a group', input: one, output: { document } })
export const readGroupByName = operation({ ...reading, id: 'identity.readGroupByName', method: 'GET', path: '/v1/identity/group/name/:name+', audit: 'identity.group-read', summary: 'Read a group by its name', input: { name }, output: { document } })
export const deleteGroupById = operation({ ...deleting, id: 'identity.deleteGroupById', method: 'DELETE', path: '/v1/identity/group/id/:id', audit: 'identity.group-delete', summary: 'Delete a group', input: one, output: {} })
export const deleteGroupByName = operation({ ...deleting, id: 'identity.deleteGroupByName', method: 'DELETE', path: '/v1/identity/group/name/:name+', audit: 'identity.group-delete', summary: 'Delete a group by its name', input: { name }, output: {} })
export const listGroupsById = operation({ ...listing, id: 'identity.listGroupsById', method: 'LIST', path: '/v1/identity/group/id', audit: 'identity.group-list', summary: 'List groups by their ids', input: {}, output: listed })
export const listGroupsByName = operation({ ...listing, id: 'identity.listGroupsByName', method: 'LIST', path: '/v1/identity/group/name', audit: 'identity.group-list', summary: 'List groups by their names', input: {}, output: listed })

const aliasFields = { mountAccessor: id('Accessor of the auth mount').default(''), name: text('Name of the group at the issuer').default(''), canonicalId: id('The group; one is made when it is left out').default('') }
const alias = { id: id('Id of the alias') }
export const writeGroupAlias = operation({ ...writing, id: 'identity.writeGroupAlias', method: 'POST', path: '/v1/identity/group-alias', audit: 'identity.group-alias-write', summary: 'Make or change an alias of a group', input: { id: id('Id of the alias, to change it').optional(), ...aliasFields }, output: aliasAnswer })
export const writeGroupAliasById = operation({ ...writing, id: 'identity.writeGroupAliasById', method: 'POST', path: '/v1/identity/group-alias/id/:id', audit: 'identity.group-alias-write', summary: 'Change an alias of a group', input: { ...alias, ...aliasFields }, output: aliasAnswer })
export const readGroupAlias = operation({ ...reading, id: 'identity.readGroupAlias', method: 'GET', path: '/v1/identity/group-alias/id/:id', audit: 'identity.group-alias-read', summary: 'Read an alias of a group', input: alias, output: { document } })
export const deleteGroupAlias = operation({ ...deleting, id: 'identity.deleteGroupAlias', method: 'DELETE', path: '/v1/identity/group-alias/id/:id', audit: 'identity.group-alias-delete', summary: 'Delete an alias of a group', input: alias, output: {} })
export const listGroupAliases = operation({ ...listing, id: 'identity.listGroupAliases', method: 'LIST', path: '/v1/identity/group-alias/id', audit: 'identity.group-alias-list', summary: 'List aliases of groups', input: {}, output: listed })
