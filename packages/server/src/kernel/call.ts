// One request as the domain sees it, whatever door it came through. A service asks for a grant before it acts, and its
// methods take the grant as an argument: code that forgets the policy decision does not compile.

import type { AuditEvent, RequestFacts, TokenFacts } from './audit.ts'
import type { NotedChange, WriteOutcome, WrittenRecord } from './audited-write.ts'
import type { LoadedToken } from './identity.ts'
import type { SecretAddress } from './secret-model.ts'
import type { Mount } from './tenancy.ts'
import type { BatchSelection, WarmLogin } from './warm.ts'

/** What an operation does. `read` is metadata; only `reveal`, `export` and `break-glass` release plaintext. */
export type Action =
  | 'list'
  | 'read'
  | 'reveal'
  | 'create'
  | 'update'
  | 'delete'
  | 'undelete'
  | 'destroy'
  | 'rotate'
  | 'export'
  | 'administer'
  | 'audit-read'
  | 'break-glass'

export interface Resource {
  readonly kind: 'secret' | 'environment' | 'project' | 'organization' | 'owner' | 'policy' | 'token' | 'identity' | 'auth' | 'engine' | 'lease' | 'audit' | 'system' | 'platform'
  readonly apiPath: string
  readonly project?: string | undefined
  readonly environment?: string | undefined
  readonly path?: string | undefined
  readonly protected?: boolean | undefined
  /** The capability that a Vault verb needs where the action's own does not say it. */
  readonly capability?: 'create' | 'read' | 'update' | 'patch' | 'delete' | 'list' | 'scan' | 'sudo' | undefined
  /** One of Vault's sudo-protected paths: `sudo` is needed besides the action. */
  readonly sudo?: boolean | undefined
}

declare const granted: unique symbol
/** Proof that the policy allowed one action on one resource. Only the pipeline makes it. */
export interface Grant {
  readonly action: Action
  readonly resource: Resource
  readonly rule: string
  readonly [granted]: true
}

export interface Verdict {
  readonly allow: boolean
  readonly rule: string
  readonly reason: string
}

/** Who is asking. */
export interface Caller {
  readonly orgId: string
  readonly tokenId: string
  readonly principalId: string | undefined
  /** `user:ann`, `service:prod:payments-api`, `token:<display name>`. */
  readonly principal: string
  readonly actorType: AuditEvent['actorType']
  readonly root: boolean
  readonly lock: { readonly project: string; readonly mountId: string; readonly environment: string | undefined } | undefined
  readonly accessor: string
  readonly accessorHmac: string
  readonly policies: readonly string[]
  /** For the records of audit devices. */
  readonly holder?: TokenFacts | undefined
  readonly expiresAt: number | undefined
  /** Everything about a batch token: nothing of it is in the database. Undefined: a service token. */
  readonly carried: LoadedToken | undefined
}

export interface AuditDraft {
  /** When what happened is not the operation's own action (a reveal asked of a read). */
  action?: string | undefined
  project?: string | undefined
  environment?: string | undefined
  path?: string | undefined
  version?: number | undefined
  resourceType?: string | undefined
  resourceId?: string | undefined
  rule?: string | undefined
  denied?: boolean
  request?: RequestFacts | undefined
  metadata?: Record<string, string | number | boolean>
}

/** The client certificate of a connection. */
export interface Peer {
  /** Whether it leads to an authority of the listener. */
  readonly isVerified: boolean
  /** DER, the client's own first. */
  readonly chain: readonly Uint8Array[]
}

export interface Call {
  /** The mount that an engine's operation was reached through. */
  readonly mount: Mount | undefined
  readonly requestId: string
  readonly door: string
  readonly orgId: string
  /** Undefined on public operations. */
  readonly caller: Caller | undefined
  readonly sourceIp: string | undefined
  /** A login whose token serves the request that it came with, and nothing else. */
  readonly isForOneRequest?: boolean | undefined
  /** Passcodes of second steps that came with a login, as their header has them. */
  readonly mfaHeader?: string | undefined
  /** Only behind doors that TLS clients reach; undefined: no certificate was given. */
  readonly peer?: (() => Peer | undefined) | undefined
  /** Headers of the answer, names and values one after the other; doors without any take none. */
  readonly tell?: ((headers: readonly string[]) => void) | undefined
  /** From X-Coffer-Project; the default when the operation names no project. */
  readonly projectHeader: string | undefined
  readonly idempotencyKey: string | undefined
  /** The answer is to be wrapped for as long. */
  readonly wrapTtlSeconds?: number | undefined
  /** Database time, milliseconds since the epoch. */
  now(): number
  /** The decision without its consequences, for filtering lists. */
  allows(action: Action, resource: Resource): Verdict
  /** The same for everything below a folder (its paths end with a slash, theirs do not), when no rule tells one from another. Undefined: each is asked for by itself. */
  allowsBelow(action: Action, folder: Resource): Verdict | undefined
  /** Whether the caller has any right at or below the mount of the call, or, without one, the path. */
  reaches(path: string): boolean
  /** The grant, or permission_denied; either way the rule is noted for the audit. @throws permission_denied */
  authorise(action: Action, resource: Resource): Grant
  /** What the audit record of this call will say about its resource. */
  readonly audit: AuditDraft
  /** The audit record of a write, to be committed with the write itself. */
  writeRecord(outcome?: WriteOutcome): WrittenRecord
  /** Keeps the record just made, if there is one, besides the next: for several writes of a call, or several secrets in one transaction. */
  keepRecord(): void
  /** The transaction that the kept records were part of runs again from its start. */
  dropKeptRecords(): void
  /** Further records of the same call (one for each secret of a batch). They share the frame of the main one. */
  alsoRecord(event: { readonly action: string } & AuditDraft): void
  /** What was asked for is begun and goes on: the answer is 202 instead of the contract's status. */
  accepted(): void
  /** Of an operation that may have nothing to say: whether it has. Its writes ask before it answers, because their records name the status. */
  says(something: boolean): void
  /** Told by the service of the one secret that it hands out: what a compiled plan repeats. */
  noteReveal?(address: SecretAddress, selector: string): void
  /** The same of the one folder all of whose secrets it hands out. */
  noteBatch?(folder: SecretAddress, selection: BatchSelection): void
  /** Told of a login that is remembered and writes nothing: what a compiled plan repeats. */
  noteLogin?(login: WarmLogin): void
  /** After a commit: drops what this worker's own caches hold of it and wakes the others. */
  changed(changes: readonly NotedChange[]): void
  /** After a commit: waits until no worker serves what the transaction replaced. @throws unavailable (committed, not yet confirmed) */
  confirm(xid: string): Promise<void>
}
