// Handlers of operations on the server itself.

import { implement, type Implemented } from '../kernel/operation.ts'
import * as operations from './operations.ts'

export interface Check {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'problem'
  readonly message: string
}

export interface SystemPorts {
  seal(): Promise<void>
  checks(): Promise<readonly Check[]>
}

export const systemOperations = (ports: SystemPorts): readonly Implemented[] =>
  implement(operations, {
    async seal(_input, call) {
      call.authorise('administer', { kind: 'platform', apiPath: 'sys/seal' })
      // The record must be durable before the spool goes: the pipeline writes it while this waits its turn.
      setTimeout(() => void ports.seal().catch(() => undefined), 50)
      return {}
    },
    async doctor(_input, call) {
      call.authorise('administer', { kind: 'platform', apiPath: 'sys/host-info' })
      return { checks: await ports.checks() }
    },
  })
