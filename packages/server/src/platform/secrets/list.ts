// The list of secrets on the native door: it shows what its caller may see one by one, and tells nothing of the rest.

import type { Cursors } from '../../kernel/cursor.ts'
import type { Handlers } from '../../kernel/operation.ts'
import { resolveFolder, resourceBelow, type Places } from '../../kernel/places.ts'
import type { ListedSecret, SecretAccess, SecretsPort } from '../../kernel/secrets.ts'
import type * as contracts from './operations.ts'
import { secretView } from './views.ts'

interface Page {
  readonly after: string
  readonly limit: number
  readonly deleted: boolean
}

interface Found {
  readonly shown: readonly ListedSecret[]
  /** Where the next page goes on, when there is one. */
  readonly next: string | undefined
}

export const list = (secrets: SecretsPort, places: Places, cursors: Cursors): Handlers<Pick<typeof contracts, 'list'>>['list'] => async (input, call) => {
  const access = await resolveFolder(places, call, input, input.prefix)
  const { address } = access
  const of = ['secrets', address.mountId, address.environment, address.path, input.deleted ? 'deleted' : 'live']
  const after = input.after === undefined ? '' : await cursors.open(call.orgId, of, input.after)
  const { shown, next } = await fill(secrets, access, visible(places, access), { after, limit: input.limit, deleted: input.deleted })
  return { items: shown.map((item) => secretView(address, item, item.currentVersion)), ...(next === undefined ? {} : { next: await cursors.seal(call.orgId, of, next) }) }
}

const PIECE = 500
/** How many rows are looked at for one answer: so many for each that was asked for, and not fewer than the least. */
const LOOKED_AT_FOR_EACH = 10
const LEAST_LOOKED_AT = 1000

/**
 * Pages are full and end at something that is shown, so that neither says how much is left out. Only where very much is left out at
 * once is a page shorter than what is behind it.
 */
const fill = async (secrets: SecretsPort, access: SecretAccess, isSeen: (path: string) => boolean, { after, limit, deleted }: Page): Promise<Found> => {
  const shown: ListedSecret[] = []
  const most = Math.max(LEAST_LOOKED_AT, LOOKED_AT_FOR_EACH * limit)
  let at = after
  // One more than is shown tells that there is another page.
  for (let looked = 0, piece = limit + 1; ; piece = PIECE) {
    const rows = await secrets.list(access, { after: at, limit: piece, deleted })
    for (const row of rows) {
      if (!isSeen(row.path)) continue
      if (shown.length === limit) return { shown, next: shown.at(-1)?.path }
      shown.push(row)
    }
    const last = rows.at(-1)
    if (last === undefined || rows.length < piece) return { shown, next: undefined }
    looked += rows.length
    at = last.path
    if (looked >= most) return { shown, next: shown.length === limit ? shown.at(-1)?.path : at }
  }
}

/**
 * What may be seen one by one: the secret itself, or the names of its folder, unless a rule takes this one's name out of them. Not knowing whether
 * it is protected counts as protected.
 */
export const visible = (places: Places, access: SecretAccess): ((path: string) => boolean) => {
  const { call, address } = access
  const all = call.allowsBelow('read', resourceBelow(places, access, address.path, 'read', true))
  if (all?.allow === true) return () => true
  const folders = new Map<string, boolean>()
  const isListed = (folder: string): boolean => {
    const known = folders.get(folder)
    if (known !== undefined) return known
    const may = call.allows('list', resourceBelow(places, access, folder, 'list', true)).allow
    folders.set(folder, may)
    return may
  }
  return (path) => {
    const itself = resourceBelow(places, access, path, 'read', true)
    if (all === undefined && call.allows('read', itself).allow) return true
    if (!isListed(path.slice(0, path.lastIndexOf('/') + 1))) return false
    const named = call.allows('list', itself)
    return named.allow || named.rule === 'default-deny'
  }
}
