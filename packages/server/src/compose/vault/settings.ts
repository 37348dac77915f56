// The server's changeable settings: one sealed document of the platform, and in each worker a copy that follows it.

import { Entries } from '../../barrier/entries.ts'
import { auditedWrite, type Recorder } from '../../kernel/audited-write.ts'
import { defaultSettings, type ServerSettings } from '../../kernel/ports/server-settings.ts'
import type { Keyring } from '../../keyring/keyring.ts'
import type { JsonValue } from '../../lib/json.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { Pools } from '../pools.ts'
import { areas } from './state.ts'

/** What the feed calls a change of them. */
export const SETTINGS_CHANGED = 'server-settings'

const KEY = 'settings'
const RETRY_MS = 2000

export interface SettingsSources {
  readonly pools: Pools
  readonly keyring: Keyring
  readonly rootOrgId: string
  readonly logger: Pick<Logger, 'warn'>
}

export class LiveSettings {
  readonly #sources: SettingsSources
  readonly #entries: Entries
  #current: ServerSettings = defaultSettings
  #onChange: () => void = () => undefined

  constructor(sources: SettingsSources) {
    this.#sources = sources
    this.#entries = new Entries({ database: sources.pools.app, keys: sources.keyring })
  }

  get current(): ServerSettings {
    return this.#current
  }

  set onChange(listener: () => void) {
    this.#onChange = listener
  }

  async refresh(): Promise<void> {
    const { rootOrgId } = this.#sources
    const found = await this.#entries.view({ orgId: rootOrgId, mountId: areas.serverSettings }).get(KEY)
    // What comes out of a sealed entry is what `change` put in.
    this.#current = { ...defaultSettings, ...(found?.value as ServerSettings | undefined) }
    this.#onChange()
  }

  /** Something was changed by another worker. */
  changed(): void {
    this.refresh().catch((error: unknown) => {
      this.#sources.logger.warn('the settings of the server could not be read', { error })
      setTimeout(() => this.changed(), RETRY_MS).unref()
    })
  }

  /** @param change may run again */
  async change(call: Recorder, change: (settings: ServerSettings) => ServerSettings): Promise<void> {
    const { pools, rootOrgId } = this.#sources
    await auditedWrite(pools.app, call, { confirm: true }, async (tx, note) => {
      const view = this.#entries.within(tx).view({ orgId: rootOrgId, mountId: areas.serverSettings })
      const found = await view.get(KEY)
      const next = change({ ...defaultSettings, ...(found?.value as ServerSettings | undefined) })
      await view.put(KEY, next as unknown as JsonValue, { cas: found?.version ?? 0 })
      note(SETTINGS_CHANGED, KEY)
    })
    await this.refresh()
  }
}
