// Machines with a role id and a secret id.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { roleLogin } from './login.ts'
import { roleSettingOperations } from './role-fields.ts'
import { roleOperations } from './roles.ts'
import { secretIdOperations } from './secret-ids.ts'
import { tidyOperations } from './tidy.ts'

export const approle = defineAuthMethod({
  type: 'approle',
  summary: 'Machines that log in with a role id and a secret id',
  lockable: true,
  isUnguessable: true,
  implement: (parts) => ({ operations: [...roleOperations(parts), ...roleSettingOperations(parts), ...secretIdOperations(parts), ...tidyOperations(parts)], logins: [roleLogin(parts)] }),
})
