// Machines with a TLS client certificate.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { certOperations } from './certs.ts'
import { configOperations } from './config.ts'
import { crlOperations, makeRevocations } from './crls.ts'
import { certLogin, certRenewal } from './login.ts'

export const cert = defineAuthMethod({
  type: 'cert',
  summary: 'Machines that log in with a TLS client certificate',
  lockable: false,
  implement(parts) {
    const revocations = makeRevocations(parts)
    return { operations: [...certOperations(parts), ...configOperations(parts), ...crlOperations(parts)], logins: [certLogin(parts, revocations)], checkRenewal: certRenewal(parts, revocations) }
  },
})
