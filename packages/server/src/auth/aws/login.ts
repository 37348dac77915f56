// The login with a signed request: STS says who signed it, then the role whether that is somebody whom it knows.

import { login as loginOf, type AuthParts, type Login } from '../../kernel/auth/method.ts'
import { markOf, roleKey, roleOfLogin } from '../../kernel/auth/roles.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { reveal } from '../../crypto/secret.ts'
import { login } from './operations.ts'
import { canonicalArn, isPattern, matchesPattern } from './principal.ts'
import { CLIENT, configs, defaultClient, defaultIdentity, identities, IDENTITY, roles, type Client, type Identity, type Role } from './records.ts'
import { readRequest, RequestError, type Given, type SignedRequest } from './signed-request.ts'
import { callerOf, lookUp, type Caller } from './sts.ts'

const refused = (message: string, cause?: unknown): Error => fail('invalid_request', 'aws.login', message, { cause })

const requestOf = (given: Given, client: Client, now: number): SignedRequest => {
  try {
    return readRequest(given, client, now)
  } catch (error) {
    throw error instanceof RequestError ? refused(error.message, error) : error
  }
}

/** @throws invalid_request for somebody whom the role does not know */
const checkBound = async (parts: AuthParts, call: Call, client: Client, role: Role, caller: Caller): Promise<void> => {
  const unbound = (): Error => refused(`IAM Principal ${JSON.stringify(caller.arn)} does not belong to the role ${JSON.stringify(role.name)}`)
  if (role.accounts.length > 0 && !role.accounts.includes(caller.account)) throw unbound()
  if (role.principals.length === 0) return
  // By id, a user or role that was deleted and made anew under the same name is another.
  if (role.principalIds.includes(caller.uniqueId)) return
  const canonical = canonicalArn(caller.principal)
  const named = role.principals.filter((each) => !isPattern(each)).map((each) => each.replace(/:(user|role)\/.*\//, ':$1/'))
  if (!role.resolveIds && named.includes(canonical)) return
  if (!role.principals.some(isPattern)) throw unbound()
  const { arn, id } = await lookUp(parts, client, caller.principal, call.now())
  if (id !== caller.uniqueId || !matchesPattern(role.principals, arn)) throw unbound()
}

const aliasOf = ({ alias }: Identity, role: Role, caller: Caller): string =>
  ({ role_id: role.uid, unique_id: caller.uniqueId, canonical_arn: canonicalArn(caller.principal), full_arn: caller.arn })[alias]

const metadataOf = ({ metadata }: Identity, caller: Caller): Readonly<Record<string, string>> => {
  const known: Readonly<Record<string, string>> = { account_id: caller.account, auth_type: 'iam', canonical_arn: canonicalArn(caller.principal), client_arn: caller.arn, client_user_id: caller.uniqueId }
  return Object.fromEntries(metadata.map((each) => [each, known[each] ?? '']))
}

export const awsLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => input.role,
    async verify(input, call) {
      const { iamHttpRequestMethod: method = '', iamRequestUrl: url = '', iamRequestBody: body = '' } = input
      const headers = input.iamRequestHeaders === undefined ? '' : reveal(input.iamRequestHeaders, 'to be sent to STS')
      if ([input.identity, input.signature, input.pkcs7].some((each) => each !== undefined && each !== '')) throw refused('auth_type ec2 is not supported: log in with iam_http_request_method, iam_request_url, iam_request_body and iam_request_headers')
      if (method === '' || url === '' || body === '' || headers === '') throw refused("didn't supply required authentication values")
      const store = parts.store(call)
      const client = (await configs.get(store, CLIENT))?.value ?? defaultClient
      const caller = await callerOf(parts, client, requestOf({ method, url, body, headers }, client, call.now()))
      const wanted = roleKey(input.role ?? '') || roleKey(caller.principal.name)
      const role = await roleOfLogin(roles, store, wanted)
      if (role === undefined) throw refused(`entry for role ${wanted.slice(0, 64)} not found`)
      await checkBound(parts, call, client, role, caller)
      const identity = (await identities.get(store, IDENTITY))?.value ?? defaultIdentity
      const metadata = metadataOf(identity, caller)
      const { name, session } = caller.principal
      return { alias: aliasOf(identity, role, caller), displayName: session === '' ? name : `${name}/${session}`, kind: 'workload', metadata: { role_id: role.uid, ...metadata }, aliasMetadata: metadata, token: role.token, role: markOf(roles, role) }
    },
  })
