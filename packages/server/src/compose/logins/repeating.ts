// A remembered login that gives a token without a row, for a plan: the same token as the general way seals, while everything that it was judged by holds.

import { secret } from '../../crypto/secret.ts'
import type { WarmIssuing } from '../../kernel/warm.ts'
import type { CacheRegion } from '../../services/freshness/cache.ts'
import { sealForm, type BatchForm } from '../../services/identity/batch.ts'
import { isGoodFor, type KnownLogin } from '../../services/identity/logins/known.ts'

interface Repeated {
  /** By which the login is remembered. */
  readonly key: string
  readonly known: KnownLogin
  readonly form: BatchForm
}

export const repeatable = (remembered: Pick<CacheRegion<KnownLogin | null>, 'peek'>, { key, known, form }: Repeated): WarmIssuing => {
  const { issuable } = known
  return {
    issue(now, sourceIp) {
      if (remembered.peek(key) !== known || !isGoodFor(known, { now: () => now, sourceIp })) return undefined
      try {
        const { text, tokenId } = sealForm(issuable.keys, issuable, form, { at: Math.trunc(now), requestId: undefined })
        return { token: text, tokenId }
      } catch {
        // The general way says what is wrong.
        return undefined
      }
    },
    answer: (token) => ({ auth: { ...issuable.said, clientToken: secret(token), accessor: '' } }),
  }
}
