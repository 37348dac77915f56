// Codes and access tokens: random texts of which only a hash is kept, each with what it stands for in a sealed entry. The minute in which one
// ends is the last part of the text and the folder of its entry, so that upkeep finds what has ended without opening anything.

import { sha256Hex } from '../../../crypto/digest.ts'
import { makeBase62Text } from '../../../crypto/random.ts'
import { collection, namesBelow, type SealedView } from '../../../kernel/ports/sealed-store.ts'
import type { AccessGrant, CodeGrant } from './records.ts'
import { schedule, type Changing, type OidcPorts } from './store.ts'

const MINUTE = 60_000
const END_DIGITS = 6
/** RFC 6749, 4.1.2: ten minutes at most; Vault has five. */
export const CODE_MS = 5 * MINUTE
const BATCH = 500

/** The first full minute in which it is over. */
const endOf = (expiresAt: number): string => Math.ceil(expiresAt / MINUTE).toString(36).padStart(END_DIGITS, '0')
const timeOf = (end: string): number => Number.parseInt(end, 36) * MINUTE

interface Kind {
  readonly prefix: 'code/' | 'access/'
  readonly shape: RegExp
  make(end: string): string
}

// 190 bits of chance each (RFC 6749, 10.10 asks for 128).
const codes: Kind = { prefix: 'code/', shape: /^[0-9A-Za-z]{32}([0-9a-z]{6})$/, make: (end) => makeBase62Text(32) + end }
const accessTokens: Kind = { prefix: 'access/', shape: /^cvo_[0-9A-Za-z]{32}([0-9a-z]{6})$/, make: (end) => `cvo_${makeBase62Text(32)}${end}` }

const keep = async <T extends { readonly expiresAt: number }>(kind: Kind, { view, tx }: Pick<Changing, 'view' | 'tx'>, orgId: string, grant: T): Promise<string> => {
  const end = endOf(grant.expiresAt)
  const text = kind.make(end)
  await collection<T>(`${kind.prefix}${end}/`).put(view, sha256Hex(text), grant, { cas: 0 })
  await schedule(tx, orgId, timeOf(end))
  return text
}

/** Where the grant of a text would be; undefined: it is none of ours. */
const placeOf = (kind: Kind, text: string): { readonly folder: string; readonly name: string } | undefined => {
  const end = kind.shape.exec(text)?.[1]
  return end === undefined ? undefined : { folder: `${kind.prefix}${end}/`, name: sha256Hex(text) }
}

export const keepCode = (changing: Pick<Changing, 'view' | 'tx'>, orgId: string, grant: CodeGrant): Promise<string> => keep(codes, changing, orgId, grant)
export const keepAccess = (changing: Pick<Changing, 'view' | 'tx'>, orgId: string, grant: AccessGrant): Promise<string> => keep(accessTokens, changing, orgId, grant)

/** Gives what a code stands for to one caller, whichever worker it asks, and never again. */
export const takeCode = async (ports: OidcPorts, orgId: string, text: string): Promise<CodeGrant | undefined> => {
  const place = placeOf(codes, text)
  if (place === undefined) return undefined
  const records = collection<CodeGrant>(place.folder)
  const found = await records.get(ports.view(orgId), place.name)
  // Whoever deletes it has it: a second caller, though it read the same, finds nothing to delete.
  if (found === undefined || !(await records.delete(ports.view(orgId), place.name))) return undefined
  return found.value.expiresAt > ports.now() ? found.value : undefined
}

export const findAccess = async (ports: OidcPorts, orgId: string, text: string): Promise<AccessGrant | undefined> => {
  const place = placeOf(accessTokens, text)
  const found = place === undefined ? undefined : await collection<AccessGrant>(place.folder).get(ports.view(orgId), place.name)
  return found !== undefined && found.value.expiresAt > ports.now() ? found.value : undefined
}

const endsOf = async (view: SealedView, { prefix }: Kind): Promise<readonly string[]> => (await namesBelow(view, prefix)).map((folder) => folder.slice(0, -1))

/** Removes what has ended, a bounded number at a time. Returns when more is due; undefined: nothing is left. */
export const dropEnded = async ({ view, at }: Pick<Changing, 'view' | 'at'>): Promise<number | undefined> => {
  let left = BATCH
  const rest: number[] = []
  for (const kind of [codes, accessTokens]) {
    for (const end of await endsOf(view, kind)) {
      if (timeOf(end) > at || left === 0) {
        rest.push(timeOf(end))
        continue
      }
      const names = await namesBelow(view, `${kind.prefix}${end}/`)
      for (const name of names.slice(0, left)) await view.delete(`${kind.prefix}${end}/${name}`)
      if (names.length > left) rest.push(timeOf(end))
      left -= Math.min(left, names.length)
    }
  }
  return rest.length === 0 ? undefined : Math.min(...rest)
}
