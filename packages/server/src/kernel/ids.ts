// Ids are UUIDv7 in storage and a prefix with base62 of the 16 bytes on the wire. They are no authority by themselves.

import { decodeBase62, encodeBase62 } from '../lib/base62.ts'
import { formatUuid, parseUuid } from '../lib/uuid.ts'

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }
export type OrgId = Branded<'OrgId'>
export type MountId = Branded<'MountId'>
export type SecretId = Branded<'SecretId'>

const prefixes = { organization: 'org', project: 'prj', environment: 'env', secret: 'sec', principal: 'usr', group: 'grp', policy: 'pol', token: 'tok', binding: 'rol', event: 'evt' } as const
export type IdKind = keyof typeof prefixes

/** `sec_` + base62 of the UUID's bytes. */
export const formatId = (kind: IdKind, uuid: string): string => {
  const bytes = parseUuid(uuid)
  if (bytes === undefined) throw new Error('not a UUID')
  return `${prefixes[kind]}_${encodeBase62(bytes)}`
}

/** The UUID behind a wire id of this kind, or undefined when it is anything else. */
export const parseId = (kind: IdKind, text: string): string | undefined => {
  const prefix = `${prefixes[kind]}_`
  if (!text.startsWith(prefix) || text.length !== prefix.length + 22) return undefined
  const bytes = decodeBase62(text.slice(prefix.length))
  return bytes?.length === 16 ? formatUuid(bytes) : undefined
}

/** Whether text looks like a wire id of this kind. */
export const isIdOf = (kind: IdKind, text: string): boolean => parseId(kind, text) !== undefined
