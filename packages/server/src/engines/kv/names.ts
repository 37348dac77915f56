// Names below a folder: directly below it, or all of them (OpenBao's scan), never more than the caller may list.

import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { resourceBelow, type Places } from '../../kernel/places.ts'
import type { SecretAccess, SecretsPort } from '../../kernel/secrets.ts'
import { DEFAULT_ENVIRONMENT } from '../../kernel/tenancy.ts'
import { folderAt } from './paths.ts'

const MOST_NAMES = 100_000
/** Only where so many are below does a refusal tell of what is hidden. */
const LOOKED_AT_FOR_EACH = 10
const PAGE = 1000

const noNames = (): Error => fail('not_found', 'kv.nothing_below', 'There is nothing below this path.')

export interface NamesPage {
  readonly after?: string | undefined
  readonly limit: number
  readonly scan: boolean
}

/** @param most names that one answer holds */
export const listNames = async (secrets: SecretsPort, places: Places, call: Call, path: string, page: NamesPage, most = MOST_NAMES): Promise<{ readonly keys: readonly string[] }> => {
  const access = await folderAt(places, call, path)
  const limit = page.limit === 0 ? most : page.limit
  const after = page.after ?? ''
  const isTop = access.address.environment === DEFAULT_ENVIRONMENT && access.address.path === ''
  const found = page.scan ? await scanned(secrets, places, access, { isTop, most }) : await directly(secrets, access, { after, limit, isTop })
  const names = found.filter((name) => name > after).slice(0, limit)
  if (names.length === 0) throw noNames()
  return { keys: names }
}

const directly = async (secrets: SecretsPort, access: SecretAccess, { after, limit, isTop }: { readonly after: string; readonly limit: number; readonly isTop: boolean }): Promise<readonly string[]> => {
  const below = await secrets.children(access, { after, limit })
  // Registered environments are folders at the top; an empty one is not shown, as Vault shows no empty folder.
  const environments = isTop ? await secrets.environmentsInUse(access) : []
  return [...new Set([...below, ...environments.filter((slug) => slug !== DEFAULT_ENVIRONMENT).map((slug) => `${slug}/`)])].sort()
}

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1)

/** One word of the policy for each folder: a right to list it, or the scan that was asked for. */
const folders = (places: Places, access: SecretAccess): ((folder: string) => boolean) => {
  const known = new Map<string, boolean>()
  return (folder) => {
    const before = known.get(folder)
    if (before !== undefined) return before
    const resource = resourceBelow(places, access, folder, 'list', false)
    const may = access.call.allows('list', resource).allow || access.call.allows('list', { ...resource, capability: 'scan' }).allow
    known.set(folder, may)
    return may
  }
}

const scanned = async (secrets: SecretsPort, places: Places, access: SecretAccess, { isTop, most }: { readonly isTop: boolean; readonly most: number }): Promise<readonly string[]> => {
  const { call, address } = access
  const authorise = (): Grant => {
    const resource = resourceBelow(places, access, address.path, 'list', false)
    return call.authorise('list', call.allows('list', resource).allow ? resource : { ...resource, capability: 'scan' })
  }
  const environments = isTop ? await secrets.environmentsInUse({ ...access, authorise }) : [address.environment]
  const found: string[] = []
  let looked = 0
  for (const environment of new Set([...environments, address.environment])) {
    const there: SecretAccess = { ...access, address: { ...address, environment }, authorise }
    const prefix = environment === address.environment ? '' : `${environment}/`
    const may = folders(places, there)
    for await (const paths of pagesBelow(secrets, there)) {
      // What may not be listed does not count, or the limit would tell of it.
      for (const path of paths) if (may(folderOf(path))) found.push(`${prefix}${path.slice(address.path.length)}`)
      looked += paths.length
      if (found.length > most || looked > LOOKED_AT_FOR_EACH * most) throw fail('invalid_request', 'kv.too_many_names', `There are more than ${most} names below; scan a folder of fewer.`)
    }
  }
  return found.sort()
}

async function* pagesBelow(secrets: SecretsPort, access: SecretAccess): AsyncGenerator<readonly string[]> {
  let after = ''
  for (;;) {
    const page = await secrets.list(access, { after, limit: PAGE, deleted: false })
    yield page.map(({ path }) => path)
    const last = page[page.length - 1]
    if (last === undefined || page.length < PAGE) return
    after = last.path
  }
}
