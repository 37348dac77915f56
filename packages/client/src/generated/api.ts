// Generated from the operations' contracts; do not edit. One method for each operation, and what a request of it looks like.

import type { CallOptions, OperationFacts } from '../operation.ts'

export interface AccessExplainInput {
  /** Action */
  readonly action: 'list' | 'read' | 'reveal' | 'create' | 'update' | 'delete' | 'undelete' | 'destroy' | 'rotate' | 'export' | 'administer' | 'audit-read' | 'break-glass'
  /** Path of a secret below its environment */
  readonly path?: string | undefined
  /** Project */
  readonly project?: string | undefined
  /** Environment */
  readonly environment?: string | undefined
  /** Accessor of the token to ask about. Default: your own */
  readonly accessor?: string | undefined
}

export interface AccessExplainOutput {
  /** The decision */
  readonly allow: boolean
  /** The rule that decided */
  readonly rule: string
  /** In a sentence */
  readonly reason: string
  /** Conditions that are not met, when a rule would allow it but for them */
  readonly missing?: readonly string[]
  /** Rules that were looked at */
  readonly considered: readonly { readonly rule: string; readonly effect: string; readonly matched: boolean; readonly why: string }[]
}

export interface AccessLogoutOutput {
  /** Tokens that ended */
  readonly revoked: number
}

export interface AccessRenewInput {
  /** From now. Default: its TTL */
  readonly increment?: number | string | undefined
}

export interface AccessRenewOutput {
  /** When it ends now */
  readonly expiresAt: string | null
}

export interface AccessWhoamiOutput {
  /** Accessor: names the token without being one */
  readonly accessor: string
  /** Name for people */
  readonly displayName: string
  /** Who acts with it */
  readonly principal?: string
  /** ACL policies */
  readonly policies: readonly string[]
  /** Whether nothing restrains it */
  readonly root: boolean
  /** Project that it is locked to */
  readonly project?: string
  /** Environment that it is locked to */
  readonly environment?: string
  /** When it was made */
  readonly createdAt: string
  /** When it ends */
  readonly expiresAt: string | null
  /** Whether it can be renewed */
  readonly renewable: boolean
  /** Uses that it was made with; 0: no limit */
  readonly numUses: number
  /** Whether the login that gave it included a second step */
  readonly mfa: boolean
  /** Organization */
  readonly organization: string
  /** user, service_account, workload */
  readonly actorType: string
}

export interface AliasesDeleteInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Alias */
  readonly alias: string
}

export interface AliasesDeleteOutput {
  /** Always true */
  readonly removed: boolean
}

export interface AliasesSetInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Alias. Default: current */
  readonly alias?: string | undefined
  /** Version number */
  readonly version: number
  /** The version that you expect to be current; 0 or null: there is none yet */
  readonly expectedPreviousVersion?: number | null | undefined
}

export interface AliasesSetOutput {
  /** Alias */
  readonly alias: string
  /** Version number */
  readonly version: number
  /** The same number */
  readonly versionNumber: number
  /** When */
  readonly updatedAt: string
}

export interface AuditSearchInput {
  /** Not before */
  readonly from?: string | undefined
  /** Before */
  readonly to?: string | undefined
  /** Who */
  readonly principal?: string | undefined
  /** Action, or its first part */
  readonly action?: string | undefined
  /** Event type */
  readonly eventType?: string | undefined
  /** Project */
  readonly project?: string | undefined
  /** Environment */
  readonly environment?: string | undefined
  /** Path, or its beginning with * at the end */
  readonly path?: string | undefined
  /** Decision */
  readonly decision?: 'ALLOW' | 'DENY' | undefined
  /** Request */
  readonly requestId?: string | undefined
  /** Cursor of the page before */
  readonly after?: string | undefined
  /** Most items in one page */
  readonly limit?: number | undefined
}

export interface AuditSearchOutput {
  /** Events */
  readonly items: readonly ({ readonly id: string; readonly eventType: string; readonly action: string; readonly tenantId: string; readonly actorType: string; readonly principal?: string; readonly sourceIp?: string; readonly requestId: string; readonly door: string; readonly project?: string; readonly environment?: string; readonly path?: string; readonly version?: number; readonly resourceType?: string; readonly resourceId?: string; readonly decision: 'ALLOW' | 'DENY'; readonly status: number; readonly rule?: string; readonly errorCode?: string; readonly metadata?: Readonly<Record<string, unknown>>; readonly createdAt: string })[]
  /** Cursor of the next page */
  readonly next?: string
}

export interface AuditSummaryInput {
  /** View */
  readonly view: 'reads-by-principal' | 'reads-by-secret' | 'denied-reads' | 'break-glass-reads'
  /** Not before */
  readonly from?: string | undefined
  /** Before */
  readonly to?: string | undefined
  /** Most rows */
  readonly limit?: number | undefined
}

export interface AuditSummaryOutput {
  /** Rows */
  readonly rows: readonly { readonly name: string; readonly count: number }[]
}

export interface AuditVerifyOutput {
  /** Whether nothing was found */
  readonly intact: boolean
  /** Streams that were checked */
  readonly streams: number
  /** Frames that were checked */
  readonly frames: number
  /** Records that were checked */
  readonly records: number
  /** What is wrong */
  readonly findings: readonly { readonly stream?: string; readonly seq?: number; readonly kind: string; readonly message: string }[]
  /** What this check cannot tell */
  readonly cannotSee: readonly string[]
}

export interface EnvironmentsCreateInput {
  /** Name of the project */
  readonly project: string
  /** Environment */
  readonly slug: string
  /** Name for people */
  readonly name?: string | undefined
  /** Protected from the start */
  readonly protected?: boolean | undefined
  /** Take in the secrets that were shown */
  readonly absorb?: boolean | undefined
}

export interface EnvironmentsCreateOutput {
  /** Id */
  readonly id: string
  /** Name in paths */
  readonly slug: string
  /** Name for people */
  readonly name: string
  /** Whether roles other than owners are kept from revealing and changing */
  readonly protected: boolean
  /** When it was registered */
  readonly createdAt: string
}

export interface EnvironmentsDeleteInput {
  /** Name of the project */
  readonly project: string
  /** Environment */
  readonly environment: string
}

export interface EnvironmentsDeleteOutput {
  /** Always true */
  readonly removed: boolean
}

export interface EnvironmentsListInput {
  /** Name of the project */
  readonly project: string
}

export interface EnvironmentsListOutput {
  /** Environments */
  readonly items: readonly { readonly id: string; readonly slug: string; readonly name: string; readonly protected: boolean; readonly createdAt: string }[]
}

export interface EnvironmentsUpdateInput {
  /** Name of the project */
  readonly project: string
  /** Environment */
  readonly environment: string
  /** Name for people */
  readonly name?: string | undefined
  /** Protected */
  readonly protected?: boolean | undefined
}

export interface EnvironmentsUpdateOutput {
  /** Id */
  readonly id: string
  /** Name in paths */
  readonly slug: string
  /** Name for people */
  readonly name: string
  /** Whether roles other than owners are kept from revealing and changing */
  readonly protected: boolean
  /** When it was registered */
  readonly createdAt: string
}

export interface FlatCreateInput {
  /** Environment */
  readonly environment: string
  /** Path below the environment */
  readonly path: string
  /** Team that answers for it */
  readonly ownerTeam: string
  /** manual, manual-overlap or automated-<days>d */
  readonly rotationStrategy: string
  /** What it is for */
  readonly description?: string | undefined
  /** Type of the value */
  readonly type?: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password' | undefined
}

export interface FlatCreateOutput {
  /** Id of the secret */
  readonly secretId: string
  /** Environment and path */
  readonly path: string
  /** ACTIVE */
  readonly status: string
  /** When */
  readonly createdAt: string
}

export interface FlatCreateVersionInput {
  /** Id of the secret */
  readonly secretId: string
  /** The value */
  readonly value?: string | undefined
  /** The value, by its other name */
  readonly plaintextValue?: string | undefined
  /** PENDING, or absent */
  readonly status?: 'PENDING' | undefined
  /** Type of the value */
  readonly type?: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password' | undefined
  /** When it stops being readable */
  readonly expiresAt?: string | undefined
}

export interface FlatCreateVersionOutput {
  /** Version number */
  readonly version: number
  /** The same number */
  readonly versionNumber: number
  /** State */
  readonly status: 'PENDING' | 'CURRENT' | 'PREVIOUS' | 'DISABLED' | 'DESTROYED'
  /** Keyed fingerprint */
  readonly sha256Fingerprint: string
  /** When */
  readonly createdAt: string
}

export interface FlatReadInput {
  /** Environment */
  readonly environment: string
  /** Path below the environment */
  readonly path: string
  /** Alias. Default: current */
  readonly alias?: string | undefined
  /** Version number, v3 or 3 */
  readonly version?: string | undefined
}

export interface FlatReadOutput {
  /** Path below the environment */
  readonly path: string
  /** Version number */
  readonly version: number
  /** The same number */
  readonly versionNumber: number
  /** The value */
  readonly value: string
  /** When it stops being readable */
  readonly expiresAt: string | null
}

export interface FlatSetAliasInput {
  /** Id of the secret */
  readonly secretId: string
  /** current, next, or your own */
  readonly alias: string
  /** Version number */
  readonly version?: number | undefined
  /** The same, by its other name */
  readonly versionNumber?: number | undefined
  /** The version that you expect there; 0 or null: none yet */
  readonly expectedPreviousVersion: number | null
}

export interface FlatSetAliasOutput {
  /** Alias */
  readonly alias: string
  /** Version number */
  readonly version: number
  /** The same number */
  readonly versionNumber: number
  /** When */
  readonly updatedAt: string
}

export interface GroupsAddMemberInput {
  /** Name of the group, or its id */
  readonly group: string
  /** Id of the principal, or its name: user:ann, service:payments-api */
  readonly member: string
}

export interface GroupsAddMemberOutput {
  /** Whether it was not in it before */
  readonly changed: boolean
}

export interface GroupsCreateInput {
  /** Name */
  readonly name: string
  /** ACL policies of its members */
  readonly policies?: readonly string[] | undefined
}

export interface GroupsCreateOutput {
  /** Id */
  readonly id: string
  /** Name */
  readonly name: string
  /** internal: members are set here; external: an issuer names them when they log in */
  readonly kind: 'internal' | 'external'
  /** ACL policies of its members */
  readonly policies: readonly string[]
  /** Ids of the principals in it */
  readonly members: readonly string[]
  /** Ids of the groups whose members are in it */
  readonly memberGroups?: readonly string[]
  /** When it was made */
  readonly createdAt: string
}

export interface GroupsDeleteInput {
  /** Name of the group, or its id */
  readonly group: string
}

export interface GroupsDeleteOutput {
  /** Always true */
  readonly removed: boolean
}

export interface GroupsGetInput {
  /** Name of the group, or its id */
  readonly group: string
}

export interface GroupsGetOutput {
  /** Id */
  readonly id: string
  /** Name */
  readonly name: string
  /** internal: members are set here; external: an issuer names them when they log in */
  readonly kind: 'internal' | 'external'
  /** ACL policies of its members */
  readonly policies: readonly string[]
  /** Ids of the principals in it */
  readonly members: readonly string[]
  /** Ids of the groups whose members are in it */
  readonly memberGroups?: readonly string[]
  /** When it was made */
  readonly createdAt: string
}

export interface GroupsListInput {
  /** Cursor */
  readonly after?: string | undefined
  /** Page size */
  readonly limit?: number | undefined
}

export interface GroupsListOutput {
  /** Groups */
  readonly items: readonly ({ readonly id: string; readonly name: string; readonly kind: 'internal' | 'external'; readonly policies: readonly string[]; readonly members: readonly string[]; readonly memberGroups?: readonly string[]; readonly createdAt: string })[]
  /** Cursor of the next page */
  readonly next?: string
}

export interface GroupsRemoveMemberInput {
  /** Name of the group, or its id */
  readonly group: string
  /** Id of the principal, or its name: user:ann, service:payments-api */
  readonly member: string
}

export interface GroupsRemoveMemberOutput {
  /** Whether it was in it before */
  readonly changed: boolean
}

export interface KeysRotateInput {
  /** Re-wrap the keys of existing versions now */
  readonly rewrap?: boolean | undefined
}

export interface KeysRotateOutput {
  /** Version of the active key */
  readonly kekVersion: number
  /** Versions that were re-wrapped */
  readonly rewrapped: number
}

export interface LeasesGetInput {
  /** Id of the lease: the path that gave it, and a random part */
  readonly id: string
}

export interface LeasesGetOutput {
  /** Id of the lease: the path that gave it, and a random part */
  readonly id: string
  /** Whether it is a token that expires, or a credential that an engine made */
  readonly type: 'token' | 'secret'
  /** When it was made */
  readonly issuedAt: string
  /** When it ends */
  readonly expiresAt: string
  /** When it was renewed last */
  readonly lastRenewedAt: string | null
  /** Whether it can be renewed now */
  readonly renewable: boolean
}

export interface LeasesListInput {
  /** Where they begin; all when absent */
  readonly prefix?: string | undefined
  /** Cursor of the page before */
  readonly after?: string | undefined
  /** Most items in one page */
  readonly limit?: number | undefined
}

export interface LeasesListOutput {
  /** Leases */
  readonly items: readonly ({ readonly id: string; readonly type: 'token' | 'secret'; readonly issuedAt: string; readonly expiresAt: string; readonly lastRenewedAt: string | null; readonly renewable: boolean })[]
  /** Cursor of the next page */
  readonly next?: string
}

export interface LeasesRenewInput {
  /** Id of the lease: the path that gave it, and a random part */
  readonly id: string
  /** From now. Default: as it was issued */
  readonly increment?: number | string | undefined
}

export interface LeasesRenewOutput {
  /** Id of the lease: the path that gave it, and a random part */
  readonly id: string
  /** When it ends now */
  readonly expiresAt: string
  /** Whether it can be renewed again */
  readonly renewable: boolean
  /** What was not done as asked */
  readonly warnings: readonly string[]
}

export interface LeasesRevokeInput {
  /** Id of the lease: the path that gave it, and a random part */
  readonly id: string
}

export interface OrganizationsCreateInput {
  /** Name in paths */
  readonly slug: string
  /** Name for people */
  readonly name?: string | undefined
}

export interface OrganizationsCreateOutput {
  /** Id */
  readonly id: string
  /** Name in paths and in X-Vault-Namespace */
  readonly slug: string
  /** Name for people */
  readonly name: string
  /** active, suspended, ... */
  readonly state: string
  /** When it was made */
  readonly createdAt: string
  /** Owner token of the new organization, shown this once */
  readonly token: string
}

export interface OrganizationsListInput {
  /** Cursor of the page before */
  readonly after?: string | undefined
  /** Most items in one page */
  readonly limit?: number | undefined
}

export interface OrganizationsListOutput {
  /** Organizations */
  readonly items: readonly { readonly id: string; readonly slug: string; readonly name: string; readonly state: string; readonly createdAt: string }[]
  /** Cursor of the next page */
  readonly next?: string
}

export interface OrganizationsResumeInput {
  /** Name in paths */
  readonly slug: string
}

export interface OrganizationsResumeOutput {
  /** Id */
  readonly id: string
  /** Name in paths and in X-Vault-Namespace */
  readonly slug: string
  /** Name for people */
  readonly name: string
  /** active, suspended, ... */
  readonly state: string
  /** When it was made */
  readonly createdAt: string
}

export interface OrganizationsShredInput {
  /** Name in paths */
  readonly slug: string
  /** The same name once more */
  readonly confirm: string
}

export interface OrganizationsShredOutput {
  /** Always true */
  readonly shredded: boolean
  /** What happened to the data in the database */
  readonly live: string
  /** When copies elsewhere are beyond reach, too */
  readonly backups: string
}

export interface OrganizationsSuspendInput {
  /** Name in paths */
  readonly slug: string
}

export interface OrganizationsSuspendOutput {
  /** Id */
  readonly id: string
  /** Name in paths and in X-Vault-Namespace */
  readonly slug: string
  /** Name for people */
  readonly name: string
  /** active, suspended, ... */
  readonly state: string
  /** When it was made */
  readonly createdAt: string
}

export interface PoliciesDeleteInput {
  /** Name */
  readonly name: string
  /** json: effect, principal, actions, resources, conditions; acl: Vault's HCL or JSON */
  readonly kind?: 'json' | 'acl' | undefined
}

export interface PoliciesDeleteOutput {
  /** Always true */
  readonly removed: boolean
}

export interface PoliciesGetInput {
  /** Name */
  readonly name: string
  /** json: effect, principal, actions, resources, conditions; acl: Vault's HCL or JSON */
  readonly kind?: 'json' | 'acl' | undefined
}

export interface PoliciesGetOutput {
  /** Name */
  readonly name: string
  /** json or acl */
  readonly kind: 'json' | 'acl'
  /** As written */
  readonly body: string
  /** When it was written */
  readonly updatedAt: string
  /** What the policy reaches beyond expectation */
  readonly warnings?: readonly string[]
}

export interface PoliciesListOutput {
  /** Policies */
  readonly items: readonly ({ readonly name: string; readonly kind: 'json' | 'acl'; readonly body: string; readonly updatedAt: string; readonly warnings?: readonly string[] })[]
}

export interface PoliciesPutInput {
  /** Name */
  readonly name: string
  /** json: effect, principal, actions, resources, conditions; acl: Vault's HCL or JSON */
  readonly kind?: 'json' | 'acl' | undefined
  /** The policy as text */
  readonly body: string
}

export interface PoliciesPutOutput {
  /** Name */
  readonly name: string
  /** json or acl */
  readonly kind: 'json' | 'acl'
  /** As written */
  readonly body: string
  /** When it was written */
  readonly updatedAt: string
  /** What the policy reaches beyond expectation */
  readonly warnings?: readonly string[]
}

export interface PrincipalsCreateInput {
  /** Name */
  readonly name: string
  /** Kind */
  readonly kind: 'user' | 'service_account' | 'workload'
}

export interface PrincipalsCreateOutput {
  /** Id */
  readonly id: string
  /** user, service_account, workload */
  readonly kind: string
  /** Name */
  readonly name: string
  /** Whether it may act */
  readonly disabled: boolean
  /** When it was made */
  readonly createdAt: string
}

export interface PrincipalsListInput {
  /** Cursor of the page before */
  readonly after?: string | undefined
  /** Most items in one page */
  readonly limit?: number | undefined
}

export interface PrincipalsListOutput {
  /** Principals */
  readonly items: readonly { readonly id: string; readonly kind: string; readonly name: string; readonly disabled: boolean; readonly createdAt: string }[]
  /** Cursor of the next page */
  readonly next?: string
}

export interface ProjectsCreateInput {
  /** Name of the project */
  readonly name: string
  /** What it is for */
  readonly description?: string | undefined
}

export interface ProjectsCreateOutput {
  /** Id */
  readonly id: string
  /** Name, and path of its mount */
  readonly name: string
  /** What it is for */
  readonly description: string
  /** Environments */
  readonly environments: readonly { readonly id: string; readonly slug: string; readonly name: string; readonly protected: boolean; readonly createdAt: string }[]
  /** When it was made */
  readonly createdAt: string
}

export interface ProjectsGetInput {
  /** Name of the project */
  readonly project: string
}

export interface ProjectsGetOutput {
  /** Id */
  readonly id: string
  /** Name, and path of its mount */
  readonly name: string
  /** What it is for */
  readonly description: string
  /** Environments */
  readonly environments: readonly { readonly id: string; readonly slug: string; readonly name: string; readonly protected: boolean; readonly createdAt: string }[]
  /** When it was made */
  readonly createdAt: string
}

export interface ProjectsListOutput {
  /** Projects */
  readonly items: readonly { readonly id: string; readonly name: string; readonly description: string; readonly environments: readonly { readonly id: string; readonly slug: string; readonly name: string; readonly protected: boolean; readonly createdAt: string }[]; readonly createdAt: string }[]
}

export interface RolesBindInput {
  /** Id of the principal */
  readonly principal: string
  /** Role */
  readonly role: 'auditor' | 'reader' | 'developer' | 'admin' | 'owner' | 'billing'
  /** Project */
  readonly project?: string | undefined
  /** Environment */
  readonly environment?: string | undefined
}

export interface RolesBindOutput {
  /** Id */
  readonly id: string
  /** Id of the principal */
  readonly principal?: string
  /** Role */
  readonly role: string
  /** Project */
  readonly project?: string
  /** Environment */
  readonly environment?: string
}

export interface RolesListInput {
  /** Only of this principal */
  readonly principal?: string | undefined
}

export interface RolesListOutput {
  /** Bindings */
  readonly items: readonly { readonly id: string; readonly principal?: string; readonly role: string; readonly project?: string; readonly environment?: string }[]
}

export interface RolesUnbindInput {
  /** Id of the binding */
  readonly binding: string
}

export interface RolesUnbindOutput {
  /** Always true */
  readonly removed: boolean
}

export interface SealAddSlotInput {
  /** shamir or keyfile */
  readonly kind: 'shamir' | 'keyfile'
  /** Shares to make */
  readonly shares?: number | undefined
  /** Shares that open it */
  readonly threshold?: number | undefined
  /** As many OpenPGP keys as shares: base64 of the binary key */
  readonly pgpKeys?: readonly string[] | undefined
  /** Absolute path of the file to make on the server */
  readonly keyFile?: string | undefined
}

export interface SealAddSlotOutput {
  /** Slot */
  readonly id: string
  /** Shares, once */
  readonly shares: readonly string[]
}

export interface SealListSlotsOutput {
  /** Slots */
  readonly slots: readonly ({ readonly id: string; readonly kind: string; readonly shares: number | null; readonly threshold: number | null; readonly generation: number; readonly replaced: boolean })[]
}

export interface SealRemoveSlotInput {
  /** Slot */
  readonly id: string
  /** Shares that open the slots of shares that stay */
  readonly shares?: readonly string[] | undefined
  /** Key files on the server that open slots which stay, besides the one that it is set up with */
  readonly keyFiles?: readonly string[] | undefined
}

export interface SealRemoveSlotOutput {
  /** Of the root key that is now in force */
  readonly generation: number
}

export interface SealRotateRootInput {
  /** Shares that open the slots of shares that stay */
  readonly shares?: readonly string[] | undefined
  /** Key files on the server that open slots which stay, besides the one that it is set up with */
  readonly keyFiles?: readonly string[] | undefined
}

export interface SealRotateRootOutput {
  /** Of the root key that is now in force */
  readonly generation: number
}

export interface SecretsDeleteInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
}

export interface SecretsDeleteOutput {
  /** Id of the secret */
  readonly id: string
  /** Project */
  readonly project: string
  /** Environment */
  readonly environment: string
  /** Path below the environment */
  readonly path: string
  /** Type of the value */
  readonly type: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password'
  /** The version that `current` names; 0: none yet */
  readonly currentVersion: number
  /** Team that answers for it */
  readonly ownerTeam: string
  /** What it is for */
  readonly description: string
  /** How it is rotated */
  readonly rotationStrategy: string
  /** When the secret was made */
  readonly createdAt: string
  /** When anything of it changed last */
  readonly updatedAt: string
  /** When it was deleted; absent for a live one */
  readonly deletedAt?: string
}

export interface SecretsGetInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Whether to decrypt and return the value */
  readonly reveal?: boolean | undefined
  /** Version number, v3 or 3 */
  readonly version?: string | undefined
  /** Alias: current, previous, next or your own */
  readonly alias?: string | undefined
}

export interface SecretsGetOutput {
  /** Id of the secret */
  readonly id: string
  /** Project */
  readonly project: string
  /** Environment */
  readonly environment: string
  /** Path below the environment */
  readonly path: string
  /** Type of the value */
  readonly type: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password'
  /** The version that `current` names; 0: none yet */
  readonly currentVersion: number
  /** Team that answers for it */
  readonly ownerTeam: string
  /** What it is for */
  readonly description: string
  /** How it is rotated */
  readonly rotationStrategy: string
  /** When the secret was made */
  readonly createdAt: string
  /** When anything of it changed last */
  readonly updatedAt: string
  /** When it was deleted; absent for a live one */
  readonly deletedAt?: string
  /** The value, as text */
  readonly value?: string
  /** Version that was read; absent when there is none yet */
  readonly version?: number
  /** The same number */
  readonly versionNumber?: number
  /** State of that version */
  readonly state?: string
  /** When that version stops being readable */
  readonly expiresAt?: string | null
  /** Keyed fingerprint of that version */
  readonly sha256Fingerprint?: string
  /** Custom metadata */
  readonly metadata: Readonly<Record<string, string>>
  /** Versions by alias */
  readonly aliases: Readonly<Record<string, number>>
}

export interface SecretsHistoryInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Cursor of the page before */
  readonly after?: string | undefined
  /** Most items in one page */
  readonly limit?: number | undefined
}

export interface SecretsHistoryOutput {
  /** Versions */
  readonly items: readonly ({ readonly version: number; readonly versionNumber: number; readonly state: 'PENDING' | 'CURRENT' | 'PREVIOUS' | 'DISABLED' | 'DESTROYED'; readonly type: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password'; readonly sha256Fingerprint?: string; readonly createdBy: string; readonly createdAt: string; readonly expiresAt: string | null; readonly deletedAt?: string })[]
  /** Cursor of the next page; absent on the last */
  readonly next?: string
}

export interface SecretsInjectInput {
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Only secrets below this folder */
  readonly prefix?: string | undefined
  /** Which version of each. Default: current */
  readonly alias?: string | undefined
  /** Name variables by the whole path */
  readonly prefixPath?: boolean | undefined
}

export interface SecretsInjectOutput {
  /** Values by variable name */
  readonly variables: Readonly<Record<string, string>>
  /** Names that were left out because they could take over a process */
  readonly excluded: readonly string[]
  /** Secrets that you may see in lists, but not reveal */
  readonly withheld: number
  /** What was read */
  readonly secrets: readonly { readonly path: string; readonly version: number }[]
}

export interface SecretsListInput {
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Only paths below this folder */
  readonly prefix?: string | undefined
  /** The deleted ones instead */
  readonly deleted?: boolean | undefined
  /** Cursor of the page before */
  readonly after?: string | undefined
  /** Most items in one page */
  readonly limit?: number | undefined
}

export interface SecretsListOutput {
  /** Secrets in path order */
  readonly items: readonly ({ readonly id: string; readonly project: string; readonly environment: string; readonly path: string; readonly type: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password'; readonly currentVersion: number; readonly ownerTeam: string; readonly description: string; readonly rotationStrategy: string; readonly createdAt: string; readonly updatedAt: string; readonly deletedAt?: string })[]
  /** Cursor of the next page; absent on the last */
  readonly next?: string
}

export interface SecretsPatchInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Team that answers for the secret */
  readonly ownerTeam?: string | undefined
  /** What it is for */
  readonly description?: string | undefined
  /** manual, manual-overlap or automated-<days>d */
  readonly rotationStrategy?: string | undefined
  /** Custom metadata */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Versions to keep; 0 keeps all */
  readonly maxVersions?: number | undefined
  /** Whether writes must name the version that they replace */
  readonly casRequired?: boolean | undefined
  /** How long a version can be read; 0 for ever */
  readonly deleteVersionAfter?: number | string | undefined
  /** Place in lists that people order */
  readonly sortOrder?: number | undefined
}

export interface SecretsPatchOutput {
  /** Id of the secret */
  readonly id: string
  /** Project */
  readonly project: string
  /** Environment */
  readonly environment: string
  /** Path below the environment */
  readonly path: string
  /** Type of the value */
  readonly type: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password'
  /** The version that `current` names; 0: none yet */
  readonly currentVersion: number
  /** Team that answers for it */
  readonly ownerTeam: string
  /** What it is for */
  readonly description: string
  /** How it is rotated */
  readonly rotationStrategy: string
  /** When the secret was made */
  readonly createdAt: string
  /** When anything of it changed last */
  readonly updatedAt: string
  /** When it was deleted; absent for a live one */
  readonly deletedAt?: string
}

export interface SecretsPurgeInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
}

export interface SecretsPurgeOutput {
  /** Always true */
  readonly purged: boolean
}

export interface SecretsPutInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** The value, as text */
  readonly value: string
  /** Type of the value. Default: that of the secret, else text */
  readonly type?: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password' | undefined
  /** The version that you expect to be current; 0 or null: there is none yet */
  readonly expectedPreviousVersion?: number | null | undefined
  /** When the version stops being readable */
  readonly expiresAt?: string | undefined
  /** The same as a duration from now */
  readonly ttl?: number | string | undefined
  /** Team that answers for the secret */
  readonly ownerTeam?: string | undefined
  /** What it is for */
  readonly description?: string | undefined
  /** manual, manual-overlap or automated-<days>d */
  readonly rotationStrategy?: string | undefined
  /** Custom metadata */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Versions to keep; 0 keeps all */
  readonly maxVersions?: number | undefined
  /** Whether writes must name the version that they replace */
  readonly casRequired?: boolean | undefined
  /** How long a version can be read; 0 for ever */
  readonly deleteVersionAfter?: number | string | undefined
  /** Place in lists that people order */
  readonly sortOrder?: number | undefined
}

export interface SecretsPutOutput {
  /** Id of the secret */
  readonly id: string
  /** Path below the environment */
  readonly path: string
  /** Version number */
  readonly version: number
  /** The same number */
  readonly versionNumber: number
  /** State of the version */
  readonly state: 'PENDING' | 'CURRENT' | 'PREVIOUS' | 'DISABLED' | 'DESTROYED'
  /** Keyed fingerprint of the value */
  readonly sha256Fingerprint: string
  /** When the version was made */
  readonly createdAt: string
}

export interface SecretsRestoreInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
}

export interface SecretsRestoreOutput {
  /** Id of the secret */
  readonly id: string
  /** Project */
  readonly project: string
  /** Environment */
  readonly environment: string
  /** Path below the environment */
  readonly path: string
  /** Type of the value */
  readonly type: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password'
  /** The version that `current` names; 0: none yet */
  readonly currentVersion: number
  /** Team that answers for it */
  readonly ownerTeam: string
  /** What it is for */
  readonly description: string
  /** How it is rotated */
  readonly rotationStrategy: string
  /** When the secret was made */
  readonly createdAt: string
  /** When anything of it changed last */
  readonly updatedAt: string
  /** When it was deleted; absent for a live one */
  readonly deletedAt?: string
}

export interface SecretsRollbackInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Version number or alias to go back to. Default: previous */
  readonly version?: string | undefined
  /** The version that you expect to be current; 0 or null: there is none yet */
  readonly expectedPreviousVersion?: number | null | undefined
}

export interface SecretsRollbackOutput {
  /** Id of the secret */
  readonly id: string
  /** Path below the environment */
  readonly path: string
  /** Version number */
  readonly version: number
  /** The same number */
  readonly versionNumber: number
  /** State of the version */
  readonly state: 'PENDING' | 'CURRENT' | 'PREVIOUS' | 'DISABLED' | 'DESTROYED'
  /** Keyed fingerprint of the value */
  readonly sha256Fingerprint: string
  /** When the version was made */
  readonly createdAt: string
}

export interface SyncDiffInput {
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Form of the document */
  readonly format: 'env' | 'json' | 'yaml'
  /** The document */
  readonly content: string
  /** Folder that the names are in */
  readonly prefix?: string | undefined
}

export interface SyncDiffOutput {
  /** New secrets */
  readonly created: number
  /** New versions */
  readonly updated: number
  /** Equal values */
  readonly unchanged: number
  /** Not written */
  readonly errors: number
  /** One for each name */
  readonly changes: readonly ({ readonly path: string; readonly change: 'create' | 'update' | 'unchanged' | 'remote-only' | 'error'; readonly message?: string })[]
}

export interface SyncPullInput {
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Form of the document */
  readonly format?: 'env' | 'json' | 'yaml' | undefined
  /** Only secrets below this folder */
  readonly prefix?: string | undefined
  /** Name entries by the whole path */
  readonly prefixPath?: boolean | undefined
}

export interface SyncPullOutput {
  /** Form of the document */
  readonly format: 'env' | 'json' | 'yaml'
  /** The document */
  readonly content: string
  /** Secrets that you may see in lists, but not reveal */
  readonly withheld: number
  /** Secrets in it */
  readonly secrets: number
}

export interface SyncPushInput {
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Form of the document */
  readonly format: 'env' | 'json' | 'yaml'
  /** The document */
  readonly content: string
  /** Folder that the names are in */
  readonly prefix?: string | undefined
  /** Write, after having seen the changes */
  readonly confirm?: boolean | undefined
}

export interface SyncPushOutput {
  /** New secrets */
  readonly created: number
  /** New versions */
  readonly updated: number
  /** Equal values */
  readonly unchanged: number
  /** Not written */
  readonly errors: number
  /** One for each name */
  readonly changes: readonly ({ readonly path: string; readonly change: 'create' | 'update' | 'unchanged' | 'remote-only' | 'error'; readonly message?: string })[]
  /** Whether anything was written */
  readonly applied: boolean
}

export interface SystemDoctorOutput {
  /** Checks */
  readonly checks: readonly ({ readonly name: string; readonly state: 'ok' | 'warning' | 'problem'; readonly message: string })[]
}

export interface TokensCreateInput {
  /** Name of the service account, or of the person */
  readonly name: string
  /** Who acts with it */
  readonly kind?: 'service_account' | 'user' | undefined
  /** Lock it to this project */
  readonly project?: string | undefined
  /** Lock it to this environment of the project */
  readonly environment?: string | undefined
  /** Role in that scope */
  readonly role?: 'auditor' | 'reader' | 'developer' | 'admin' | 'owner' | 'billing' | undefined
  /** ACL policies */
  readonly policies?: readonly string[] | undefined
  /** How long it lives; 0: until it is revoked */
  readonly ttl?: number | string | undefined
  /** How long renewals can carry it; 0: no limit */
  readonly maxTtl?: number | string | undefined
  /** Uses; 0: no limit */
  readonly numUses?: number | undefined
  /** Addresses that it may be used from */
  readonly boundCidrs?: readonly string[] | undefined
  /** Metadata */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

export interface TokensCreateOutput {
  /** The token, shown this once */
  readonly token: string
  /** Accessor: names the token without being one */
  readonly accessor: string
  /** Name for people */
  readonly displayName: string
  /** Who acts with it */
  readonly principal?: string
  /** ACL policies */
  readonly policies: readonly string[]
  /** Whether nothing restrains it */
  readonly root: boolean
  /** Project that it is locked to */
  readonly project?: string
  /** Environment that it is locked to */
  readonly environment?: string
  /** When it was made */
  readonly createdAt: string
  /** When it ends */
  readonly expiresAt: string | null
  /** Whether it can be renewed */
  readonly renewable: boolean
  /** Uses that it was made with; 0: no limit */
  readonly numUses: number
  /** Whether the login that gave it included a second step */
  readonly mfa: boolean
}

export interface TokensListInput {
  /** Cursor of the page before */
  readonly after?: string | undefined
  /** Most items in one page */
  readonly limit?: number | undefined
}

export interface TokensListOutput {
  /** Tokens */
  readonly items: readonly ({ readonly accessor: string; readonly displayName: string; readonly principal?: string; readonly policies: readonly string[]; readonly root: boolean; readonly project?: string; readonly environment?: string; readonly createdAt: string; readonly expiresAt: string | null; readonly renewable: boolean; readonly numUses: number; readonly mfa: boolean })[]
  /** Cursor of the next page */
  readonly next?: string
}

export interface TokensRevokeInput {
  /** Accessor of the token */
  readonly accessor: string
}

export interface TokensRevokeOutput {
  /** Tokens that ended */
  readonly revoked: number
}

export interface VersionsProposeInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** The value, as text */
  readonly value: string
  /** Type of the value. Default: that of the secret, else text */
  readonly type?: 'text' | 'json' | 'yaml' | 'boolean' | 'integer' | 'password' | undefined
  /** When the version stops being readable */
  readonly expiresAt?: string | undefined
}

export interface VersionsProposeOutput {
  /** Id of the secret */
  readonly id: string
  /** Path below the environment */
  readonly path: string
  /** Version number */
  readonly version: number
  /** The same number */
  readonly versionNumber: number
  /** State of the version */
  readonly state: 'PENDING' | 'CURRENT' | 'PREVIOUS' | 'DISABLED' | 'DESTROYED'
  /** Keyed fingerprint of the value */
  readonly sha256Fingerprint: string
  /** When the version was made */
  readonly createdAt: string
}

export interface VersionsSetStateInput {
  /** Path of the secret below its environment, or its id */
  readonly key: string
  /** Project. Default: the token's own, then X-Coffer-Project, then the default project */
  readonly project?: string | undefined
  /** Environment. Default: the token's own; else needed unless the project has none */
  readonly environment?: string | undefined
  /** Version number */
  readonly version: number
  /** DISABLED: not handed out; ENABLED: handed out again; DESTROYED: erased */
  readonly state: 'DISABLED' | 'ENABLED' | 'DESTROYED'
  /** Also when the version is current */
  readonly force?: boolean | undefined
}

export interface VersionsSetStateOutput {
  /** Version number */
  readonly version: number
  /** What it is now */
  readonly state: string
}

export interface Api {
  readonly access: {
    /** Why an action is allowed or not: every rule that was looked at */
    explain(input: AccessExplainInput, options?: CallOptions): Promise<AccessExplainOutput>
    /** Revoke your own token */
    logout(input?: Readonly<Record<string, never>>, options?: CallOptions): Promise<AccessLogoutOutput>
    /** Renew your own token */
    renew(input?: AccessRenewInput, options?: CallOptions): Promise<AccessRenewOutput>
    /** Who you are and what your token is */
    whoami(input?: Readonly<Record<string, never>>, options?: CallOptions): Promise<AccessWhoamiOutput>
  }
  readonly aliases: {
    /** Remove an alias of your own, or next */
    delete(input: AliasesDeleteInput, options?: CallOptions): Promise<AliasesDeleteOutput>
    /** Point an alias to a version; current promotes it */
    set(input: AliasesSetInput, options?: CallOptions): Promise<AliasesSetOutput>
  }
  readonly audit: {
    /** Search the audit record, newest first */
    search(input?: AuditSearchInput, options?: CallOptions): Promise<AuditSearchOutput>
    /** Counts: reads by principal, reads by secret, denied reads, break-glass reads */
    summary(input: AuditSummaryInput, options?: CallOptions): Promise<AuditSummaryOutput>
    /** Check the audit record for edits, gaps, reordering and removal */
    verify(input?: Readonly<Record<string, never>>, options?: CallOptions): Promise<AuditVerifyOutput>
  }
  readonly environments: {
    /** Register an environment; secrets whose paths start with its name become part of it, after absorb */
    create(input: EnvironmentsCreateInput, options?: CallOptions): Promise<EnvironmentsCreateOutput>
    /** Remove an environment that holds no secrets */
    delete(input: EnvironmentsDeleteInput, options?: CallOptions): Promise<EnvironmentsDeleteOutput>
    /** List the environments of a project */
    list(input: EnvironmentsListInput, options?: CallOptions): Promise<EnvironmentsListOutput>
    /** Rename an environment for people, or change its protection */
    update(input: EnvironmentsUpdateInput, options?: CallOptions): Promise<EnvironmentsUpdateOutput>
  }
  readonly flat: {
    /** Register a secret path */
    create(input: FlatCreateInput, options?: CallOptions): Promise<FlatCreateOutput>
    /** Propose a version */
    createVersion(input: FlatCreateVersionInput, options?: CallOptions): Promise<FlatCreateVersionOutput>
    /** Read a value by alias or version */
    read(input: FlatReadInput, options?: CallOptions): Promise<FlatReadOutput>
    /** Point an alias to a version by compare-and-swap */
    setAlias(input: FlatSetAliasInput, options?: CallOptions): Promise<FlatSetAliasOutput>
  }
  readonly groups: {
    /** Put a principal into a group */
    addMember(input: GroupsAddMemberInput, options?: CallOptions): Promise<GroupsAddMemberOutput>
    /** Make a group */
    create(input: GroupsCreateInput, options?: CallOptions): Promise<GroupsCreateOutput>
    /** Delete a group; its members lose what it gave them */
    delete(input: GroupsDeleteInput, options?: CallOptions): Promise<GroupsDeleteOutput>
    /** Read a group */
    get(input: GroupsGetInput, options?: CallOptions): Promise<GroupsGetOutput>
    /** List groups */
    list(input?: GroupsListInput, options?: CallOptions): Promise<GroupsListOutput>
    /** Take a principal out of a group */
    removeMember(input: GroupsRemoveMemberInput, options?: CallOptions): Promise<GroupsRemoveMemberOutput>
  }
  readonly keys: {
    /** Make a new key-encryption key version; stored secrets stay readable and are re-wrapped in the background */
    rotate(input?: KeysRotateInput, options?: CallOptions): Promise<KeysRotateOutput>
  }
  readonly leases: {
    /** When a lease was made and when it ends */
    get(input: LeasesGetInput, options?: CallOptions): Promise<LeasesGetOutput>
    /** List leases below a prefix, by id */
    list(input?: LeasesListInput, options?: CallOptions): Promise<LeasesListOutput>
    /** Renew a credential's lease; tokens renew themselves */
    renew(input: LeasesRenewInput, options?: CallOptions): Promise<LeasesRenewOutput>
    /** End a lease: the token, or the credential with its account */
    revoke(input: LeasesRevokeInput, options?: CallOptions): Promise<Readonly<Record<string, never>>>
  }
  readonly organizations: {
    /** Make an organization with keys of its own, a default project, and an owner token that is shown once */
    create(input: OrganizationsCreateInput, options?: CallOptions): Promise<OrganizationsCreateOutput>
    /** List the organizations below this one */
    list(input?: OrganizationsListInput, options?: CallOptions): Promise<OrganizationsListOutput>
    /** Take a suspended organization back into use, as it was */
    resume(input: OrganizationsResumeInput, options?: CallOptions): Promise<OrganizationsResumeOutput>
    /** Destroy the keys of an organization for good, and with them all that it stored; its audit record stays */
    shred(input: OrganizationsShredInput, options?: CallOptions): Promise<OrganizationsShredOutput>
    /** Take an organization, and all below it, out of use: no token of it works until it is resumed; nothing is lost */
    suspend(input: OrganizationsSuspendInput, options?: CallOptions): Promise<OrganizationsSuspendOutput>
  }
  readonly policies: {
    /** Delete a policy */
    delete(input: PoliciesDeleteInput, options?: CallOptions): Promise<PoliciesDeleteOutput>
    /** Read a policy */
    get(input: PoliciesGetInput, options?: CallOptions): Promise<PoliciesGetOutput>
    /** List policies */
    list(input?: Readonly<Record<string, never>>, options?: CallOptions): Promise<PoliciesListOutput>
    /** Write a policy */
    put(input: PoliciesPutInput, options?: CallOptions): Promise<PoliciesPutOutput>
  }
  readonly principals: {
    /** Make a person or a service account */
    create(input: PrincipalsCreateInput, options?: CallOptions): Promise<PrincipalsCreateOutput>
    /** List people, service accounts and workloads */
    list(input?: PrincipalsListInput, options?: CallOptions): Promise<PrincipalsListOutput>
  }
  readonly projects: {
    /** Make a project with the environments dev, staging and prod */
    create(input: ProjectsCreateInput, options?: CallOptions): Promise<ProjectsCreateOutput>
    /** Read a project */
    get(input: ProjectsGetInput, options?: CallOptions): Promise<ProjectsGetOutput>
    /** List the projects that you may see */
    list(input?: Readonly<Record<string, never>>, options?: CallOptions): Promise<ProjectsListOutput>
  }
  readonly roles: {
    /** Give a principal a role in the organization, a project or an environment */
    bind(input: RolesBindInput, options?: CallOptions): Promise<RolesBindOutput>
    /** List role bindings */
    list(input?: RolesListInput, options?: CallOptions): Promise<RolesListOutput>
    /** Take a role away */
    unbind(input: RolesUnbindInput, options?: CallOptions): Promise<RolesUnbindOutput>
  }
  readonly seal: {
    /** Add a way to open the root key */
    addSlot(input: SealAddSlotInput, options?: CallOptions): Promise<SealAddSlotOutput>
    /** The ways in which the root key can be opened */
    listSlots(input?: Readonly<Record<string, never>>, options?: CallOptions): Promise<SealListSlotsOutput>
    /** Remove a slot, and rotate the root key that it opened */
    removeSlot(input: SealRemoveSlotInput, options?: CallOptions): Promise<SealRemoveSlotOutput>
    /** Make a new root key, in the same slots */
    rotateRoot(input?: SealRotateRootInput, options?: CallOptions): Promise<SealRotateRootOutput>
  }
  readonly secrets: {
    /** Delete a secret; it can be restored */
    delete(input: SecretsDeleteInput, options?: CallOptions): Promise<SecretsDeleteOutput>
    /** Read a secret: what it is, and with reveal its value */
    get(input: SecretsGetInput, options?: CallOptions): Promise<SecretsGetOutput>
    /** All versions of a secret, newest first, without values */
    history(input: SecretsHistoryInput, options?: CallOptions): Promise<SecretsHistoryOutput>
    /** All secrets of an environment as environment variables */
    inject(input?: SecretsInjectInput, options?: CallOptions): Promise<SecretsInjectOutput>
    /** List secrets of an environment, without values */
    list(input?: SecretsListInput, options?: CallOptions): Promise<SecretsListOutput>
    /** Change what is said about a secret, not its value */
    patch(input: SecretsPatchInput, options?: CallOptions): Promise<SecretsPatchOutput>
    /** Remove a secret and all its versions for good */
    purge(input: SecretsPurgeInput, options?: CallOptions): Promise<SecretsPurgeOutput>
    /** Write a value: a new secret, or a new current version of one */
    put(input: SecretsPutInput, options?: CallOptions): Promise<SecretsPutOutput>
    /** Bring a deleted secret back */
    restore(input: SecretsRestoreInput, options?: CallOptions): Promise<SecretsRestoreOutput>
    /** Make a new version with the value of an old one */
    rollback(input: SecretsRollbackInput, options?: CallOptions): Promise<SecretsRollbackOutput>
  }
  readonly sync: {
    /** Compare a .env, JSON or YAML document with what is stored */
    diff(input: SyncDiffInput, options?: CallOptions): Promise<SyncDiffOutput>
    /** All secrets of an environment as a .env, JSON or YAML document */
    pull(input?: SyncPullInput, options?: CallOptions): Promise<SyncPullOutput>
    /** Write a .env, JSON or YAML document; without confirm only tells what would change */
    push(input: SyncPushInput, options?: CallOptions): Promise<SyncPushOutput>
  }
  readonly system: {
    /** Check the installation: database, audit spool, clocks, key file */
    doctor(input?: Readonly<Record<string, never>>, options?: CallOptions): Promise<SystemDoctorOutput>
  }
  readonly tokens: {
    /** Make a token for a service or a person; it is shown once */
    create(input: TokensCreateInput, options?: CallOptions): Promise<TokensCreateOutput>
    /** List live tokens by accessor */
    list(input?: TokensListInput, options?: CallOptions): Promise<TokensListOutput>
    /** Revoke a token and all that were made from it */
    revoke(input: TokensRevokeInput, options?: CallOptions): Promise<TokensRevokeOutput>
  }
  readonly versions: {
    /** Write a value as a PENDING version that waits for promotion; the alias next names it */
    propose(input: VersionsProposeInput, options?: CallOptions): Promise<VersionsProposeOutput>
    /** Disable, enable or destroy a version */
    setState(input: VersionsSetStateInput, options?: CallOptions): Promise<VersionsSetStateOutput>
  }
}

export const operations: Readonly<Record<string, OperationFacts>> = {
  'access.explain': { method: 'POST', path: '/api/v1/explain', query: [], repeat: 'safe' },
  'access.logout': { method: 'DELETE', path: '/api/v1/me', query: [], repeat: 'never' },
  'access.renew': { method: 'POST', path: '/api/v1/me/renew', query: [], repeat: 'never' },
  'access.whoami': { method: 'GET', path: '/api/v1/me', query: [], repeat: 'safe' },
  'aliases.delete': { method: 'DELETE', path: '/api/v1/aliases/:key+', query: ['project', 'environment'], repeat: 'never' },
  'aliases.set': { method: 'PUT', path: '/api/v1/aliases/:key+', query: ['project', 'environment'], repeat: 'never' },
  'audit.search': { method: 'GET', path: '/api/v1/audit/events', query: [], repeat: 'safe' },
  'audit.summary': { method: 'GET', path: '/api/v1/audit/summary', query: [], repeat: 'safe' },
  'audit.verify': { method: 'POST', path: '/api/v1/audit/verify', query: [], repeat: 'safe' },
  'environments.create': { method: 'POST', path: '/api/v1/projects/:project/environments', query: [], repeat: 'never' },
  'environments.delete': { method: 'DELETE', path: '/api/v1/projects/:project/environments/:environment', query: [], repeat: 'never' },
  'environments.list': { method: 'GET', path: '/api/v1/projects/:project/environments', query: [], repeat: 'safe' },
  'environments.update': { method: 'PATCH', path: '/api/v1/projects/:project/environments/:environment', query: [], repeat: 'never' },
  'flat.create': { method: 'POST', path: '/v1/secrets', query: [], repeat: 'never', bare: true },
  'flat.createVersion': { method: 'POST', path: '/v1/secrets/:secretId/versions', query: [], repeat: 'key', bare: true },
  'flat.read': { method: 'GET', path: '/v1/secrets/:environment/:path+', query: [], repeat: 'safe', bare: true },
  'flat.setAlias': { method: 'POST', path: '/v1/secrets/:secretId/aliases/:alias', query: [], repeat: 'never', bare: true },
  'groups.addMember': { method: 'POST', path: '/api/v1/groups/:group/members', query: [], repeat: 'never' },
  'groups.create': { method: 'POST', path: '/api/v1/groups', query: [], repeat: 'never' },
  'groups.delete': { method: 'DELETE', path: '/api/v1/groups/:group', query: [], repeat: 'never' },
  'groups.get': { method: 'GET', path: '/api/v1/groups/:group', query: [], repeat: 'safe' },
  'groups.list': { method: 'GET', path: '/api/v1/groups', query: [], repeat: 'safe' },
  'groups.removeMember': { method: 'DELETE', path: '/api/v1/groups/:group/members', query: [], repeat: 'never' },
  'keys.rotate': { method: 'POST', path: '/api/v1/keys/rotate', query: [], repeat: 'never' },
  'leases.get': { method: 'GET', path: '/api/v1/leases/:id+', query: [], repeat: 'safe' },
  'leases.list': { method: 'GET', path: '/api/v1/leases', query: [], repeat: 'safe' },
  'leases.renew': { method: 'POST', path: '/api/v1/leases/:id+/renew', query: [], repeat: 'never' },
  'leases.revoke': { method: 'DELETE', path: '/api/v1/leases/:id+', query: [], repeat: 'never' },
  'organizations.create': { method: 'POST', path: '/api/v1/organizations', query: [], repeat: 'never' },
  'organizations.list': { method: 'GET', path: '/api/v1/organizations', query: [], repeat: 'safe' },
  'organizations.resume': { method: 'POST', path: '/api/v1/organizations/:slug/resume', query: [], repeat: 'never' },
  'organizations.shred': { method: 'DELETE', path: '/api/v1/organizations/:slug', query: [], repeat: 'never' },
  'organizations.suspend': { method: 'POST', path: '/api/v1/organizations/:slug/suspend', query: [], repeat: 'never' },
  'policies.delete': { method: 'DELETE', path: '/api/v1/policies/:name', query: [], repeat: 'never' },
  'policies.get': { method: 'GET', path: '/api/v1/policies/:name', query: [], repeat: 'safe' },
  'policies.list': { method: 'GET', path: '/api/v1/policies', query: [], repeat: 'safe' },
  'policies.put': { method: 'PUT', path: '/api/v1/policies/:name', query: [], repeat: 'never' },
  'principals.create': { method: 'POST', path: '/api/v1/principals', query: [], repeat: 'never' },
  'principals.list': { method: 'GET', path: '/api/v1/principals', query: [], repeat: 'safe' },
  'projects.create': { method: 'POST', path: '/api/v1/projects', query: [], repeat: 'never' },
  'projects.get': { method: 'GET', path: '/api/v1/projects/:project', query: [], repeat: 'safe' },
  'projects.list': { method: 'GET', path: '/api/v1/projects', query: [], repeat: 'safe' },
  'roles.bind': { method: 'POST', path: '/api/v1/role-bindings', query: [], repeat: 'never' },
  'roles.list': { method: 'GET', path: '/api/v1/role-bindings', query: [], repeat: 'safe' },
  'roles.unbind': { method: 'DELETE', path: '/api/v1/role-bindings/:binding', query: [], repeat: 'never' },
  'seal.addSlot': { method: 'POST', path: '/api/v1/seal/slots', query: [], repeat: 'never' },
  'seal.listSlots': { method: 'GET', path: '/api/v1/seal/slots', query: [], repeat: 'safe' },
  'seal.removeSlot': { method: 'POST', path: '/api/v1/seal/slots/:id/remove', query: [], repeat: 'never' },
  'seal.rotateRoot': { method: 'POST', path: '/api/v1/seal/rotate', query: [], repeat: 'never' },
  'secrets.delete': { method: 'DELETE', path: '/api/v1/secrets/:key+', query: ['project', 'environment'], repeat: 'never' },
  'secrets.get': { method: 'GET', path: '/api/v1/secrets/:key+', query: ['project', 'environment'], repeat: 'safe' },
  'secrets.history': { method: 'GET', path: '/api/v1/secrets/:key+/history', query: ['project', 'environment'], repeat: 'safe' },
  'secrets.inject': { method: 'POST', path: '/api/v1/inject', query: ['project', 'environment'], repeat: 'safe' },
  'secrets.list': { method: 'GET', path: '/api/v1/secrets', query: ['project', 'environment'], repeat: 'safe' },
  'secrets.patch': { method: 'PATCH', path: '/api/v1/secrets/:key+', query: ['project', 'environment'], repeat: 'never' },
  'secrets.purge': { method: 'DELETE', path: '/api/v1/secrets/:key+/permanent', query: ['project', 'environment'], repeat: 'never' },
  'secrets.put': { method: 'POST', path: '/api/v1/secrets/:key+', query: ['project', 'environment'], repeat: 'key' },
  'secrets.restore': { method: 'POST', path: '/api/v1/secrets/:key+/restore', query: ['project', 'environment'], repeat: 'never' },
  'secrets.rollback': { method: 'POST', path: '/api/v1/secrets/:key+/rollback', query: ['project', 'environment'], repeat: 'never' },
  'sync.diff': { method: 'POST', path: '/api/v1/sync/diff', query: ['project', 'environment'], repeat: 'safe' },
  'sync.pull': { method: 'GET', path: '/api/v1/sync/pull', query: ['project', 'environment'], repeat: 'safe' },
  'sync.push': { method: 'POST', path: '/api/v1/sync/push', query: ['project', 'environment'], repeat: 'never' },
  'system.doctor': { method: 'GET', path: '/api/v1/system/doctor', query: [], repeat: 'safe' },
  'tokens.create': { method: 'POST', path: '/api/v1/tokens', query: [], repeat: 'never' },
  'tokens.list': { method: 'GET', path: '/api/v1/tokens', query: [], repeat: 'safe' },
  'tokens.revoke': { method: 'DELETE', path: '/api/v1/tokens/:accessor', query: [], repeat: 'never' },
  'versions.propose': { method: 'POST', path: '/api/v1/versions/:key+', query: ['project', 'environment'], repeat: 'key' },
  'versions.setState': { method: 'PATCH', path: '/api/v1/versions/:key+', query: ['project', 'environment'], repeat: 'never' },
}
