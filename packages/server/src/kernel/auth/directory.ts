// LDAP directories (RFC 4511) as the method of that name asks them: connected, bound and searched within bounds of time, entries and
// bytes, and never in the clear where TLS was asked for.

export interface DirectoryTls {
  /** Upgrades a connection that begins in the clear (RFC 4511, 4.14). */
  readonly startTls: boolean
  /** Takes any certificate. */
  readonly insecure: boolean
  /** Instead of the system's authorities; empty: those. */
  readonly caPem: string
  readonly clientCertificatePem: string
  readonly clientKeyPem: string
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3'
}

export interface DirectoryServer {
  /** Tried in this order: `ldap://host:389` or `ldaps://host:636`. */
  readonly urls: readonly string[]
  readonly tls: DirectoryTls
  /** For the connection, and then for each answer. */
  readonly timeoutMs: number
}

export interface DirectorySearch {
  readonly base: string
  readonly scope: 'base' | 'sub'
  /** RFC 4515; what came from outside is escaped in it. */
  readonly filter: string
  readonly attributes: readonly string[]
  readonly dereference: 'never' | 'finding' | 'searching' | 'always'
  /** 0: not paged. */
  readonly pageSize: number
  /** More entries than these are a failure. */
  readonly most: number
}

export interface DirectoryEntry {
  readonly dn: string
  /** By name in lower case. */
  readonly attributes: ReadonlyMap<string, readonly Buffer[]>
}

export interface Directory {
  /** Whether the directory takes the password. An empty one is never sent. @throws upstream_failed */
  bind(name: string, password: string): Promise<boolean>
  /** Goes on without a name (RFC 4513, 5.1.1). @throws upstream_failed */
  bindAnonymously(): Promise<void>
  /** Undefined when the base is not there. @throws upstream_failed */
  search(search: DirectorySearch): Promise<readonly DirectoryEntry[] | undefined>
  close(): void
}

export interface Directories {
  /** @throws upstream_failed when none of its addresses answers */
  open(server: DirectoryServer): Promise<Directory>
  /** Why a filter cannot be used; undefined when it can. */
  filterFault(filter: string): string | undefined
}
