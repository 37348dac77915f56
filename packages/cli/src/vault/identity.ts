// Entities, their aliases and groups. Both ends give their own ids and accessors, so what refers to another is translated:
// entities by name, mounts by path.

import type { Data } from './api.ts'
import { recordOf, textOf, textsOf } from './exact-json.ts'
import { attempt, type Ends } from './ends.ts'
import type { Inventory } from './survey.ts'

/** Ids of the source to those of the target. */
type Ids = Map<string, string>

const kept = (data: Data, names: readonly string[]): Data => Object.fromEntries(names.flatMap((name) => (data[name] === null || data[name] === undefined ? [] : [[name, data[name]]])))

/** By its name; made if it is not there. */
const ensureNamed = async ({ to, progress }: Ends, base: 'identity/entity' | 'identity/group', source: Data, wanted: Data, ids: Ids): Promise<void> => {
  const name = textOf(source['name'])
  const kind = base === 'identity/entity' ? 'entities' : 'groups'
  const there = await to.read(`${base}/name/${name}`)
  if (there === undefined) {
    await to.write(base, { name, ...wanted })
    progress.copied(kind)
  } else progress.present(kind)
  const id = textOf((there ?? (await to.read(`${base}/name/${name}`)))?.['id'])
  if (id !== '') ids.set(textOf(source['id']), id)
}

const aliasesOf = (data: Data): readonly Data[] => (Array.isArray(data['aliases']) ? data['aliases'].map(recordOf) : [])

const copyAlias = async ({ to, progress }: Ends, base: 'identity/entity-alias' | 'identity/group-alias', alias: Data, { canonicalId, accessor }: { readonly canonicalId: string; readonly accessor: string | undefined }): Promise<void> => {
  const name = textOf(alias['name'])
  if (accessor === undefined) {
    progress.failed(`alias ${name}`, 'its auth method is not at the target')
    return
  }
  await to.write(base, { name, canonical_id: canonicalId, mount_accessor: accessor, ...kept(alias, ['custom_metadata']) })
  progress.copied('aliases')
}

const hasAlias = (owner: Data | undefined, name: string, accessor: string | undefined): boolean =>
  [...aliasesOf(owner ?? {}), recordOf(owner?.['alias'])].some((alias) => alias['name'] === name && alias['mount_accessor'] === accessor)

export const copyIdentity = async (ends: Ends, { entities, groups, accessors }: Pick<Inventory, 'entities' | 'groups' | 'accessors'>): Promise<void> => {
  if (entities.length + groups.length === 0) return
  const { to, progress } = ends
  const there = new Map(Object.entries((await to.read('sys/auth')) ?? {}).map(([path, row]) => [path, textOf(recordOf(row)['accessor'])]))
  const accessorOf = (old: unknown): string | undefined => there.get(accessors.get(textOf(old)) ?? '')
  const ids: Ids = new Map()
  for (const entity of entities) {
    await attempt(ends, `entity ${textOf(entity['name'])}`, async () => {
      await ensureNamed(ends, 'identity/entity', entity, kept(entity, ['metadata', 'policies', 'disabled']), ids)
      const canonicalId = ids.get(textOf(entity['id'])) ?? ''
      const owner = await to.read(`identity/entity/id/${canonicalId}`)
      for (const alias of aliasesOf(entity)) {
        const accessor = accessorOf(alias['mount_accessor'])
        if (hasAlias(owner, textOf(alias['name']), accessor)) progress.present('aliases')
        else await attempt(ends, `alias ${textOf(alias['name'])}`, () => copyAlias(ends, 'identity/entity-alias', alias, { canonicalId, accessor }))
      }
    })
  }
  const groupIds: Ids = new Map()
  const translated = (list: unknown, table: Ids): readonly string[] => textsOf(list).flatMap((id) => table.get(id) ?? [])
  for (const group of groups) {
    await attempt(ends, `group ${textOf(group['name'])}`, async () => {
      const isInternal = group['type'] !== 'external'
      await ensureNamed(ends, 'identity/group', group, { ...kept(group, ['type', 'metadata', 'policies']), ...(isInternal ? { member_entity_ids: translated(group['member_entity_ids'], ids) } : {}) }, groupIds)
      const alias = recordOf(group['alias'])
      const canonicalId = groupIds.get(textOf(group['id'])) ?? ''
      const accessor = accessorOf(alias['mount_accessor'])
      if (textOf(alias['name']) !== '' && !hasAlias(await to.read(`identity/group/id/${canonicalId}`), textOf(alias['name']), accessor)) await copyAlias(ends, 'identity/group-alias', alias, { canonicalId, accessor })
    })
  }
  // Groups within groups, once all of them are there.
  for (const group of groups.filter((each) => textsOf(each['member_group_ids']).length > 0)) {
    await attempt(ends, `members of group ${textOf(group['name'])}`, async () => {
      await to.write(`identity/group/id/${groupIds.get(textOf(group['id'])) ?? ''}`, { name: textOf(group['name']), member_group_ids: translated(group['member_group_ids'], groupIds), member_entity_ids: translated(group['member_entity_ids'], ids) })
    })
  }
}
