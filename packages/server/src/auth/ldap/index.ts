// People of a directory.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { configOperations } from './config.ts'
import { ldapLogin } from './login.ts'
import { memberOperations } from './members.ts'

export const ldap = defineAuthMethod({
  type: 'ldap',
  summary: 'People who log in with the name and password of an LDAP directory',
  lockable: true,
  implement: (parts) => ({ operations: [...configOperations(parts), ...memberOperations(parts)], logins: [ldapLogin(parts)] }),
})
