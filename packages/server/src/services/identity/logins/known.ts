// Credentials that were found good a moment ago, with what their tokens will be. A worker remembers them under its lease, by everything that they were
// judged by, so that a change of any of it - the role, the secret id, the alias, the principal, a policy - forgets them before it is answered.

import type { LoginVerdict } from '../../../kernel/auth/method.ts'
import type { Call } from '../../../kernel/call.ts'
import { anyCidrContains, parseCidr, type Cidr } from '../../../lib/cidr.ts'
import type { Issuable } from './issuing.ts'

export interface KnownLogin {
  readonly issuable: Issuable
  /** The same for a token that came with its request. */
  readonly once: Issuable
  /** Database time in milliseconds. */
  readonly untilMs: number
  /** Each of these must hold the address. */
  readonly within: readonly (readonly Cidr[])[]
}

/** Undefined: it is to be judged anew each time. */
export const knownLogin = ({ holds, token }: Pick<LoginVerdict, 'holds' | 'token'>, made: Pick<KnownLogin, 'issuable' | 'once'>): KnownLogin | undefined =>
  holds === undefined ? undefined : { ...made, untilMs: holds.untilMs, within: [...holds.within, token.boundCidrs].filter((texts) => texts.length > 0).map((texts) => texts.map(parseCidr).filter((range) => range !== undefined)) }

/** Whether it is good for this call; if not, the method says why. */
export const isGoodFor = ({ untilMs, within }: KnownLogin, call: Pick<Call, 'now' | 'sourceIp'>): boolean => {
  if (call.now() >= untilMs) return false
  const { sourceIp } = call
  return within.length === 0 || (sourceIp !== undefined && within.every((ranges) => anyCidrContains(ranges, sourceIp)))
}
