// Workloads with a token that somebody else signed.

import { defineAuthMethod, type AuthParts } from '../../kernel/auth/method.ts'
import { configOperations } from './config.ts'
import { jwtLogin } from './login.ts'
import { oidcLogin, oidcOperations } from './oidc/login.ts'
import { roleOperations } from './roles.ts'

const shape = {
  lockable: false,
  implement: (parts: AuthParts) => ({ operations: [...configOperations(parts), ...roleOperations(parts), ...oidcOperations(parts)], logins: [jwtLogin(parts), oidcLogin(parts)] }),
}

export const jwt = defineAuthMethod({ type: 'jwt', summary: 'Workloads that log in with a signed JSON Web Token', ...shape })

/** The same method under the name that people enable for the redirect flow. */
export const oidc = defineAuthMethod({ type: 'oidc', summary: 'People who log in at an OpenID Connect issuer with a browser', ...shape })
