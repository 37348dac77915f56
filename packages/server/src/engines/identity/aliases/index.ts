// Aliases: by what name an entity logs in at which auth mount.

import type { Call } from '../../../kernel/call.ts'
import { implement, type Implemented } from '../../../kernel/operation.ts'
import type { AliasRow } from '../../../kernel/identity.ts'
import type { IdentityPorts } from '../../../kernel/ports/identity.ts'
import { aliasView, labels, mayDelete, mayList, mayRead, mayWrite, mountOfAlias, notThere, orNotThere, shownFor, type Shown } from '../common.ts'
import * as operations from './operations.ts'

const info = (shown: Shown, alias: AliasRow): Readonly<Record<string, unknown>> => ({
  name: alias.name, canonical_id: alias.principalId, custom_metadata: labels(alias.customMetadata), metadata: labels(alias.metadata), local: false, ...mountOfAlias(shown, alias.mountId),
})

interface Wished {
  readonly id: string
  readonly canonicalId: string
  readonly entityId: string
  readonly mountAccessor: string
  readonly name: string
  readonly customMetadata?: Readonly<Record<string, string>> | undefined
}

/** The same below each of the names: `entity-alias`, `alias`, `persona`. */
const below = (ports: IdentityPorts, noun: string) => ({
  async write(input: Wished, call: Call, path = noun) {
    const { id, name, mountAccessor, customMetadata, canonicalId, entityId } = input
    return (await ports.aliases.write(mayWrite(call, path), call, { id, name, accessor: mountAccessor, canonicalId: canonicalId === '' ? entityId : canonicalId, customMetadata })) ?? {}
  },
  writeById(input: Wished, call: Call) {
    return this.write(input, call, `${noun}/id/${input.id}`)
  },
  async read({ id }: { readonly id: string }, call: Call) {
    const found = await ports.aliases.find(mayRead(call, `${noun}/id/${id}`), call, id)
    if (found === undefined) throw notThere()
    const shown = await shownFor(ports, call)
    return { document: { ...aliasView(shown, found), namespace_id: shown.namespaceId } }
  },
  async remove({ id }: { readonly id: string }, call: Call) {
    await ports.aliases.delete(mayDelete(call, `${noun}/id/${id}`), call, id)
    return {}
  },
  async list(_input: object, call: Call) {
    const found = orNotThere(await ports.aliases.list(mayList(call, `${noun}/id`), call))
    const shown = await shownFor(ports, call)
    return { keys: found.map(({ aliasId }) => aliasId), keyInfo: Object.fromEntries(found.map((alias) => [alias.aliasId, info(shown, alias)])) }
  },
})

export const aliasOperations = (ports: IdentityPorts): readonly Implemented[] => {
  const [aliases, old, personas] = [below(ports, 'entity-alias'), below(ports, 'alias'), below(ports, 'persona')]
  return implement(operations, {
    writeAlias: (input, call) => aliases.write(input, call),
    writeAliasById: (input, call) => aliases.writeById(input, call),
    readAlias: aliases.read,
    deleteAlias: aliases.remove,
    listAliases: aliases.list,
    writeOldAlias: (input, call) => old.write(input, call),
    writeOldAliasById: (input, call) => old.writeById(input, call),
    readOldAlias: old.read,
    deleteOldAlias: old.remove,
    listOldAliases: old.list,
    readPersona: personas.read,
    deletePersona: personas.remove,
    listPersonas: personas.list,
  })
}
