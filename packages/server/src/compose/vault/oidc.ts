// Identity tokens and the OpenID Connect provider wired together, and their upkeep.

import type { Entries } from '../../barrier/entries.ts'
import type { Config } from '../../config/config.ts'
import type { Database } from '../../kernel/storage.ts'
import type { DirectoryPorts } from '../../services/identity/change.ts'
import type { OidcPorts } from '../../services/identity/oidc/store.ts'
import { dueOrganizations, keepUp } from '../../services/identity/oidc/upkeep.ts'
import { areas } from './state.ts'

export interface OidcSources {
  readonly config: Pick<Config, 'listen' | 'tls'>
  readonly database: Database
  readonly entries: Entries
  readonly directory: DirectoryPorts
  readonly rootOrgId: string
  namespaceOf(orgId: string): Promise<string>
  now(): number
}

const addressOf = ({ listen: { host, port }, tls }: OidcSources['config']): string => `http${tls.cert === undefined ? '' : 's'}://${host.includes(':') ? `[${host}]` : host}:${port}`

export const makeOidcPorts = ({ config, entries, ...rest }: OidcSources): OidcPorts => ({
  ...rest,
  address: addressOf(config),
  view: (orgId) => entries.view({ orgId, mountId: areas.oidc }),
  within: (tx, orgId) => entries.within(tx).view({ orgId, mountId: areas.oidc }),
})

const EVERY_MS = 5_000

export interface UpkeepParts {
  readonly ports: OidcPorts
  readonly jobs: Database
  readonly logger: { warn(message: string, fields: Readonly<Record<string, unknown>>): void }
  /** What is irreversible stops while clocks disagree. */
  isTimeSuspect(): boolean
}

const keepAllUp = async ({ ports, jobs, logger }: UpkeepParts): Promise<void> => {
  // One organization that fails does not keep the others waiting.
  for (const orgId of await dueOrganizations(jobs)) await keepUp(ports, orgId).catch((error: unknown) => logger.warn('upkeep of identity tokens failed', { orgId, error }))
}

export const startUpkeep = (parts: UpkeepParts): { stop(): Promise<void> } => {
  let running: Promise<void> | undefined
  const timer = setInterval(() => {
    if (running !== undefined || parts.isTimeSuspect()) return
    running = keepAllUp(parts)
      .catch((error: unknown) => parts.logger.warn('upkeep of identity tokens failed', { error }))
      .finally(() => (running = undefined))
  }, EVERY_MS).unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}
