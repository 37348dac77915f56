// What the ceremonies over HTTP need besides the supervisor's part of them.

import type { Secret } from '../../crypto/secret.ts'
import type { Call } from '../../kernel/call.ts'
import { wholeServerOnly } from '../../kernel/tenancy.ts'
import type { Asking, Ceremonies } from '../../kernel/ports/ceremonies.ts'

export interface OperatorPort {
  readonly ceremonies: Ceremonies
  readonly rootOrgId: string
  /** A token with all rights in the organization root, made with its record in one transaction. */
  issueRootToken(call: Call): Promise<Secret<string>>
  /** This request's answer carries new shares: once it has left, the old ones may end. */
  expectDelivery(requestId: string): void
}

export const askingOf = ({ requestId, sourceIp, caller }: Call): Asking => ({ requestId, sourceIp, principal: caller?.principal })

/** Ceremonies are the whole server's. In the name of another organization there are none. */
export const requireRoot = (port: OperatorPort, call: Call): void => {
  if (call.orgId !== port.rootOrgId) throw wholeServerOnly()
}

// Anybody may ask: shares are the proof. So they queue with the logins, and the supervisor takes a bounded number at a time.
export const open = { tag: 'operator', access: 'public', scope: 'server', work: 'anonymous', errors: ['invalid_request', 'sealed', 'unavailable'] } as const
