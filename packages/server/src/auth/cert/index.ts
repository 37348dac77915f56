// Machines with a TLS client certificate.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { certOperations } from './certs.ts'
import { certLogin } from './login.ts'

export const cert = defineAuthMethod({
  type: 'cert',
  summary: 'Machines that log in with a TLS client certificate',
  lockable: false,
  implement: (parts) => ({ operations: certOperations(parts), logins: [certLogin(parts)] }),
})
