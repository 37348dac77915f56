// Vault's sys endpoints that work without a token, in Vault's own shape and with its status codes: health, seal status,
// init, unseal; and seal, which needs one. They answer while the server is sealed.

import { encodeOutput } from '../../kernel/output.ts'
import { fail } from '../../kernel/errors.ts'
import { parseQuery } from '../../kernel/path.ts'
import type { SealControl, SealStatus } from '../../kernel/ports/seal-control.ts'
import type { Runner } from '../../request/pipeline.ts'
import { wipe } from '../../lib/bytes.ts'
import { vaultStatus } from '../v1/status.ts'
import { errorHeaders, type DoorLimits } from './doors.ts'
import { readBody, readMessage } from './request.ts'
import type { Door, HttpExchange } from './server.ts'

export interface SystemDoorOptions {
  readonly control: SealControl
  readonly limits: DoorLimits
  readonly clusterName: string
  /** The prepared operation `system.seal`; undefined while sealed. */
  sealRunner(): Runner | undefined
  /** From here on this worker serves no data. */
  beginSeal(): void
  /** Whether this worker serves: its keyring is open. */
  isOpen(): boolean
}

type Answer = (exchange: HttpExchange, body: Readonly<Record<string, unknown>>, options: SystemDoorOptions) => Promise<{ readonly status: number; readonly body: unknown }>

export const systemDoor = (options: SystemDoorOptions): Door => ({
  async handle(exchange) {
    const { request, method, target } = exchange
    const name = target.segments.slice(2).join('/')
    const endpoint = Object.hasOwn(endpoints, name) ? endpoints[name] : undefined
    if (endpoint === undefined) throw fail('not_found', 'request.no_route', 'There is nothing at this path.')
    if (!endpoint.methods.includes(method)) throw fail('invalid_request', 'request.method', 'unsupported operation', { httpStatus: 405 })
    // The same path reads the status and submits: the method decides, and HEAD is a GET without its body.
    const body = method === 'GET' || method === 'HEAD' ? {} : (readBody(request, { depth: options.limits.depth, bytes: options.limits.bodyBytes }, readMessage(request).token) ?? {})
    const answer = await endpoint.answer(exchange, body, options)
    const reply = exchange.reply.code(answer.status)
    if (answer.body === undefined) void reply.send()
    else void reply.header('content-type', 'application/json').send(Buffer.from(JSON.stringify(answer.body)))
  },
  refuse(exchange, error) {
    errorHeaders(exchange, error)
    void exchange.reply.code(vaultStatus(error)).header('content-type', 'application/json').send(Buffer.from(JSON.stringify({ errors: [error.message] })))
  },
})

const sealStatusBody = (status: SealStatus) => ({
  type: status.type,
  initialized: status.initialized,
  sealed: status.sealed,
  t: status.threshold,
  n: status.shares,
  progress: status.progress,
  nonce: status.nonce,
  version: status.version,
  build_date: '',
  migration: false,
  recovery_seal: false,
  storage_type: 'postgresql',
  ...(status.clusterName === undefined ? {} : { cluster_name: status.clusterName }),
  ...(status.clusterId === undefined ? {} : { cluster_id: status.clusterId }),
})

// Each code can be set by query, as in Vault: load balancers differ in what they take for healthy.
const codeOf = (query: Readonly<Record<string, string>>, name: string, fallback: number): number => {
  const text = query[name]
  if (text === undefined) return fallback
  const code = Number(text)
  if (!/^\d{3}$/.test(text) || code < 200 || code > 599) throw fail('invalid_request', 'request.invalid_field', `bad status code for ${name}`, { field: name })
  return code
}

const health: Answer = async (exchange, _body, options) => {
  const status = await options.control.status()
  const query = parseQuery(exchange.target.query)
  const code = !status.initialized ? codeOf(query, 'uninitcode', 501) : status.sealed || !options.isOpen() ? codeOf(query, 'sealedcode', 503) : codeOf(query, 'activecode', 200)
  const body = {
    initialized: status.initialized,
    sealed: status.sealed || !options.isOpen(),
    standby: false,
    performance_standby: false,
    replication_performance_mode: 'disabled',
    replication_dr_mode: 'disabled',
    server_time_utc: Math.trunc(Date.parse(new Date(performance.timeOrigin + performance.now()).toISOString()) / 1000),
    version: status.version,
    enterprise: false,
    cluster_name: status.clusterName ?? options.clusterName,
    ...(status.clusterId === undefined ? {} : { cluster_id: status.clusterId }),
    echo_duration_ms: 0,
    clock_skew_ms: 0,
  }
  return { status: code, body: exchange.method === 'HEAD' ? undefined : body }
}

const sealStatus: Answer = async (_exchange, _body, options) => ({ status: 200, body: sealStatusBody(await options.control.status()) })

const integer = (body: Readonly<Record<string, unknown>>, name: string, fallback: number): number => {
  const value = body[name]
  if (value === undefined || value === null) return fallback
  const number = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 0 || number > 255) throw fail('invalid_request', 'request.invalid_field', `${name} must be a whole number from 0 to 255`, { field: name })
  return number
}

const init: Answer = async (exchange, body, options) => {
  if (exchange.method === 'GET') return { status: 200, body: { initialized: (await options.control.status()).initialized } }
  const result = await options.control.initialise({ shares: integer(body, 'secret_shares', 0), threshold: integer(body, 'secret_threshold', 0) })
  try {
    return { status: 200, body: { keys: result.shares.map((share) => share.toString('hex')), keys_base64: result.shares.map((share) => share.toString('base64')), recovery_keys: null, recovery_keys_base64: null, root_token: result.rootToken } }
  } finally {
    for (const share of result.shares) wipe(share)
  }
}

/** A share as hex or base64, as Vault takes both. */
const shareOf = (text: unknown): Buffer => {
  if (typeof text !== 'string' || text.length === 0 || text.length > 1024) throw fail('invalid_request', 'seal.bad_share', "'key' must be a valid hex or base64 string", { field: 'key' })
  if (/^([0-9a-f]{2})+$/i.test(text)) return Buffer.from(text, 'hex')
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 0 || bytes.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, '')) throw fail('invalid_request', 'seal.bad_share', "'key' must be a valid hex or base64 string", { field: 'key' })
  return bytes
}

const unseal: Answer = async (_exchange, body, options) => {
  if (body['reset'] === true) return { status: 200, body: sealStatusBody(await options.control.resetUnseal()) }
  return { status: 200, body: sealStatusBody(await options.control.submitShare(shareOf(body['key']))) }
}

const seal: Answer = async (exchange, _body, options) => {
  const runner = options.sealRunner()
  if (runner === undefined) return { status: 204, body: undefined }
  const message = readMessage(exchange.request)
  const answer = await runner({ door: 'vault', requestId: exchange.requestId, raw: { path: {}, query: {}, body: undefined }, leniency: 'lenient', token: message.token, namespace: message.namespace, projectHeader: undefined, idempotencyKey: undefined, sourceIp: message.sourceIp })
  void encodeOutput({}, answer.data ?? {})
  // Nothing is served from here on by this worker; the answer goes when no other one can serve either.
  options.beginSeal()
  await options.control.seal()
  return { status: 204, body: undefined }
}

const endpoints: Readonly<Record<string, { readonly methods: readonly string[]; readonly answer: Answer }>> = {
  health: { methods: ['GET', 'HEAD'], answer: health },
  'seal-status': { methods: ['GET'], answer: sealStatus },
  init: { methods: ['GET', 'PUT', 'POST'], answer: init },
  unseal: { methods: ['PUT', 'POST'], answer: unseal },
  seal: { methods: ['PUT', 'POST'], answer: seal },
}
