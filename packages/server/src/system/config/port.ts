// What sys/config asks of the server's changeable settings, filled by compose.

import type { Call, Grant } from '../../kernel/call.ts'
import type { ServerSettings } from '../../kernel/ports/server-settings.ts'

export interface SettingsPort {
  readonly current: ServerSettings
  change(grant: Grant, call: Call, change: (settings: ServerSettings) => ServerSettings): Promise<void>
  /** The configuration without what is secret in it, in Vault's shape. */
  sanitized(): Readonly<Record<string, unknown>>
}
