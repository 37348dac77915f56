// What audit devices say of a request besides what every record says: its verb, its path in Vault's terms, its mount, the
// names that it sent with an HMAC for each value, and chosen headers. Only spent while there is a device.

import type { RequestFacts } from '../kernel/audit.ts'
import type { AuditDraft } from '../kernel/call.ts'
import type { Operation } from '../kernel/operation.ts'
import { accessorOf } from '../kernel/tenancy.ts'
import type { DoorRequest } from './exchange.ts'
import type { RecordDetail } from './ports.ts'

const MOST_VALUES = 256
const DEEPEST = 8
const LONGEST_NAME = 256
const LONGEST_PATH = 2048
const CUT = '…'

const cut = (text: string, most: number): string => (text.length > most ? text.slice(0, most - 1) + CUT : text).toWellFormed()

/** Every value, whatever its type: a number can be a secret, too. */
const hashedValues = (given: Readonly<Record<string, unknown>>, hash: (value: string) => string): Readonly<Record<string, unknown>> => {
  let left = MOST_VALUES
  const walk = (value: unknown, depth: number): unknown => {
    if (value === null || value === undefined) return null
    if (--left < 0 || depth > DEEPEST) return CUT
    if (Array.isArray(value)) return value.slice(0, MOST_VALUES).map((item) => walk(item, depth + 1))
    // A number with more digits than a double holds is a frozen object that prints as a number (JSON.rawJSON).
    if (typeof value === 'object' && !Object.isFrozen(value)) return named(value, depth)
    return hash(typeof value === 'string' ? value : JSON.stringify(value))
  }
  const named = (value: object, depth: number): Readonly<Record<string, unknown>> =>
    Object.fromEntries(Object.entries(value).slice(0, MOST_VALUES).map(([name, each]) => [cut(name, LONGEST_NAME), walk(each, depth + 1)]))
  return named(given, 0)
}

const VERBS: Readonly<Record<Operation['method'], string>> = { GET: 'read', LIST: 'list', POST: 'update', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }

const headersOf = async (detail: RecordDetail, request: DoorRequest, hash: (value: string) => string): Promise<RequestFacts['headers']> => {
  if (request.headers === undefined) return undefined
  const found: [string, readonly string[]][] = []
  for (const [name, isHashed] of await detail.headers()) {
    const value = request.headers(name)
    if (value !== undefined) found.push([name, [isHashed ? hash(value) : cut(value, LONGEST_PATH)]])
  }
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

/** Known before anything else of the request is, so that a refusal says it, too. */
export const describeTarget = (operation: Operation, { mount, apiPath, sourcePort }: DoorRequest): RequestFacts => withPort(sourcePort?.(), {
  operation: VERBS[operation.method],
  // Doors with paths of their own ask the policy about one of Vault's: that is the path then.
  path: cut(apiPath?.() ?? '', LONGEST_PATH),
  ...(mount === undefined ? {} : { mountType: mount.type, mountAccessor: accessorOf(mount), mountPoint: `${mount.class === 'auth' ? 'auth/' : ''}${mount.path}/` }),
})

const withPort = (remotePort: number | undefined, facts: RequestFacts): RequestFacts => (remotePort === undefined ? facts : { ...facts, remotePort })

/** What it sent, under the key of the organization that it is for. */
export const describeContent = async (detail: RecordDetail, request: DoorRequest, orgId: string): Promise<Pick<RequestFacts, 'headers' | 'data'>> => {
  const hash = await detail.hasher(orgId)
  const sent = { ...request.raw.query, ...request.raw.body }
  const headers = await headersOf(detail, request, hash)
  return { ...(headers === undefined ? {} : { headers }), ...(Object.keys(sent).length === 0 ? {} : { data: hashedValues(sent, hash) }) }
}

/** Of a draft, what the next request to the same target will have, too. */
export const learnable = (draft: AuditDraft): AuditDraft => {
  if (draft.request === undefined) return { ...draft }
  const { remotePort: _port, headers: _headers, data: _data, ...request } = draft.request
  return { ...draft, request }
}
