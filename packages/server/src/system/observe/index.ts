// Paths that look at the running server: its numbers, requests under way, logs, machine and version; and what Vault has
// there that this server has not, refused in plain words.

import type { Action, Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { metricsDocument } from '../../telemetry/metrics-document.ts'
import { renderMetrics } from '../../telemetry/metrics.ts'
import type { Level, ObservePort } from './port.ts'

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const counting = { tag, access: 'policy', errors, work: 'read', method: 'GET' } as const
const common = { ...counting, scope: 'server' } as const
const document = f.json('The answer', { maxBytes: 16 * 1024 * 1024 })
const text = (describe: string, max = 256) => f.text(describe, { max })
const asked = { output: { document } }
const rest = { rest: text('Path', 1024) }

export const observationContracts = {
  metrics: operation({ ...common, id: 'system.metrics', path: '/v1/sys/metrics', audit: 'system.metrics', summary: 'The numbers of all processes', input: { format: text('prometheus, or nothing for JSON', 32).in('query').optional() }, output: { response: text('The numbers', 16 * 1024 * 1024), contentType: text('Type') } }),
  inFlight: operation({ ...common, id: 'system.inFlight', path: '/v1/sys/in-flight-req', audit: 'system.in-flight', summary: 'The requests that are being answered', input: {}, ...asked }),
  hostInfo: operation({ ...common, id: 'system.hostInfo', path: '/v1/sys/host-info', audit: 'system.host-info', summary: 'The machine', input: {}, ...asked }),
  readLoggers: operation({ ...common, id: 'system.readLoggers', path: '/v1/sys/loggers', audit: 'system.loggers-read', summary: 'The levels of the logs', input: {}, ...asked }),
  readLogger: operation({ ...common, id: 'system.readLogger', path: '/v1/sys/loggers/:name', audit: 'system.loggers-read', summary: 'The level of a log', input: { name: text('Log') }, ...asked }),
  setLoggers: operation({ ...common, method: 'POST', work: 'write', status: 204, id: 'system.setLoggers', path: '/v1/sys/loggers', audit: 'system.loggers-write', summary: 'Set the level of all logs until the next start', input: { level: text('Level').default('') }, output: {} }),
  setLogger: operation({ ...common, method: 'POST', work: 'write', status: 204, id: 'system.setLogger', path: '/v1/sys/loggers/:name', audit: 'system.loggers-write', summary: 'Set the level of a log until the next start', input: { name: text('Log'), level: text('Level').default('') }, output: {} }),
  resetLoggers: operation({ ...common, method: 'DELETE', work: 'write', status: 204, id: 'system.resetLoggers', path: '/v1/sys/loggers', audit: 'system.loggers-delete', summary: 'Set all logs back to the configured level', input: {}, output: {} }),
  resetLogger: operation({ ...common, method: 'DELETE', work: 'write', status: 204, id: 'system.resetLogger', path: '/v1/sys/loggers/:name', audit: 'system.loggers-delete', summary: 'Set a log back to the configured level', input: { name: text('Log') }, output: {} }),
  reload: operation({ ...common, method: 'POST', work: 'write', status: 204, id: 'system.reload', path: '/v1/sys/config/reload/:subsystem', audit: 'system.reload', summary: 'Open the files of a part anew', input: { subsystem: text('Part') }, output: {} }),
  versionHistory: operation({ ...common, method: 'LIST', work: 'list', id: 'system.versionHistory', path: '/v1/sys/version-history', audit: 'system.version-history', summary: 'The versions that ran here', input: {}, output: { keys: f.list('Versions', text('Version'), { max: 100 }), keyInfo: f.json('By version', { maxBytes: 65_536 }) } }),
  experiments: operation({ ...common, id: 'system.experiments', path: '/v1/sys/experiments', audit: 'system.experiments', summary: 'Experiments: there are none', input: {}, ...asked }),
  license: operation({ ...common, id: 'system.license', path: '/v1/sys/license/status', audit: 'system.license', summary: 'The licence: none is needed', input: {}, ...asked }),
  activity: operation({ ...counting, id: 'system.activity', path: '/v1/sys/internal/counters/activity', audit: 'system.counters', summary: 'Clients over time: they are not counted', input: {}, output: { document, warnings: f.list('Warnings', text('Warning'), { max: 8 }) } }),
  monthlyActivity: operation({ ...counting, status: 204, id: 'system.monthlyActivity', path: '/v1/sys/internal/counters/activity/monthly', audit: 'system.counters', summary: 'Clients of this month: they are not counted', input: {}, output: {} }),
  activityConfig: operation({ ...counting, id: 'system.activityConfig', path: '/v1/sys/internal/counters/config', audit: 'system.counters', summary: 'How clients are counted: not at all', input: {}, ...asked }),
  requestCounters: operation({ ...counting, id: 'system.requestCounters', path: '/v1/sys/internal/counters/requests', audit: 'system.counters', summary: 'Requests by month: gone from Vault, too', input: {}, ...asked }),
  tokenCounters: operation({ ...counting, id: 'system.tokenCounters', path: '/v1/sys/internal/counters/tokens', audit: 'system.counters', summary: 'How many tokens there are', input: {}, ...asked }),
  entityCounters: operation({ ...counting, id: 'system.entityCounters', path: '/v1/sys/internal/counters/entities', audit: 'system.counters', summary: 'How many entities there are', input: {}, ...asked }),
  profiles: operation({ ...common, id: 'system.profiles', path: '/v1/sys/pprof', audit: 'system.pprof', summary: 'Profiles: refused', input: {}, ...asked }),
  profile: operation({ ...common, id: 'system.profile', path: '/v1/sys/pprof/:rest+', audit: 'system.pprof', summary: 'Profiles: refused', input: rest, ...asked }),
  monitor: operation({ ...common, id: 'system.monitor', path: '/v1/sys/monitor', audit: 'system.monitor', summary: 'A stream of the log: refused', input: {}, ...asked }),
}
type Handled = Handlers<typeof observationContracts>

const ask = (call: Call, action: Action, path: string): void => void call.authorise(action, { kind: 'system', apiPath: `sys/${path}` })
const bad = (code: string, message: string, field: string): Error => fail('invalid_request', code, message, { field })
const gone = (message: string): Error => fail('not_found', 'vault.no_handler', message)

/** All parts write one log; this is its name. */
const LOG = 'coffer'
const LEVELS: Readonly<Record<string, Level>> = { trace: 'debug', debug: 'debug', notice: 'info', info: 'info', warn: 'warn', warning: 'warn', err: 'error', error: 'error' }

const levelOf = (given: string): Level => {
  if (given === '') throw bad('loggers.no_level', 'level is required', 'level')
  const level = Object.hasOwn(LEVELS, given.toLowerCase()) ? LEVELS[given.toLowerCase()] : undefined
  if (level === undefined) throw bad('loggers.bad_level', `invalid level provided: unknown log level: ${given.slice(0, 32)}`, 'level')
  return level
}

const loggers = ({ logging }: ObservePort): Pick<Handled, 'readLoggers' | 'readLogger' | 'setLoggers' | 'setLogger' | 'resetLoggers' | 'resetLogger'> => {
  const shown = (): Readonly<Record<string, unknown>> => ({ [LOG]: logging?.level ?? 'info' })
  const set = async (level: Level): Promise<void> => {
    if (logging === undefined) throw fail('unavailable', 'loggers.no_supervisor', 'The level of the log cannot be changed here.')
    await logging.set(level)
  }
  const check = (name: string): void => {
    if (name !== LOG) throw bad('loggers.unknown', `logger ${JSON.stringify(name)} not found`, 'name')
  }
  return {
    async readLoggers(_input, call) {
      ask(call, 'read', 'loggers')
      return { document: shown() }
    },
    async readLogger(input, call) {
      ask(call, 'read', `loggers/${input.name}`)
      return { document: input.name === LOG ? shown() : {} }
    },
    async setLoggers(input, call) {
      ask(call, 'update', 'loggers')
      await set(levelOf(input.level))
      return {}
    },
    async setLogger(input, call) {
      ask(call, 'update', `loggers/${input.name}`)
      const level = levelOf(input.level)
      check(input.name)
      await set(level)
      return {}
    },
    async resetLoggers(_input, call) {
      ask(call, 'delete', 'loggers')
      await set(logging?.configured ?? 'info')
      return {}
    },
    async resetLogger(input, call) {
      ask(call, 'delete', `loggers/${input.name}`)
      check(input.name)
      await set(logging?.configured ?? 'info')
      return {}
    },
  }
}

const counters = (port: ObservePort): Pick<Handled, 'activity' | 'monthlyActivity' | 'activityConfig' | 'requestCounters' | 'tokenCounters' | 'entityCounters'> => ({
  async activity(_input, call) {
    ask(call, 'read', 'internal/counters/activity')
    const none = { entity_clients: 0, non_entity_clients: 0, clients: 0, secret_syncs: 0, acme_clients: 0 }
    const now = new Date(call.now()).toISOString()
    return { document: { by_namespace: [], end_time: now, months: [], start_time: now, total: none }, warnings: ['This server does not count clients; the numbers say nothing.'] }
  },
  async monthlyActivity(_input, call) {
    ask(call, 'read', 'internal/counters/activity/monthly')
    return {}
  },
  async activityConfig(_input, call) {
    ask(call, 'read', 'internal/counters/config')
    return { document: { billing_start_timestamp: '0001-01-01T00:00:00Z', enabled: 'default-disabled', minimum_retention_months: 0, queries_available: false, reporting_enabled: false, retention_months: 48 } }
  },
  async requestCounters(_input, call) {
    ask(call, 'read', 'internal/counters/requests')
    throw gone('The functionality has been removed on this path')
  },
  async tokenCounters(_input, call) {
    ask(call, 'read', 'internal/counters/tokens')
    return { document: { counters: { service_tokens: { total: await port.count(call.orgId, 'tokens') } } } }
  },
  async entityCounters(_input, call) {
    ask(call, 'read', 'internal/counters/entities')
    return { document: { counters: { entities: { total: await port.count(call.orgId, 'entities') } } } }
  },
})

const refusals: Pick<Handled, 'license' | 'profiles' | 'profile' | 'monitor'> = {
  async license(_input, call) {
    ask(call, 'read', 'license/status')
    throw gone('enterprise-only feature')
  },
  async profiles(_input, call) {
    ask(call, 'read', 'pprof')
    throw bad('pprof.refused', 'Profiles of this server are not taken over its API: they would hold what is in its memory.', 'path')
  },
  async profile(input, call) {
    ask(call, 'read', `pprof/${input.rest}`)
    throw bad('pprof.refused', 'Profiles of this server are not taken over its API: they would hold what is in its memory.', 'path')
  },
  async monitor(_input, call) {
    ask(call, 'read', 'monitor')
    throw bad('monitor.refused', 'The log is not streamed over the API: it is on the standard error of the server. Its level is set with sys/loggers.', 'path')
  },
}

export const observeOperations = (port: ObservePort): readonly Implemented[] =>
  implement(observationContracts, {
    ...loggers(port),
    ...counters(port),
    ...refusals,
    async metrics(input, call) {
      ask(call, 'read', 'metrics')
      if (input.format !== undefined && input.format !== '' && input.format !== 'prometheus' && input.format !== 'json') throw bad('metrics.bad_format', `metric response format ${JSON.stringify(input.format)} unknown`, 'format')
      const all = await port.metrics()
      if (input.format === 'prometheus') return { response: renderMetrics(all), contentType: 'text/plain; version=0.0.4; charset=utf-8' }
      return { response: JSON.stringify(metricsDocument(all, new Date(call.now()))), contentType: 'application/json' }
    },
    async inFlight(_input, call) {
      ask(call, 'read', 'in-flight-req')
      const all = [...port.flights()].map(([id, flight]) => [id.replace(/^req_/, ''), { start_time: new Date(flight.startTime).toISOString(), client_remote_address: flight.remoteAddress, request_path: flight.path, request_method: flight.method, client_id: '' }])
      return { document: Object.fromEntries(all) }
    },
    async hostInfo(_input, call) {
      ask(call, 'read', 'host-info')
      return { document: await port.machine(call.now()) }
    },
    async reload(input, call) {
      ask(call, 'update', `config/reload/${input.subsystem}`)
      // There is no licence, so there is nothing to read again; Vault without one says the same.
      if (input.subsystem === 'license') return {}
      if (input.subsystem !== 'audit') throw gone('unsupported path')
      await port.reopen()
      return {}
    },
    async versionHistory(_input, call) {
      ask(call, 'list', 'version-history/')
      return { keys: [port.version], keyInfo: { [port.version]: { build_date: '', previous_version: null, timestamp_installed: new Date(port.installedAt).toISOString() } } }
    },
    async experiments(_input, call) {
      ask(call, 'read', 'experiments')
      return { document: { available: [], enabled: [] } }
    },
  })
