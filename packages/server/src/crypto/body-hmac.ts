/**
 * `sha256=` + hex of HMAC-SHA-256 over a request's raw body, keyed with the text of the caller's token: what clients send in
 * X-Coffer-Body-HMAC, so that a body that was changed between TLS endpoints is found.
 */
import { createHmac } from 'node:crypto'

export function bodyHmac(token: string, body: Uint8Array): string {
  return `sha256=${createHmac('sha256', token).update(body).digest('hex')}`
}
