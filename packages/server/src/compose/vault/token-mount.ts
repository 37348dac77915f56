// auth/token is no mount that could be enabled or disabled, but it is tuned like one.

import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { SealedState, TtlBounds } from '../../kernel/ports/tokens.ts'
import type { Mount } from '../../kernel/tenancy.ts'
import { checkTtls, configOf, limitsOf, type TuneCommand } from '../../services/tenancy/auth-mounts.ts'
import type { Memory } from '../memory.ts'

const KEY = 'tuning'
const DESCRIPTION = 'token based credentials'

export interface TokenMount {
  /** As a mount, for those who show or tune it. */
  mount(orgId: string): Promise<Mount>
  bounds(orgId: string): Promise<TtlBounds>
  tune(grant: Grant, call: Call, command: TuneCommand): Promise<Mount>
}

/** @param state is remembered, its absence too */
export const makeTokenMount = (state: SealedState, memory: Pick<Memory, 'entry'>): TokenMount => {
  const mount = async (orgId: string): Promise<Mount> => {
    const found = (await memory.entry({ orgId, mountId: state.mountId }, KEY, true))?.value
    // Written by tune of this or an older version.
    const { description = DESCRIPTION, ...config } = (found ?? {}) as { readonly description?: string }
    return { mountId: state.mountId, class: 'auth', path: 'token', type: 'token', description, options: {}, config, createdAt: 0, rowVersion: 1 }
  }
  return {
    mount,
    async bounds(orgId) {
      const { defaultTtlSeconds, maxTtlSeconds } = limitsOf(await mount(orgId))
      return { defaultSeconds: defaultTtlSeconds, maxSeconds: maxTtlSeconds }
    },
    async tune(grant, call, { description, config }) {
      if (config.tokenType !== undefined) throw fail('invalid_request', 'auth_mount.token_type', "'token_type' cannot be set for 'token' or 'ns_token' auth mounts", { field: 'token_type' })
      const before = await mount(call.orgId)
      const after = { ...before, description: description ?? before.description, config: { ...configOf(before), ...config } }
      checkTtls(after.config)
      await state.put(grant, call, KEY, { ...after.config, description: after.description })
      return after
    },
  }
}
