// The login with the name and password of the directory.

import { login as loginOf, type AuthParts, type Login, type LoginVerdict } from '../../kernel/auth/method.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { cleanPolicies } from '../../kernel/auth/token-settings.ts'
import { reveal } from '../../crypto/secret.ts'
import { comparable, parseName, partOf } from './names.ts'
import { login } from './operations.ts'
import { CONFIG, configs, groups, isNameKey, nameKey, users, type Config } from './records.ts'
import { findUser, type Found } from './search.ts'

/** Groups that one login may have of here and of the directory. */
const MOST_LOOKED_UP = 1000

const refused = (message: string, field?: string): Error => fail('invalid_request', 'ldap.login', message, field === undefined ? {} : { field })

/** Who the holder is, always the same whichever way the name was written. */
const aliasOf = (config: Config, found: Found, canonical: string): string => {
  if (config.usernameAsAlias) return canonical
  const alias = found.attributes.get(config.userAttribute)?.[0]?.toString('utf8')
  if (alias === undefined) throw refused('missing entity alias attribute value')
  if (alias === '') throw refused('empty entity alias attribute value')
  return alias
}

/** Policies of the user's own entry and of all groups. */
const policiesOf = async (parts: AuthParts, call: Call, config: Config, canonical: string, inDirectory: readonly string[]): Promise<{ readonly policies: readonly string[]; readonly groups: readonly string[] }> => {
  const store = parts.store(call)
  const user = isNameKey(canonical) ? (await users.get(store, canonical))?.value : undefined
  const all = [...new Set([...(user?.groups ?? []), ...inDirectory])]
  if (all.length > MOST_LOOKED_UP) throw refused(`the user is in more than ${MOST_LOOKED_UP} groups: a groupfilter must choose`)
  // Of many groups few have policies here: one listing finds them.
  const known = new Set(all.length === 0 ? [] : await groups.names(store))
  const keys = [...new Set(all.map((each) => nameKey(config, each)))].filter((each) => known.has(each))
  const found = await Promise.all(keys.map((key) => groups.get(store, key)))
  return { policies: [...(user?.policies ?? []), ...found.flatMap((each) => each?.value.policies ?? [])], groups: all }
}

const verdictOf = async (parts: AuthParts, call: Call, config: Config, found: Found, username: string): Promise<LoginVerdict> => {
  const named = config.usernameAsAlias ? (partOf(parseName(found.name), config.userAttribute) ?? username.replace(/\s+/g, ' ')) : username
  const canonical = nameKey(config, named)
  const alias = aliasOf(config, found, canonical)
  const { policies, groups: memberships } = await policiesOf(parts, call, config, canonical, found.groups)
  return {
    alias, displayName: username, kind: 'user', metadata: { username },
    aliasMetadata: { name: username, rawUsername: username, effectiveUsername: alias },
    groups: memberships,
    token: { ...config.token, policies: cleanPolicies([...config.token.policies, ...policies]) },
  }
}

export const ldapLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => comparable(input.username),
    async verify(input, call) {
      const password = input.password === undefined ? '' : reveal(input.password, 'to be tried by the directory')
      // A directory answers a name with an empty password with success: RFC 4513, 5.1.2.
      if (password === '') throw refused('password cannot be of zero length when passwordless binds are being denied', 'password')
      const username = input.username.normalize('NFC')
      if (comparable(username) === '' || /[\p{Cc}\p{Cf}]/u.test(username) || username !== username.trim()) throw refused('the name holds characters that no name has', 'username')
      const config = (await configs.get(parts.store(call), CONFIG))?.value
      if (config === undefined) throw refused('auth method not configured')
      if (!config.discover && (config.bindName === '' || config.bindPassword === '') && config.upnDomain === '' && config.userBase === '') throw refused('cannot derive UserBindDN')
      const timeoutMs = Math.max(1, Math.min(config.requestTimeoutSeconds || 30, config.connectionTimeoutSeconds || 30)) * 1000
      const directory = await parts.directories.open({ urls: config.url.split(','), tls: config.tls, timeoutMs })
      let found: Found
      try {
        found = await findUser(directory, config, username, password)
      } finally {
        directory.close()
      }
      return verdictOf(parts, call, config, found, username)
    },
  })
