// Service accounts and instances of Google Cloud.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { configOperations } from './config.ts'
import { gcpLogin } from './login.ts'
import { roleOperations } from './roles.ts'

export const gcp = defineAuthMethod({
  type: 'gcp',
  summary: 'Service accounts and instances of Google Cloud',
  lockable: false,
  implement: (parts) => ({ operations: [...configOperations(parts), ...roleOperations(parts)], logins: [gcpLogin(parts)] }),
})
