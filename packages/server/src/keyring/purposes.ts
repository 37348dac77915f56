// What an organization's keys other than KEKs are for. Each purpose has a key of its own, random and versioned by itself,
// so that rotating one leaves every other index and signature alone (NIST SP 800-57, 5.2: one key, one purpose).

/** Purposes that every organization has; each key is an HMAC key. */
export const organizationPurposes = Object.freeze(['tokens', 'rows', 'fingerprint', 'audit', 'idempotency'] as const)

/** Only the organization `root` chains and signs the audit record: streams belong to nodes, not to tenants. */
export const platformPurposes = Object.freeze(['audit-chain'] as const)

/** The Ed25519 key under which audit checkpoints are signed; of the organization `root` only. */
export const signingPurpose = 'audit-sign'

export type HmacPurpose = (typeof organizationPurposes)[number] | (typeof platformPurposes)[number]
export type Purpose = HmacPurpose | typeof signingPurpose

/** Every purpose that an organization is given when it is created. */
export const purposesOf = (platform: boolean): readonly Purpose[] =>
  platform ? [...organizationPurposes, ...platformPurposes, signingPurpose] : organizationPurposes
