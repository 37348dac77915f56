// What time changes: keys rotate, those that retired are published no more, codes and access tokens end. Any number of workers may do it at
// once, and one may die in the middle: each organization's is one transaction, and the second finds it done.

import type { Database } from '../../../kernel/storage.ts'
import { dropEnded } from './grants.ts'
import { dueOf, published, rotated } from './keys.ts'
import { withPairs } from './material.ts'
import { keys, type NamedKey } from './records.ts'
import { reschedule, upkeep, type Changing, type OidcPorts } from './store.ts'

const isDue = ({ signing, nextRotationAt }: NamedKey, at: number): boolean => signing !== null && nextRotationAt <= at

const rotateDue = async (ports: OidcPorts, orgId: string, name: string): Promise<void> => {
  const known = (await keys.get(ports.view(orgId), name))?.value
  if (known === undefined || !isDue(known, ports.now())) return
  await withPairs(known.algorithm, 1, (taking) =>
    upkeep(ports, orgId, async (changing) => {
      const key = (await keys.get(changing.view, name))?.value
      if (key !== undefined && isDue(key, changing.at)) await keys.put(changing.view, name, await rotated(changing, key, taking()))
    }))
}

/** Returns when the next key changes. */
const expireRetired = async ({ view, at }: Changing): Promise<number | undefined> => {
  const due: number[] = []
  for (const name of await keys.names(view)) {
    const found = await keys.get(view, name)
    if (found === undefined || found.value.ring.length === 0) continue
    const key = { ...found.value, ring: published(found.value.ring, at) }
    if (key.ring.length < found.value.ring.length) await keys.put(view, name, key)
    due.push(...[dueOf(key) ?? []].flat())
  }
  return due.length === 0 ? undefined : Math.min(...due)
}

export const keepUp = async (ports: OidcPorts, orgId: string): Promise<void> => {
  for (const name of await keys.names(ports.view(orgId))) await rotateDue(ports, orgId, name)
  await upkeep(ports, orgId, async (changing) => {
    const due = [await expireRetired(changing), await dropEnded(changing)].filter((at) => at !== undefined)
    await reschedule(changing.tx, orgId, due.length === 0 ? undefined : Math.min(...due))
  })
}

/** Of organizations that are: what is sealed under keys that were destroyed is nobody's any more. */
export const dueOrganizations = async (jobs: Database): Promise<readonly string[]> => {
  const due = await jobs.query<{ org_id: string }>("select u.org_id from coffer.oidc_upkeep u join coffer.organizations o on o.org_id = u.org_id where u.due_at <= now() and o.state = 'active' order by u.due_at limit 1000")
  return due.rows.map(({ org_id: orgId }) => orgId)
}
