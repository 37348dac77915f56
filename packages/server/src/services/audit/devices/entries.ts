// A record of the journal as the two entries that Vault's audit devices write, so that what parses those parses these.
// Hashes are made anew under the device's key: two devices cannot be joined by them, and the journal's do not leave it.

import { hmacSha256 } from '../../../crypto/mac.ts'
import { deriveKey } from '../../../crypto/hkdf.ts'
import { importHmacKey, type HmacKey } from '../../../crypto/keys.ts'
import type { AuditEvent } from '../../../kernel/audit.ts'
import { accessorOf } from '../../../kernel/tenancy.ts'
import { Recent } from '../../../lib/recent.ts'

const HASHED = 'hmac-sha256:'
const REMEMBERED = 4096

/** The device's own key. Its input is uniformly random, and the device's id is never used again. */
export const deviceKey = (auditKey: HmacKey, deviceId: string): HmacKey => importHmacKey(deriveKey(auditKey, `coffer/audit-device/1 ${deviceId}`, 32))

/** From how the journal names a value to how the device does: the only way in which a value gets there. */
export const deviceHash = (key: HmacKey, journalHash: string): string => `${HASHED}${hmacSha256(key, journalHash).toString('hex')}`

export interface Namespace {
  readonly id: string
  /** Slugs with a slash behind each; empty: root. */
  readonly path: string
}

export interface EntryContext {
  /** Of a text that the journal has as a hash. */
  hash(journalHash: string): string
  namespace: Namespace
}

export const hasher = (key: HmacKey): ((journalHash: string) => string) => {
  const known = new Recent<string, string>(REMEMBERED)
  return (journalHash) => {
    const found = known.get(journalHash)
    if (found !== undefined) return found
    const made = deviceHash(key, journalHash)
    known.set(journalHash, made)
    return made
  }
}

type Json = Readonly<Record<string, unknown>>

const rehashed = (value: unknown, hash: EntryContext['hash']): unknown => {
  if (typeof value === 'string') return value.startsWith(HASHED) ? hash(value) : value
  if (Array.isArray(value)) return value.map((item) => rehashed(item, hash))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, rehashed(each, hash)]))
}

/** Keys whose value is undefined or empty are left out, as Vault's are. */
const compact = (given: Json): Json => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== ''))

const VERBS: Readonly<Record<string, string>> = { list: 'list', search: 'list', read: 'read', reveal: 'read', export: 'read', inject: 'read', create: 'create', delete: 'delete', purge: 'delete', destroy: 'delete' }

/** For records that say no verb of their own (each secret of a batch, what the server itself did). */
const verbOf = (action: string): string => VERBS[action.slice(action.lastIndexOf('.') + 1)] ?? 'update'

const pathOf = ({ project, environment, path, action }: AuditEvent): string => {
  if (project === undefined) return path ?? action
  return [project, 'data', ...(environment === undefined || environment === 'default' ? [] : [environment]), ...(path === undefined ? [] : [path])].join('/')
}

interface MountFacts {
  readonly type: string
  readonly point: string
  readonly class: 'auth' | 'secret'
  readonly accessor?: string | undefined
}

const BUILT_IN: readonly MountFacts[] = [
  { type: 'system', point: 'sys/', class: 'secret' },
  { type: 'identity', point: 'identity/', class: 'secret' },
  { type: 'cubbyhole', point: 'cubbyhole/', class: 'secret' },
  { type: 'token', point: 'auth/token/', class: 'auth' },
]

const mountOf = (event: AuditEvent, path: string): MountFacts | undefined => {
  const { mountType, mountPoint, mountAccessor } = event.request ?? {}
  if (mountType !== undefined && mountPoint !== undefined) return { type: mountType, point: mountPoint, accessor: mountAccessor, class: mountPoint.startsWith('auth/') ? 'auth' : 'secret' }
  const builtIn = BUILT_IN.find(({ point }) => path.startsWith(point))
  if (builtIn !== undefined) return { ...builtIn, accessor: accessorOf({ class: builtIn.class, type: builtIn.type, mountId: event.orgId }) }
  return event.project === undefined ? undefined : { type: 'kv', point: `${event.project}/`, class: 'secret' }
}

const authOf = (event: AuditEvent, context: EntryContext): Json => {
  const { holder, accessorHmac, actorId, decision, rule } = event
  const results = { allowed: decision === 'ALLOW', ...(rule === undefined ? {} : { granting_policies: [{ name: rule, namespace_id: context.namespace.id, type: 'acl' }] }) }
  return compact({
    accessor: accessorHmac === undefined ? undefined : context.hash(accessorHmac),
    client_token: holder?.hmac === undefined ? undefined : context.hash(holder.hmac),
    display_name: holder?.displayName ?? event.principal,
    entity_id: actorId,
    policies: holder?.policies,
    policy_results: results,
    token_issue_time: holder?.issuedAt,
    token_policies: holder?.policies,
    token_ttl: holder?.ttlSeconds === 0 ? undefined : holder?.ttlSeconds,
    token_type: holder?.type,
  })
}

const requestOf = (event: AuditEvent, context: EntryContext, mount: MountFacts | undefined, path: string): Json => {
  const { request, holder, accessorHmac } = event
  return compact({
    client_id: event.actorId,
    client_token: holder?.hmac === undefined ? undefined : context.hash(holder.hmac),
    client_token_accessor: accessorHmac === undefined ? undefined : context.hash(accessorHmac),
    data: rehashed(request?.data, context.hash),
    headers: rehashed(request?.headers, context.hash),
    id: event.requestId.replace(/^req_/, ''),
    mount_accessor: mount?.accessor,
    mount_class: mount?.class,
    mount_point: mount?.point,
    mount_type: mount?.type,
    namespace: compact({ id: context.namespace.id, path: context.namespace.path }),
    operation: request?.operation ?? verbOf(event.action),
    path,
    remote_address: event.sourceIp,
    remote_port: request?.remotePort,
  })
}

const DENIED = 'permission denied'

/** Where no rule was asked, who asked was not known. */
const errorsOf = ({ decision, errorCode }: AuditEvent): { readonly request?: string; readonly response?: string } => {
  if (decision === 'DENY') return { request: DENIED, response: `1 error occurred:\n\t* ${DENIED}\n\n` }
  return errorCode === undefined ? {} : { response: errorCode }
}

/** The request entry and the response entry. */
export const entriesOf = (event: AuditEvent, context: EntryContext): readonly [Json, Json] => {
  const path = event.request?.path === undefined || event.request.path === '' ? pathOf(event) : event.request.path
  const mount = mountOf(event, path)
  const auth = authOf(event, context)
  const request = requestOf(event, context, mount, path)
  const time = new Date(event.at).toISOString()
  const errors = errorsOf(event)
  const response = compact({ mount_accessor: mount?.accessor, mount_class: mount?.class, mount_point: mount?.point, mount_type: mount?.type })
  return [
    compact({ auth, error: errors.request, request, time, type: 'request' }),
    compact({ auth, error: errors.response, request, response, time, type: 'response' }),
  ]
}
