// Entities and groups found by whatever is known of them.

import { fail } from '../../../kernel/errors.ts'
import { implement, operation, type Implemented } from '../../../kernel/operation.ts'
import type { IdentityPorts, IdentitySelector } from '../../../kernel/ports/identity.ts'
import { document, id, mayLookUp, shownFor, text, writing } from '../common.ts'
import { entityView } from '../entities/index.ts'
import { groupView } from '../groups/index.ts'

const factors = { id: id('Id').optional(), name: text('Name').optional(), aliasId: id('Id of an alias').optional(), aliasName: text('Name of an alias, with its mount').optional(), aliasMountAccessor: id('Accessor of the mount of the alias').optional() }
const common = { ...writing, work: 'read', input: factors, output: { document: document.optional() } } as const

export const lookupEntity = operation({ ...common, id: 'identity.lookupEntity', method: 'POST', path: '/v1/identity/lookup/entity', audit: 'identity.entity-read', summary: 'Find an entity by its id, name or alias' })
export const lookupGroup = operation({ ...common, id: 'identity.lookupGroup', method: 'POST', path: '/v1/identity/lookup/group', audit: 'identity.group-read', summary: 'Find a group by its id, name or alias' })

interface Factors {
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly aliasId?: string | undefined
  readonly aliasName?: string | undefined
  readonly aliasMountAccessor?: string | undefined
}

const wrong = (message: string): Error => fail('invalid_request', 'identity.lookup', message)

/** What is asked for, in the order of Vault's checks; undefined: by something empty, which nothing is called. */
const selectorOf = ({ id: byId, name, aliasId, aliasName, aliasMountAccessor }: Factors): IdentitySelector | undefined => {
  const given = [byId, name, aliasId, aliasName, aliasMountAccessor].filter((each) => each !== undefined).length
  const isPair = given === 2 && (aliasName ?? '') !== '' && (aliasMountAccessor ?? '') !== ''
  if (given === 0) throw wrong('query parameter not supplied')
  if (given > 1 && !isPair) throw wrong('query parameter conflict; please supply distinct set of query parameters')
  if (given === 1 && ((aliasName ?? '') !== '' || (aliasMountAccessor ?? '') !== '')) throw wrong("both 'alias_name' and 'alias_mount_accessor' needs to be set")
  if (isPair) return { aliasName: aliasName ?? '', accessor: aliasMountAccessor ?? '' }
  if ((byId ?? '') !== '') return { id: byId ?? '' }
  if ((name ?? '') !== '') return { name: name ?? '' }
  return (aliasId ?? '') === '' ? undefined : { aliasId: aliasId ?? '' }
}

export const lookupOperations = (ports: IdentityPorts): readonly Implemented[] =>
  implement(
    { lookupEntity, lookupGroup },
    {
      async lookupEntity(input, call) {
        const grant = mayLookUp(call, 'lookup/entity')
        const by = selectorOf(input)
        const found = by === undefined ? undefined : await ports.entities.find(grant, call, by)
        return found === undefined ? {} : { document: entityView(await shownFor(ports, call), found) }
      },
      async lookupGroup(input, call) {
        const grant = mayLookUp(call, 'lookup/group')
        const by = selectorOf(input)
        const found = by === undefined ? undefined : await ports.groups.find(grant, call, by)
        return found === undefined ? {} : { document: groupView(await shownFor(ports, call), found) }
      },
    },
  )
