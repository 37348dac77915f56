// The ports of paths that look at the running server and change its settings.

import type { Implemented } from '../../kernel/operation.ts'
import { describeMachine } from '../../telemetry/machine.ts'
import { configOperations } from '../../system/config/settings.ts'
import { observeOperations } from '../../system/observe/index.ts'
import type { DomainParts } from '../domain.ts'

const NANOSECONDS = 1_000_000_000

/** In Vault's shape, with what there is of it here; nothing of it is secret. */
const sanitized = ({ context: { config } }: DomainParts): Readonly<Record<string, unknown>> => ({
  api_addr: '',
  allow_audit_log_prefixing: config.audit.allowLogPrefixing,
  cache_size: config.cache.bytes,
  cluster_addr: '',
  cluster_name: config.clusterName,
  default_lease_ttl: 0,
  default_max_request_duration: config.limits.requestSeconds * NANOSECONDS,
  disable_cache: false,
  disable_mlock: false,
  enable_ui: false,
  experiments: null,
  listeners: [{ config: { address: `${config.listen.host}:${config.listen.port}`, tls_disable: config.tls.cert === undefined, tls_min_version: `tls${config.tls.minVersion.replace('.', '')}` }, type: 'tcp' }],
  log_format: config.log.format,
  log_level: config.log.level,
  max_lease_ttl: 0,
  raw_storage_endpoint: false,
  seals: [{ disabled: false, name: config.seal.kind, priority: 1, type: config.seal.kind }],
  storage: { cluster_addr: '', disable_clustering: true, redirect_addr: '', type: 'postgresql' },
})

interface CountRow {
  readonly total: number
}

const COUNTS = {
  tokens: 'select count(*)::integer as total from coffer.tokens where org_id = $1 and (expires_at is null or expires_at > now())',
  entities: 'select count(*)::integer as total from coffer.principals where org_id = $1',
} as const

export const operatingOperations = (parts: DomainParts): readonly Implemented[] => {
  const { context, pools, settings, flights, rootOrgId } = parts
  const { config } = context
  return [
    ...configOperations({
      get current() {
        return settings.current
      },
      change: (_grant, call, change) => settings.change(call, change),
      sanitized: () => sanitized(parts),
    }),
    ...observeOperations({
      version: context.version,
      metrics: () => context.collectMetrics(),
      flights: () => flights.list(),
      logging: context.logging,
      reopen: async () => (context.reopenAll === undefined ? parts.journal.devices.reopen() : context.reopenAll()),
      machine: (now) => describeMachine(now, [...new Set([config.dataDir, config.audit.directory])]),
      // RFC 9562, 5.7: an id of version 7 begins with the milliseconds of its making, here the initialisation's.
      installedAt: Number.parseInt(rootOrgId.replaceAll('-', '').slice(0, 12), 16),
      async count(orgId, what) {
        const { rows } = await pools.app.transaction(orgId, (tx) => tx.query<CountRow>(COUNTS[what], [orgId]), { readOnly: true })
        return rows[0]?.total ?? 0
      },
    }),
  ]
}
