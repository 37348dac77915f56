// Pages of other origins: which may use the Vault-compatible door, and what a browser is told of it before it asks.
// Vault's behaviour: an origin that is not allowed is refused as a whole, not only kept from reading the answer.

import { fail } from '../../kernel/errors.ts'
import { usualHeaders, type CorsSettings } from '../../kernel/ports/server-settings.ts'
import { header } from './request.ts'
import type { HttpExchange } from './exchange.ts'

const METHODS: readonly string[] = ['DELETE', 'GET', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'LIST']
const MAX_AGE_SECONDS = '300'

const isAllowed = ({ origins }: CorsSettings, origin: string): boolean => origins.includes('*') || origins.some((each) => each.toLowerCase() === origin.toLowerCase())

/** True: this was a browser's question, and is answered. @throws permission_denied */
export const answerCors = ({ request, reply, target }: HttpExchange, settings: CorsSettings | undefined): boolean => {
  if (target.segments[0] !== 'v1') return false
  if (settings === undefined) return false
  const origin = header(request, 'origin')
  if (origin === undefined) return false
  if (!isAllowed(settings, origin)) throw fail('permission_denied', 'cors.origin', 'origin not allowed')
  const isQuestion = request.method === 'OPTIONS'
  if (isQuestion && !METHODS.includes(header(request, 'access-control-request-method') ?? '')) throw fail('invalid_request', 'request.method', 'unsupported operation', { httpStatus: 405 })
  reply.header('access-control-allow-origin', origin).header('vary', 'Origin')
  if (!isQuestion) return false
  reply.code(200).header('access-control-allow-methods', METHODS.join(',')).header('access-control-allow-headers', [...usualHeaders, ...settings.headers].join(',')).header('access-control-max-age', MAX_AGE_SECONDS).send()
  return true
}
