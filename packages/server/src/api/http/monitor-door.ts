// What machines ask about the server itself: liveness, readiness, metrics and the OpenAPI document. No token, no secret.

import { fail } from '../../kernel/errors.ts'
import type { Door } from './exchange.ts'

export interface MonitorOptions {
  /** In the text format of Prometheus. */
  metrics(): Promise<string>
  isReady(): boolean
  /** The OpenAPI document as JSON text. */
  openApi(): string
}

const JSON_TYPE = 'application/json; charset=utf-8'

export const monitorDoor = (options: MonitorOptions): Door => {
  let openApi: string | undefined
  return {
    async handle({ request: { method }, target, reply }) {
      if (method !== 'GET' && method !== 'HEAD') throw fail('invalid_request', 'request.method', 'This path takes GET.', { httpStatus: 405 })
      const name = target.segments[target.segments.length - 1]
      if (name === 'metrics') reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(await options.metrics())
      else if (name === 'openapi.json') reply.header('content-type', JSON_TYPE).send((openApi ??= options.openApi()))
      else if (name === 'healthz') reply.header('content-type', JSON_TYPE).send('{"status":"alive"}')
      else reply.code(options.isReady() ? 200 : 503).header('content-type', JSON_TYPE).send(options.isReady() ? '{"status":"ready"}' : '{"status":"not ready"}')
    },
    refuse(exchange, error) {
      exchange.reply.code(error.httpStatus).header('content-type', JSON_TYPE).send(JSON.stringify({ error: true, message: error.message, data: { code: error.code, requestId: exchange.requestId } }))
    },
  }
}
