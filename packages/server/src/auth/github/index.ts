// Members of an organization on GitHub.

import { defineAuthMethod } from '../../kernel/auth/method.ts'
import { configOperations } from './config.ts'
import { githubLogin } from './login.ts'
import { mappingOperations } from './mappings.ts'

export const github = defineAuthMethod({
  type: 'github',
  summary: 'Members of an organization on GitHub, by a personal access token',
  lockable: false,
  implement: (parts) => ({ operations: [...configOperations(parts), ...mappingOperations(parts)], logins: [githubLogin(parts)] }),
})
