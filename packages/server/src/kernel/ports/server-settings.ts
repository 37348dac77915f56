// Settings of the whole server that administrators change while it runs, the same on every worker within moments.

export interface CorsSettings {
  /** One of them alone may be `*`. */
  readonly origins: readonly string[]
  /** Besides those that every client may send. */
  readonly headers: readonly string[]
}

export interface ServerSettings {
  /** Headers that go into the records of audit devices, by lower-case name; true: as an HMAC. */
  readonly auditedHeaders: Readonly<Record<string, boolean>>
  /** Undefined: no page of another origin may use this server. */
  readonly cors?: CorsSettings | undefined
  /** Sent with every HTML page, by the name as it was given. */
  readonly uiHeaders: Readonly<Record<string, readonly string[]>>
}

/** As Vault's are, but for `user-agent`: it is on every request, and none is answered from a plan whose headers are recorded. */
export const defaultSettings: ServerSettings = Object.freeze({ auditedHeaders: Object.freeze({ 'correlation-id': false, 'x-correlation-id': false }), uiHeaders: Object.freeze({}) })

/** What pages of an allowed origin may send besides what is allowed by name. */
export const usualHeaders: readonly string[] = Object.freeze(['Content-Type', 'X-Requested-With', 'X-Vault-AWS-IAM-Server-ID', 'X-Vault-MFA', 'X-Vault-No-Request-Forwarding', 'X-Vault-Wrap-Format', 'X-Vault-Wrap-TTL', 'X-Vault-Policy-Override', 'Authorization', 'X-Vault-Token'])
