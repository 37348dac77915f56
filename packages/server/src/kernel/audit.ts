// The shape of an audit event, the same for every door. Names are the product's contract: they are searched,
// exported and shown. Values of secrets never appear here; sensitive identifiers appear as keyed HMACs.

export type ActorType = 'user' | 'service_account' | 'workload' | 'system' | 'anonymous'
export type AuditDecision = 'ALLOW' | 'DENY'

export interface AuditEvent {
  /** UUIDv7, set once. */
  readonly id: string
  /** Milliseconds since the epoch, set once. */
  readonly at: number
  readonly orgId: string
  /** SECRET_READ (metadata), SECRET_REVEAL, SECRET_WRITE, ... */
  readonly eventType: string
  /** secret.read, secret.reveal, secret.create, ... */
  readonly action: string
  readonly actorType: ActorType
  readonly actorId?: string | undefined
  readonly principal?: string | undefined
  readonly sourceIp?: string | undefined
  readonly requestId: string
  /** vault, rest, flat, grpc, supervisor. */
  readonly door: string
  readonly project?: string | undefined
  readonly environment?: string | undefined
  readonly path?: string | undefined
  readonly version?: number | undefined
  readonly resourceType?: string | undefined
  readonly resourceId?: string | undefined
  readonly decision: AuditDecision
  /** The HTTP status that the caller is about to see. */
  readonly status: number
  /** The policy rule that decided. */
  readonly rule?: string | undefined
  /** HMAC of the token accessor under the organization's audit key. */
  readonly accessorHmac?: string | undefined
  /** An error code of ours when the request failed. */
  readonly errorCode?: string | undefined
  /** What the caller's token is; only while an audit device is enabled. */
  readonly holder?: TokenFacts | undefined
  /** What was asked, as Vault's audit devices say it; only while an audit device is enabled. */
  readonly request?: RequestFacts | undefined
  /** Strings only, bounded, chosen by the operation: reason, ticket, counts, names. Never a value. */
  readonly metadata?: Readonly<Record<string, string | number | boolean>> | undefined
}

export interface TokenFacts {
  readonly displayName: string
  readonly type: 'service' | 'batch'
  readonly policies: readonly string[]
  readonly issuedAt?: string | undefined
  /** 0: it does not end. */
  readonly ttlSeconds?: number | undefined
  /** HMAC of the token under the organization's audit key. */
  readonly hmac?: string | undefined
}

/** Values stand in it as keyed HMACs, whatever they are. */
export interface RequestFacts {
  /** read, list, create, update, delete, patch. */
  readonly operation: string
  /** Below /v1. */
  readonly path: string
  readonly mountType?: string | undefined
  readonly mountPoint?: string | undefined
  readonly mountAccessor?: string | undefined
  readonly remotePort?: number | undefined
  /** Those that an administrator has chosen. */
  readonly headers?: Readonly<Record<string, readonly string[]>> | undefined
  /** Names as they were sent; every value an HMAC. */
  readonly data?: Readonly<Record<string, unknown>> | undefined
}

/** The kinds of event and the dotted action each stands for. One table, so that the two names cannot drift apart. */
export const eventTypeOf = (action: string): string => {
  const known = eventTypes[action]
  return known ?? action.replaceAll('.', '_').replaceAll('-', '_').toUpperCase()
}

const eventTypes: Readonly<Record<string, string>> = Object.freeze({
  __proto__: null,
  'secret.read': 'SECRET_READ',
  'secret.list': 'SECRET_LIST',
  'secret.reveal': 'SECRET_REVEAL',
  'secret.create': 'SECRET_WRITE',
  'secret.update': 'SECRET_WRITE',
  'secret.propose': 'SECRET_PROPOSE',
  'secret.promote': 'SECRET_PROMOTE',
  'secret.rollback': 'SECRET_ROLLBACK',
  'secret.delete': 'SECRET_DELETE',
  'secret.restore': 'SECRET_RESTORE',
  'secret.purge': 'SECRET_DESTROY',
  'secret.destroy': 'SECRET_DESTROY',
  'secret.disable': 'SECRET_DISABLE',
  'secret.export': 'SECRET_EXPORT',
  'secret.inject': 'SECRET_INJECT',
} as unknown as Record<string, string>)
