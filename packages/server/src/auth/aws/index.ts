// Users and roles of AWS.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { configOperations } from './config.ts'
import { awsLogin } from './login.ts'
import { roleOperations } from './roles.ts'

export const aws = defineAuthMethod({
  type: 'aws',
  summary: 'Users and roles of AWS, by a request that they signed',
  lockable: false,
  implement: (parts) => ({ operations: [...configOperations(parts), ...roleOperations(parts)], logins: [awsLogin(parts)] }),
})
