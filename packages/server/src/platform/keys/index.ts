// Handlers of the organization's key-encryption keys.

import { implement, type Implemented } from '../../kernel/operation.ts'
import type { KeysPort } from '../../kernel/ports/projects.ts'
import * as operations from './operations.ts'

export const platformKeys = (keys: KeysPort): readonly Implemented[] =>
  implement(operations, {
    async rotate(input, call) {
      return keys.rotate(call.authorise('administer', { kind: 'system', apiPath: 'sys/rotate' }), call, { rewrap: input.rewrap })
    },
  })
