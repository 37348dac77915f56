// Pods with the token of their service account.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { configOperations } from './config.ts'
import { kubernetesLogin } from './login.ts'
import { roleOperations } from './roles.ts'

export const kubernetes = defineAuthMethod({
  type: 'kubernetes',
  summary: 'Pods that log in with the token of their service account',
  lockable: false,
  implement: (parts) => ({ operations: [...configOperations(parts), ...roleOperations(parts)], logins: [kubernetesLogin(parts)] }),
})
