// The contract of entities, as Vault has it.

import { f } from '../../../kernel/fields.ts'
import { operation } from '../../../kernel/operation.ts'
import { deleting, document, id, ids, listed, listing, metadata, policies, reading, text, writing } from '../common.ts'

const name = text('Name of the entity')
const fields = { policies: policies('Policies of whoever is the entity').optional(), disabled: f.bool('Whether its tokens are refused').optional(), metadata: metadata('Metadata, for policies').optional() }
const both = { id: id('Id of the entity, to change it').default(''), name: name.default(''), ...fields }
const made = { id: id('Id of the entity').optional(), name: name.optional(), aliases: ids('Ids of its aliases').nullable().optional() }

export const writeEntity = operation({ ...writing, id: 'identity.writeEntity', method: 'POST', path: '/v1/identity/entity', audit: 'identity.entity-write', summary: 'Make or change an entity', input: both, output: made })
export const writeEntityById = operation({ ...writing, id: 'identity.writeEntityById', method: 'POST', path: '/v1/identity/entity/id/:id', audit: 'identity.entity-write', summary: 'Change an entity', input: both, output: made })
export const writeEntityByName = operation({ ...writing, id: 'identity.writeEntityByName', method: 'POST', path: '/v1/identity/entity/name/:name+', audit: 'identity.entity-write', summary: 'Make or change an entity by its name', input: both, output: made })
export const readEntityById = operation({ ...reading, id: 'identity.readEntityById', method: 'GET', path: '/v1/identity/entity/id/:id', audit: 'identity.entity-read', summary: 'Read an entity', input: { id: id('Id') }, output: { document } })
export const readEntityByName = operation({ ...reading, id: 'identity.readEntityByName', method: 'GET', path: '/v1/identity/entity/name/:name+', audit: 'identity.entity-read', summary: 'Read an entity by its name', input: { name }, output: { document } })
export const deleteEntityById = operation({ ...deleting, id: 'identity.deleteEntityById', method: 'DELETE', path: '/v1/identity/entity/id/:id', audit: 'identity.entity-delete', summary: 'Delete an entity and revoke its tokens', input: { id: id('Id') }, output: {} })
export const deleteEntityByName = operation({ ...deleting, id: 'identity.deleteEntityByName', method: 'DELETE', path: '/v1/identity/entity/name/:name+', audit: 'identity.entity-delete', summary: 'Delete an entity by its name and revoke its tokens', input: { name }, output: {} })
export const deleteEntities = operation({ ...deleting, id: 'identity.deleteEntities', method: 'POST', path: '/v1/identity/entity/batch-delete', audit: 'identity.entity-delete', summary: 'Delete entities and revoke their tokens', input: { entityIds: ids('Entities').optional() }, output: {} })
export const listEntitiesById = operation({ ...listing, id: 'identity.listEntitiesById', method: 'LIST', path: '/v1/identity/entity/id', audit: 'identity.entity-list', summary: 'List entities by their ids', input: {}, output: listed })
export const listEntitiesByName = operation({ ...listing, id: 'identity.listEntitiesByName', method: 'LIST', path: '/v1/identity/entity/name', audit: 'identity.entity-list', summary: 'List entities by their names', input: {}, output: listed })
export const mergeEntities = operation({
  ...deleting, id: 'identity.mergeEntities', method: 'POST', path: '/v1/identity/entity/merge', audit: 'identity.entity-merge', summary: 'Make several entities one',
  input: {
    fromEntityIds: ids('Entities that become part of the other').optional(), toEntityId: id('The entity that stays').default(''),
    conflictingAliasIdsToKeep: ids('Of two aliases at one mount, the one that stays').optional(), force: f.bool('Accepted and without effect: there are no secrets of second steps to choose from').default(false),
  },
  output: {},
})

/** What Vault calls personas are entities to write and aliases to read; what it takes of an alias here it does not use. */
const persona = { ...both, entityId: id('Without effect').optional(), mountAccessor: id('Without effect').optional() }
export const writePersona = operation({ ...writing, id: 'identity.writePersona', method: 'POST', path: '/v1/identity/persona', audit: 'identity.entity-write', summary: 'Former name: make or change an entity', input: persona, output: made })
export const writePersonaById = operation({ ...writing, id: 'identity.writePersonaById', method: 'POST', path: '/v1/identity/persona/id/:id', audit: 'identity.entity-write', summary: 'Former name: change an entity', input: persona, output: made })
