// The key-encryption key of the organization: its state, its rotation, and when it is rotated without being asked.

import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'
import { formatGoDuration } from '../../lib/duration.ts'

export interface KeyStatus {
  readonly term: number
  readonly installedAt: number
  /** Data keys wrapped under it, at most: they are reserved in blocks. */
  readonly wraps: number
}

/** When a KEK is rotated without being asked. */
export interface RotationRule {
  readonly maxOperations: number
  /** 0: whatever its age. */
  readonly intervalSeconds: number
  readonly enabled: boolean
}

export interface KeysPort {
  readonly version: string
  status(orgId: string): Promise<KeyStatus>
  rotate(grant: Grant, call: Call): Promise<void>
  rule(grant: Grant, call: Call): Promise<RotationRule>
  setRule(grant: Grant, call: Call, change: Partial<RotationRule>): Promise<void>
}

const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const
const common = { tag: 'system', access: 'policy', errors } as const
const document = f.json('The answer', { maxBytes: 64 * 1024 })
const day = 86_400
/** Vault's bounds; the interval's least is there to keep people from rotating for its own sake. */
const bounds = { least: 1_000_000, most: 3_865_470_566, leastIntervalSeconds: day }

export const keyContracts = {
  status: operation({ ...common, work: 'read', id: 'system.keyStatus', method: 'GET', path: '/v1/sys/key-status', audit: 'system.key-status', summary: 'The current key', input: {}, output: { document } }),
  rotate: operation({ ...common, work: 'write', id: 'system.rotate', method: 'POST', path: '/v1/sys/rotate', audit: 'keys.rotate', status: 204, summary: 'Rotate the key of the organization', input: {}, output: {} }),
  rotateKeyring: operation({ ...common, work: 'write', id: 'system.rotateKeyring', method: 'POST', path: '/v1/sys/rotate/keyring', audit: 'keys.rotate', status: 204, summary: 'Rotate the key of the organization', input: {}, output: {} }),
  rule: operation({ ...common, work: 'read', id: 'operator.rotationRule', method: 'GET', path: '/v1/sys/rotate/config', audit: 'keys.rotation-rule-read', summary: 'When the key is rotated without being asked', input: {}, output: { document } }),
  setRule: operation({
    ...common, work: 'write', id: 'operator.setRotationRule', method: 'POST', path: '/v1/sys/rotate/config', audit: 'keys.rotation-rule-write', status: 204, summary: 'Say when the key is rotated without being asked',
    input: { maxOperations: f.int('Encryptions after which it is rotated', { min: -(2 ** 53), max: 2 ** 53 }).optional(), interval: f.duration('Age at which it is rotated; 0: never for its age', { maxSeconds: 100 * 366 * day }).optional(), enabled: f.bool('Whether these are in force').optional() }, output: {},
  }),
}

const checked = ({ maxOperations, interval, enabled }: { readonly maxOperations?: number | undefined; readonly interval?: number | undefined; readonly enabled?: boolean | undefined }): Partial<RotationRule> => {
  if (interval !== undefined && interval !== 0 && interval < bounds.leastIntervalSeconds) throw fail('invalid_request', 'keys.bad_interval', 'interval must be greater or equal to 24h0m0s', { field: 'interval' })
  if (maxOperations !== undefined && (maxOperations < bounds.least || maxOperations > bounds.most)) throw fail('invalid_request', 'keys.bad_max_operations', `max_operations must be in the range [${bounds.least},${bounds.most}]`, { field: 'max_operations' })
  return { ...(maxOperations === undefined ? {} : { maxOperations }), ...(interval === undefined ? {} : { intervalSeconds: interval }), ...(enabled === undefined ? {} : { enabled }) }
}

export const keyOperations = (port: KeysPort): readonly Implemented[] => {
  const rotate = async (apiPath: string, call: Call): Promise<Record<string, never>> => {
    await port.rotate(call.authorise('update', { kind: 'system', apiPath, sudo: true }), call)
    return {}
  }
  return implement(keyContracts, {
    async status(_input, call) {
      call.authorise('read', { kind: 'system', apiPath: 'sys/key-status' })
      const { term, installedAt, wraps } = await port.status(call.orgId)
      return { document: { term, install_time: new Date(installedAt).toISOString(), encryptions: wraps } }
    },
    rotate: (_input, call) => rotate('sys/rotate', call),
    rotateKeyring: (_input, call) => rotate('sys/rotate/keyring', call),
    async rule(_input, call) {
      const rule = await port.rule(call.authorise('read', { kind: 'system', apiPath: 'sys/rotate/config' }), call)
      return { document: { max_operations: rule.maxOperations, enabled: rule.enabled, interval: rule.intervalSeconds === 0 ? 0 : formatGoDuration(rule.intervalSeconds) } }
    },
    async setRule(input, call) {
      await port.setRule(call.authorise('update', { kind: 'system', apiPath: 'sys/rotate/config' }), call, checked(input))
      return {}
    },
  })
}
