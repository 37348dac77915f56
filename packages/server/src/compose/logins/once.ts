// Tokens that came with their request, on their way from its login to the rest of it: whoever logs in by a remembered credential need not open what was
// sealed a moment ago, nor have its policies compiled again. The token itself is whole, for whatever asks by its text.

import type { HmacKey } from '../../crypto/keys.ts'
import type { LoadedToken, TokenRow } from '../../kernel/identity.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { WarmHolding } from '../../kernel/warm.ts'
import { Recent } from '../../lib/recent.ts'
import { hmacIdentifier } from '../../services/audit/records.ts'
import type { CacheRegion } from '../../services/freshness/cache.ts'
import { isGoodFor, type KnownLogin } from '../../services/identity/logins/known.ts'
import type { Compiled } from '../authority.ts'

export interface OnceTokens {
  /** Keeps it until it is taken. `key`: by which the login is remembered. */
  give(key: string, known: KnownLogin, made: { readonly text: string; row(): TokenRow }): Promise<void>
  /** Once, and only while the login is still remembered: what it was judged by has not changed. */
  take(text: string): Compiled | undefined
  /** The same without a text, for plans: nobody sees a token of one request. */
  repeatable(key: string, known: KnownLogin): WarmHolding
}

export interface OncePorts {
  compile(orgId: string, loaded: LoadedToken): Promise<Compiled | null>
  auditKey(orgId: string): Promise<HmacKey>
}

/** Those of requests that ended before they took theirs. */
const MOST_WAITING = 512

interface Given {
  readonly key: string
  readonly known: KnownLogin
  readonly compiled: Compiled
}

const loadedOf = ({ once: { holder } }: KnownLogin, row: TokenRow): LoadedToken => ({ ...holder, token: row, endsAt: row.expiresAt })

/** The same rights in another token. */
const inToken = (first: Compiled, loaded: LoadedToken, text: string, key: HmacKey): Compiled => {
  const { token } = loaded
  const { holder } = first.caller
  return {
    ...first,
    tokenId: token.tokenId,
    caller: {
      ...first.caller, tokenId: token.tokenId, accessorHmac: hmacIdentifier(key, token.tokenId), expiresAt: loaded.endsAt, carried: loaded,
      // Only the records of audit devices ask for it.
      get holder() {
        return holder === undefined ? undefined : { ...holder, issuedAt: new Date(token.issuedAt).toISOString(), hmac: hmacIdentifier(key, text) }
      },
    },
  }
}

export const makeOnceTokens = (ports: OncePorts, logins: Pick<CacheRegion<KnownLogin | null>, 'peek'>): OnceTokens => {
  const firsts = new WeakMap<KnownLogin, { readonly compiled: Compiled; readonly key: HmacKey }>()
  const waiting = new Recent<string, Given>(MOST_WAITING)
  const firstOf = async (known: KnownLogin, row: TokenRow): Promise<{ readonly compiled: Compiled; readonly key: HmacKey } | undefined> => {
    const { orgId } = known.once
    const compiled = await ports.compile(orgId, loadedOf(known, row))
    if (compiled === null) return undefined
    const made = { compiled, key: await ports.auditKey(orgId) }
    firsts.set(known, made)
    return made
  }
  return {
    async give(key, known, { text, row }) {
      const token = row()
      const first = firsts.get(known) ?? (await firstOf(known, token))
      if (first !== undefined) waiting.set(text, { key, known, compiled: inToken(first.compiled, loadedOf(known, token), text, first.key) })
    },
    take(text) {
      const given = waiting.get(text)
      if (given === undefined) return undefined
      waiting.delete(text)
      return logins.peek(given.key) === given.known ? given.compiled : undefined
    },
    repeatable(key, known) {
      // Plans are bounded by their number, and what is remembered by its bytes: they do not keep it.
      const same = new WeakRef(known)
      return {
        hold(now, sourceIp) {
          const found = logins.peek(key)
          if (found === undefined || found === null || found !== same.deref() || !isGoodFor(found, { now: () => now, sourceIp })) return undefined
          const first = firsts.get(found)
          if (first === undefined) return undefined
          const tokenId = makeUuidV7(Math.trunc(now))
          const { caller, decide } = first.compiled
          return { caller, tokenId, accessorHmac: hmacIdentifier(first.key, tokenId), decide }
        },
      }
    },
  }
}
