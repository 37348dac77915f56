// A remembered login that gives a token without a row, for a plan: the same token as the general way seals, while everything that it was judged by holds.

import { secret } from '../../crypto/secret.ts'
import type { WarmIssuing } from '../../kernel/warm.ts'
import type { CacheRegion } from '../../services/freshness/cache.ts'
import { sealForm } from '../../services/identity/batch.ts'
import { isGoodFor, type KnownLogin } from '../../services/identity/logins/known.ts'

interface Repeated {
  /** By which the login is remembered. */
  readonly key: string
  readonly known: KnownLogin
}

export const repeatable = (remembered: Pick<CacheRegion<KnownLogin | null>, 'peek'>, { key, known }: Repeated): WarmIssuing => {
  const { said } = known.issuable
  // Plans are bounded by their number, and what is remembered by its bytes: they do not keep it.
  const same = new WeakRef(known)
  return {
    issue(now, sourceIp) {
      const found = remembered.peek(key)
      if (found === undefined || found === null || found !== same.deref() || !isGoodFor(found, { now: () => now, sourceIp })) return undefined
      const { issuable } = found
      if (issuable.form === undefined) return undefined
      try {
        const { text, tokenId } = sealForm(issuable.keys, issuable, issuable.form, { at: Math.trunc(now), requestId: undefined })
        return { token: text, tokenId }
      } catch {
        // The general way says what is wrong.
        return undefined
      }
    },
    answer: (token) => ({ auth: { ...said, clientToken: secret(token), accessor: '' } }),
  }
}
