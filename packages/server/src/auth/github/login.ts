// The login with a personal access token: GitHub says whose it is, and in which organizations and teams that person is.

import { login as loginOf, type AuthParts, type Login } from '../../kernel/auth/method.ts'
import { cleanPolicies } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { reveal } from '../../crypto/secret.ts'
import { organizationsOf, teamsOf, userOf } from './api.ts'
import { policiesOf } from './mappings.ts'
import { login } from './operations.ts'
import { CONFIG, configs } from './records.ts'

const refused = (message: string): Error => fail('invalid_request', 'github.login', message)

export const githubLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: () => undefined,
    async verify(input, call) {
      const token = input.token === undefined ? '' : reveal(input.token, 'to be shown to GitHub')
      if (token === '') throw refused('missing token')
      // It becomes part of a header (RFC 6750, 2.1).
      if (!/^[A-Za-z0-9._~+/=-]+$/.test(token)) throw refused('the token holds characters that no token has')
      const store = parts.store(call)
      const config = (await configs.get(store, CONFIG))?.value
      if (config === undefined) throw refused('configuration has not been set')
      const user = await userOf(parts, config, token)
      // By its number: names of organizations change hands.
      const organization = (await organizationsOf(parts, config, token)).find(({ id }) => id === config.organizationId)
      if (organization === undefined) throw refused('user is not part of required org')
      const teams = (await teamsOf(parts, config, token)).filter((each) => each.organizationId === organization.id)
      const groups = [...new Set(teams.flatMap(({ name, slug }) => [name, slug]))]
      const policies = cleanPolicies([...config.token.policies, ...(await policiesOf(store, groups, user))])
      return { alias: user, displayName: user, kind: 'user', metadata: { username: user, org: organization.login }, aliasMetadata: {}, groups, token: { ...config.token, policies } }
    },
  })
