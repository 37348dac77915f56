// What every door needs of a message besides its content: a name for it in records and logs, and comparisons that tell
// nothing by their time.

import { bodyHmac } from '../crypto/body-hmac.ts'
import { equalText } from '../crypto/compare.ts'
import { sha256Base64Url } from '../crypto/digest.ts'
import { makeUuidV7 } from '../crypto/random.ts'

/** Names one request in its answer, its audit record and the log. */
export const newRequestId = (): string => `req_${makeUuidV7()}`

/** Whether two secrets that a message carries are the same; takes the same time wherever they differ. */
export const sameSecret = (one: string, other: string): boolean => equalText(one, other)

/** Whether a body has the HMAC that its sender claims under the token. */
export const bodyMatches = (claimed: string, token: string, body: Uint8Array): boolean => equalText(claimed, bodyHmac(token, body))

/** Names a login by what it is made of, without keeping that. */
export const loginNameOf = (organizationHeader: string | undefined, said: string): string => sha256Base64Url(`${organizationHeader ?? ''}\n${said}`)
