// People with a name and a password.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { userLogin, userOperations } from './users.ts'

export const userpass = defineAuthMethod({
  type: 'userpass',
  summary: 'People who log in with a name and a password',
  lockable: true,
  implement: (parts) => ({ operations: userOperations(parts), logins: [userLogin(parts)] }),
})
