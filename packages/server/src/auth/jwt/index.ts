// Workloads with a token that somebody else signed.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { configOperations } from './config.ts'
import { jwtLogin } from './login.ts'
import { roleOperations } from './roles.ts'

export const jwt = defineAuthMethod({
  type: 'jwt',
  summary: 'Workloads that log in with a signed JSON Web Token',
  lockable: false,
  implement: (parts) => ({ operations: [...configOperations(parts), ...roleOperations(parts)], logins: [jwtLogin(parts)] }),
})
