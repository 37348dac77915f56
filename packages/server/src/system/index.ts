// Handlers of operations on the server itself.

import { implement, type Implemented } from '../kernel/operation.ts'
import { fail } from '../kernel/errors.ts'
import { doctor, seal, unknownPath } from './operations.ts'

const operations = { doctor, seal }

export interface Check {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'problem'
  readonly message: string
}

export interface SystemPorts {
  checks(): Promise<readonly Check[]>
}

export const systemOperations = (ports: SystemPorts): readonly Implemented[] =>
  implement(operations, {
    async seal(_input, call) {
      call.authorise('administer', { kind: 'platform', apiPath: 'sys/seal' })
      // Permission and record; the door seals once both are there, because the spool goes with the worker.
      return {}
    },
    async doctor(_input, call) {
      call.authorise('administer', { kind: 'platform', apiPath: 'sys/host-info' })
      return { checks: await ports.checks() }
    },
  })

/** Permission first, then the truth: nobody learns without a right which mounts there are. */
export const unknownPathOperation: readonly Implemented[] = implement(
  { unknownPath },
  {
    async unknownPath(input, call) {
      call.authorise('read', { kind: 'system', apiPath: input.path })
      throw fail('not_found', 'vault.no_handler', `no handler for route "${input.path}". route entry not found.`)
    },
  },
)
