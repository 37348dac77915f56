// sys/quotas: limits of requests and of leases. Statuses and words are Vault's.

import type { Action, Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import type { QuotaType } from '../../services/quotas/rows.ts'
import * as operations from './operations.ts'
import { placeOf } from './place.ts'
import type { QuotasPort } from './port.ts'

type Handled = Handlers<typeof operations>

const ask = (call: Call, action: Action, path: string): Grant => call.authorise(action, { kind: 'system', apiPath: `sys/quotas/${path}` })
const bad = (code: string, message: string, field: string): Error => fail('invalid_request', code, message, { field })

const named = async (port: QuotasPort, call: Call, type: QuotaType): Promise<{ readonly keys: readonly string[] }> => {
  ask(call, 'list', `${type}/`)
  const keys = (await port.list(call, type)).map(({ name }) => name)
  if (keys.length === 0) throw fail('not_found', 'quota.none', 'There are no quotas of this type.')
  return { keys }
}

const one = async (port: QuotasPort, call: Call, type: QuotaType, name: string) => {
  ask(call, 'read', `${type}/${name}`)
  const found = await port.find(call, type, name)
  if (found === undefined) throw fail('not_found', 'quota.not_found', 'There is no such quota.')
  return found
}

const config = (port: QuotasPort): Pick<Handled, 'readQuotaConfig' | 'writeQuotaConfig'> => ({
  async readQuotaConfig(_input, call) {
    ask(call, 'read', 'config')
    const { auditRefusals, responseHeaders, exemptPaths, absoluteExemptPaths } = port.config()
    return { enableRateLimitAuditLogging: auditRefusals, enableRateLimitResponseHeaders: responseHeaders, rateLimitExemptPaths: exemptPaths, absoluteRateLimitExemptPaths: absoluteExemptPaths }
  },
  async writeQuotaConfig(input, call) {
    const grant = ask(call, 'update', 'config')
    await port.configure(grant, call, { auditRefusals: input.enableRateLimitAuditLogging, responseHeaders: input.enableRateLimitResponseHeaders, exemptPaths: input.rateLimitExemptPaths, absoluteExemptPaths: input.absoluteRateLimitExemptPaths })
    return {}
  },
})

const requireGrouping = (groupBy: string, secondaryRate: number): void => {
  if (['none', 'entity_then_ip', 'entity_then_none'].includes(groupBy)) throw bad('quota.grouping', `grouping mode ${JSON.stringify(groupBy)} is only available in Vault Enterprise`, 'group_by')
  if (groupBy !== 'ip' && groupBy !== '') throw bad('quota.grouping', `invalid grouping mode ${JSON.stringify(groupBy)}`, 'group_by')
  if (secondaryRate !== 0) throw bad('quota.secondary', 'secondary rate is only valid when using entity-based grouping', 'secondary_rate')
}

const inheritance = (wanted: boolean | undefined, isWhole: boolean): boolean => {
  if (wanted === true && !isWhole) throw bad('quota.inheritable', 'only namespace quotas can be configured as inheritable', 'inheritable')
  if (wanted === false && isWhole) throw bad('quota.inheritable', 'all global quotas must be inheritable', 'inheritable')
  return isWhole
}

const rateLimits = (port: QuotasPort): Pick<Handled, 'listRateLimits' | 'readRateLimit' | 'writeRateLimit' | 'deleteRateLimit'> => ({
  listRateLimits: (_input, call) => named(port, call, 'rate-limit'),
  async readRateLimit(input, call) {
    const { name, mount, suffix, role, rate, intervalSeconds, blockSeconds, inheritable } = await one(port, call, 'rate-limit', input.name)
    return { type: 'rate-limit', name, path: mount + suffix, role, rate, secondaryRate: 0, groupBy: 'ip', interval: intervalSeconds, blockInterval: blockSeconds, inheritable }
  },
  async writeRateLimit(input, call) {
    const grant = ask(call, 'update', `rate-limit/${input.name}`)
    if (input.rate <= 0) throw bad('quota.rate', "'rate' is invalid", 'rate')
    requireGrouping(input.groupBy, input.secondaryRate)
    const place = placeOf(await port.registry(call.orgId), 'rate-limit', input)
    const inheritable = inheritance(input.inheritable, place.mount === '')
    await port.put(grant, call, { type: 'rate-limit', name: input.name, ...place, role: input.role, inheritable, rate: input.rate, intervalSeconds: input.interval === 0 ? 1 : input.interval, blockSeconds: input.blockInterval, maxLeases: 0 })
    return {}
  },
  async deleteRateLimit(input, call) {
    await port.remove(ask(call, 'delete', `rate-limit/${input.name}`), call, 'rate-limit', input.name)
    return {}
  },
})

const leaseCounts = (port: QuotasPort): Pick<Handled, 'listLeaseCounts' | 'readLeaseCount' | 'writeLeaseCount' | 'deleteLeaseCount'> => ({
  listLeaseCounts: (_input, call) => named(port, call, 'lease-count'),
  async readLeaseCount(input, call) {
    const { name, mount, suffix, role, maxLeases, used } = await one(port, call, 'lease-count', input.name)
    return { type: 'lease-count', name, path: mount + suffix, role, maxLeases, counter: used, inheritable: false }
  },
  async writeLeaseCount(input, call) {
    const grant = ask(call, 'update', `lease-count/${input.name}`)
    if (input.maxLeases <= 0) throw bad('quota.max_leases', "'max_leases' is invalid", 'max_leases')
    const place = placeOf(await port.registry(call.orgId), 'lease-count', input)
    if (input.inheritable === true && place.mount !== '') throw bad('quota.inheritable', 'only namespace quotas can be configured as inheritable', 'inheritable')
    await port.put(grant, call, { type: 'lease-count', name: input.name, ...place, role: input.role, inheritable: false, rate: 0, intervalSeconds: 1, blockSeconds: 0, maxLeases: input.maxLeases })
    return {}
  },
  async deleteLeaseCount(input, call) {
    await port.remove(ask(call, 'delete', `lease-count/${input.name}`), call, 'lease-count', input.name)
    return {}
  },
})

export const quotaOperations = (port: QuotasPort): readonly Implemented[] => implement(operations, { ...config(port), ...rateLimits(port), ...leaseCounts(port) })
