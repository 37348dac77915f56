// The login of a service account: whose it is, then whether the role is for it.

import { login as loginOf, type AuthParts, type Login } from '../../kernel/auth/method.ts'
import { fail } from '../../kernel/errors.ts'
import { reveal } from '../../crypto/secret.ts'
import { globMatches } from '../../lib/jwt-claims.ts'
import { denied, findAccount } from './accounts.ts'
import { login } from './operations.ts'
import { markOf, roleKey, roleOfLogin } from '../../kernel/auth/roles.ts'
import { CONFIG, configs, roles } from './records.ts'

const refused = (message: string): Error => fail('invalid_request', 'kubernetes.login', message)

export const kubernetesLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => input.role,
    async verify(input, call) {
      const token = input.jwt === undefined ? '' : reveal(input.jwt, 'to be verified')
      const wanted = roleKey(input.role ?? '')
      if (wanted === '') throw refused('missing role')
      if (token === '') throw refused('missing jwt')
      const store = parts.remembered(call)
      const role = await roleOfLogin(roles, store, wanted)
      if (role === undefined) throw refused(`invalid role name ${JSON.stringify(wanted.slice(0, 64))}`)
      const config = (await configs.get(store, CONFIG))?.value
      if (config === undefined) throw refused('could not load backend configuration')
      const account = await findAccount(parts, config, { token, audience: role.audience, nowSeconds: call.now() / 1000 })
      if (!role.namespaces.some((each) => globMatches(each, account.namespace))) throw denied('namespace not authorized')
      if (!role.names.some((each) => globMatches(each, account.name))) throw denied('service account name not authorized')
      const metadata = { role: role.name, service_account_name: account.name, service_account_namespace: account.namespace, service_account_uid: account.uid, service_account_secret_name: '' }
      return { alias: role.aliasBy === 'serviceaccount_name' ? `${account.namespace}/${account.name}` : account.uid, displayName: `${account.namespace}-${account.name}`, kind: 'workload', metadata, token: role.token, role: markOf(roles, role) }
    },
  })
