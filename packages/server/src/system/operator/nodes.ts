// Who leads. Every worker of every node serves: there is no standby to send anybody away from, and nothing to step down from.

import { hostname } from 'node:os'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'

const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'sealed', 'unavailable'] as const
const common = { tag: 'system', errors } as const
const document = f.json('The answer', { maxBytes: 64 * 1024 })

export const nodeContracts = {
  leader: operation({ ...common, access: 'public', work: 'read', isEverywhere: true, id: 'system.leader', method: 'GET', path: '/v1/sys/leader', audit: undefined, summary: 'Who leads', input: {}, output: { document } }),
  haStatus: operation({ ...common, access: 'policy', scope: 'server', work: 'read', id: 'system.haStatus', method: 'GET', path: '/v1/sys/ha-status', audit: 'system.ha-status', summary: 'Which nodes there are', input: {}, output: { document } }),
  stepDown: operation({ ...common, access: 'policy', scope: 'server', work: 'write', id: 'operator.stepDown', method: 'POST', path: '/v1/sys/step-down', audit: 'operator.step-down', status: 204, summary: 'Accepted and without effect: no node leads', input: {}, output: {} }),
}

export const nodeOperations = (version: string): readonly Implemented[] =>
  implement(nodeContracts, {
    async leader() {
      return { document: { ha_enabled: false, is_self: true, active_time: '0001-01-01T00:00:00Z', leader_address: '', leader_cluster_address: '', performance_standby: false, performance_standby_last_remote_wal: 0 } }
    },
    async haStatus(_input, call) {
      call.authorise('read', { kind: 'system', apiPath: 'sys/ha-status' })
      return { document: { nodes: [{ hostname: hostname(), api_address: '', cluster_address: '', active_node: true, last_echo: null, version, echo_duration_ms: 0, clock_skew_ms: 0, replication_primary_canary_age_ms: 0 }] } }
    },
    async stepDown(_input, call) {
      call.authorise('update', { kind: 'platform', apiPath: 'sys/step-down', sudo: true })
      return {}
    },
  })
