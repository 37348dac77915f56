// People whom a RADIUS server knows.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { configOperations } from './config.ts'
import { radiusLogins } from './login.ts'
import { userOperations } from './users.ts'

export const radius = defineAuthMethod({
  type: 'radius',
  summary: 'People with a name and a password that a RADIUS server knows',
  lockable: true,
  implement: (parts) => ({ operations: [...configOperations(parts), ...userOperations(parts)], logins: radiusLogins(parts) }),
})
