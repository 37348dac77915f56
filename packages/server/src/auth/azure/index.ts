// Managed identities and service principals of Azure.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { configOperations } from './config.ts'
import { azureLogin } from './login.ts'
import { roleOperations } from './roles.ts'

export const azure = defineAuthMethod({
  type: 'azure',
  summary: 'Managed identities and service principals of Azure',
  lockable: false,
  implement: (parts) => ({ operations: [...configOperations(parts), ...roleOperations(parts)], logins: [azureLogin(parts)] }),
})
