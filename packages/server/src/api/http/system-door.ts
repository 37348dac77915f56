// Vault's sys endpoints that work without a token, in Vault's own shape and with its status codes: health, seal status,
// init, unseal; and seal, which needs one. They answer while the server is sealed.

import { encodeOutput } from '../../kernel/output.ts'
import { fail } from '../../kernel/errors.ts'
import { parseQuery } from '../../kernel/path.ts'
import type { Recipient, SealControl, SealStatus } from '../../kernel/ports/seal-control.ts'
import type { Runner } from '../../request/pipeline.ts'
import { parseShare } from '../../kernel/ports/share-text.ts'
import { vaultStatus } from '../v1/status.ts'
import { init } from './init.ts'
import { errorHeaders, type DoorLimits } from './doors.ts'
import { readBody, readMessage } from './request.ts'
import type { Door, HttpExchange } from './exchange.ts'

export interface SystemDoorOptions {
  readonly control: SealControl
  /** Reads OpenPGP keys and tries them. @throws invalid_request naming the field */
  readRecipients(texts: readonly string[], field: string): Promise<readonly Recipient[]>
  readonly limits: DoorLimits
  readonly clusterName: string
  /** The prepared operation `system.seal`; undefined while sealed. */
  sealRunner(): Runner | undefined
  /** From here on this worker serves no data. */
  beginSeal(): void
  /** Whether this worker serves: its keyring is open. */
  isOpen(): boolean
}

export type Answer = (exchange: Pick<HttpExchange, 'request' | 'requestId' | 'target'>, body: Readonly<Record<string, unknown>>, options: SystemDoorOptions) => Promise<{ readonly status: number; readonly body: unknown }>

/** What Vault refuses here without a word. */
const SILENT: ReadonlySet<string> = new Set(['request.method', 'request.bad_status_code'])

export const systemDoor = (options: SystemDoorOptions): Door => ({
  async handle(exchange) {
    const { request, target } = exchange
    const { method } = request
    const name = target.segments.slice(2).join('/')
    const endpoint = Object.hasOwn(endpoints, name) ? endpoints[name] : undefined
    if (endpoint === undefined) throw fail('not_found', 'request.no_route', 'There is nothing at this path.')
    if (!endpoint.methods.includes(method)) throw fail('invalid_request', 'request.method', 'unsupported operation', { httpStatus: 405 })
    // The same path reads the status and submits: the method decides, and HEAD is a GET without its body.
    const body = method === 'GET' || method === 'HEAD' ? {} : (readBody(request, { depth: options.limits.depth, bytes: options.limits.bodyBytes }, readMessage(request).token) ?? {})
    const answer = await endpoint.answer(exchange, body, options)
    const reply = exchange.reply.code(answer.status)
    if (answer.body === undefined) reply.send()
    else reply.header('content-type', 'application/json').send(JSON.stringify(answer.body))
  },
  refuse(exchange, error) {
    errorHeaders(exchange, error, vaultStatus(error))
    exchange.reply.code(vaultStatus(error)).header('content-type', 'application/json').send(JSON.stringify({ errors: SILENT.has(error.code) ? [] : [error.message] }))
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
  recovery_seal: status.recoverySeal,
  storage_type: 'postgresql',
  ...(status.recoverySeal && status.shares > 0 ? { recovery_seal_type: 'shamir' } : {}),
  ...(status.clusterName === undefined ? {} : { cluster_name: status.clusterName }),
  ...(status.clusterId === undefined ? {} : { cluster_id: status.clusterId }),
})

// Each code can be set by query, as in Vault: load balancers differ in what they take for healthy.
const codeOf = (query: Readonly<Record<string, string>>, name: string, fallback: number): number => {
  const text = query[name]
  if (text === undefined) return fallback
  const code = Number(text)
  if (!/^\d{3}$/.test(text) || code < 200 || code > 599) throw fail('invalid_request', 'request.bad_status_code', `${name} is not a status code.`, { field: name })
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
  return { status: code, body: exchange.request.method === 'HEAD' ? undefined : body }
}

const sealStatus: Answer = async (_exchange, _body, options) => ({ status: 200, body: sealStatusBody(await options.control.status()) })

const unseal: Answer = async (_exchange, body, options) => {
  if (body['reset'] === true) {
    if (!(await options.control.status()).sealed) throw fail('invalid_request', 'seal.not_sealed', 'vault is unsealed')
    return { status: 200, body: sealStatusBody(await options.control.resetUnseal()) }
  }
  if (body['key'] === undefined || body['key'] === '') throw fail('invalid_request', 'seal.bad_share', "'key' must be specified in request body as JSON, or 'reset' set to true", { field: 'key' })
  // Slots stand side by side: nothing is ever migrated from one seal to another.
  if (body['migrate'] === true) throw fail('invalid_request', 'seal.no_migration', "can't perform a seal migration, no migration seal found", { field: 'migrate' })
  return { status: 200, body: sealStatusBody(await options.control.submitShare(parseShare(body['key']))) }
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

/** One backend: a slot that is not at hand is no fault of the seal's. */
const sealBackendStatus: Answer = async (_exchange, _body, options) => ({ status: 200, body: { healthy: true, backends: [{ name: (await options.control.status()).type, healthy: true }], fully_wrapped: true } })

const endpoints: Readonly<Record<string, { readonly methods: readonly string[]; readonly answer: Answer }>> = {
  health: { methods: ['GET', 'HEAD'], answer: health },
  'seal-status': { methods: ['GET'], answer: sealStatus },
  'seal-backend-status': { methods: ['GET'], answer: sealBackendStatus },
  init: { methods: ['GET', 'PUT', 'POST'], answer: init },
  unseal: { methods: ['PUT', 'POST'], answer: unseal },
  seal: { methods: ['PUT', 'POST'], answer: seal },
}
