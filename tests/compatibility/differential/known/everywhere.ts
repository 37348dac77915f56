// Differences that any path can show.

import { ABSENT, type Difference } from '../compare.ts'
import type { Known } from '../known.ts'
import type { Outcome } from '../run.ts'

const ANY = /./
const statusOf = ({ differences }: Outcome): Difference | undefined => differences.find(({ at }) => at === 'status')
/** Of an answer whose status differs so, everything differs. */
const whenStatus = (coffer: RegExp, vault: RegExp) => (_difference: Difference, outcome: Outcome): boolean => {
  const status = statusOf(outcome)
  return status !== undefined && coffer.test(String(status.coffer)) && vault.test(String(status.vault))
}
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
/** Both refuse with the same status, and only the words differ. */
const whenWords = (coffer: RegExp, vault: RegExp) => (difference: Difference, outcome: Outcome): boolean => statusOf(outcome) === undefined && coffer.test(text(difference.coffer)) && vault.test(text(difference.vault))

export const everywhere: readonly Known[] = [
  { at: /^headers\.content-type$/, when: ({ coffer }) => coffer === ABSENT, what: 'An answer without a body has no Content-Type', reason: 'There is no content that could have a type (RFC 9110, 8.3). No client reads it.' },
  { at: ANY, when: whenStatus(/^4/, /^5/), what: 'What is wrong with a request is answered 400, 404 or 405 where Vault says 500', reason: 'The mistake is the caller\'s: malformed JSON, missing data, an address range that is none. Clients retry a 5xx, and operators are woken by it.' },
  { at: ANY, when: whenStatus(/^4/, /^307$/), what: 'A path with empty or dot segments, or without its trailing slash, is 400 or 404 instead of a redirect', reason: 'Two readers of one path must not come to two meanings; a redirected write loses its body in some clients.' },
  { step: /^HEAD /, at: /^status$/, what: 'HEAD works', reason: 'Vault refuses it with 405. It is GET without the body (RFC 9110, 9.3.2), with the same rights.' },
  { at: /^body\.errors\.0$/, when: whenWords(/^Field validation failed|A query parameter is given twice/, ANY), what: 'The text for a field of the wrong type names the field and what it must be, not the value', reason: 'A value may be a secret, and error texts reach logs.' },
  { at: /^body\.errors\.0$/, when: whenWords(/^error parsing JSON: /, /^error parsing JSON: /), what: 'The text behind "error parsing JSON:" is another', reason: 'It comes from another parser.' },
  { at: /running_plugin_version$/, what: '`running_plugin_version` is empty', reason: 'Engines and methods are part of the server and have no version of their own.' },
  { at: /\.description$/, when: ({ vault }) => /^(per-token|system endpoints|identity store|token based)/.test(text(vault)), what: 'The descriptions of built-in mounts are Coffer\'s own', reason: 'They are prose for people.' },
]
