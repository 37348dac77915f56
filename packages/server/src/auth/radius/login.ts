// The login with a name and a password that a RADIUS server knows.

import { INVALID_CREDENTIALS, login as loginOf, type AuthParts, type Login, type LoginVerdict } from '../../kernel/auth/method.ts'
import { cleanPolicies } from '../../kernel/auth/token-settings.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { makeRadiusRequest, maxRadiusPassword } from '../../crypto/protocols/radius.ts'
import { reveal, secret, type Secret } from '../../crypto/secret.ts'
import { login, loginAs } from './operations.ts'
import { CONFIG, configs, isUserName, users } from './records.ts'

const refused = (message: string, field?: string): Error => fail('invalid_request', 'radius.login', message, field === undefined ? {} : { field })
const denied = (): Error => fail('invalid_request', INVALID_CREDENTIALS, 'access denied by the authentication server')

const verify = async (parts: AuthParts, call: Call, username: string, password: Secret<string> | undefined): Promise<LoginVerdict> => {
  if (username === '') throw refused('username cannot be empty', 'username')
  const length = password === undefined ? 0 : Buffer.byteLength(reveal(password, 'to be measured'))
  if (password === undefined || length === 0) throw refused('password cannot be empty', 'password')
  if (length > maxRadiusPassword) throw refused(`RADIUS takes passwords of at most ${maxRadiusPassword} bytes`, 'password')
  if (!isUserName(username)) throw refused('the name holds characters that no name has', 'username')
  const store = parts.store(call)
  const config = (await configs.get(store, CONFIG))?.value
  if (config === undefined) throw refused('radius backend not configured')
  const request = makeRadiusRequest({ secret: secret(config.secret), username, password, nasPort: config.nasPort, nasIdentifier: config.nasIdentifier })
  const answer = await parts.datagrams.ask({ host: config.host, port: config.port, packet: request.packet, timeoutMs: Math.max(1, config.readTimeoutSeconds) * 1000, read: (bytes) => request.readAnswer(bytes) })
  // A challenge asks for a second step, which there is no way to answer here.
  if (answer !== 'accept') throw denied()
  const policies = (await users.get(store, username))?.value.policies ?? config.unregisteredUserPolicies
  return {
    alias: username, displayName: username, kind: 'user', metadata: { username, policies: policies.join(',') }, aliasMetadata: {},
    token: { ...config.token, policies: cleanPolicies([...config.token.policies, ...policies]) },
  }
}

export const radiusLogins = (parts: AuthParts): readonly Login[] => [
  loginOf(login, { nameOf: (input) => input.username?.toLowerCase(), verify: (input, call) => verify(parts, call, input.username ?? '', input.password) }),
  loginOf(loginAs, {
    nameOf: (input) => input.urlusername.toLowerCase(),
    async verify(input, call) {
      // Two names would let one be looked at and the other log in.
      if (input.username !== undefined && input.username !== '' && input.username !== input.urlusername) throw refused('the username of the path and that of the body differ', 'username')
      return verify(parts, call, input.urlusername, input.password)
    },
  }),
]
