// The code flow at a provider: authorize, token, userinfo. Answers and refusals have the forms of OAuth.

import { reveal, type Secret } from '../../../crypto/secret.ts'
import { f } from '../../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../../kernel/operation.ts'
import type { AuthorizationRequest, OidcPort } from '../../../kernel/ports/oidc.ts'
import type { Call, Grant } from '../../../kernel/call.ts'
import { document, mayLookUp, mayRead, reading, text } from '../common.ts'
import { nameOf } from './fields.ts'

const at = (what: string): string => `/v1/identity/oidc/provider/:name/${what}`
const name = nameOf('provider')
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const LONGEST = 4096
const hidden = (describe: string) => f.secret(describe, { max: LONGEST })

const asked = {
  name, clientId: text('Id of the client', LONGEST).default(''), redirectUri: text('Where the browser is sent back to', LONGEST).default(''), scope: text('Scopes, openid among them', LONGEST).default(''), responseType: text('code', LONGEST).default(''),
  state: text('Given back as it is', LONGEST).default(''), nonce: text('What the id token is to say', LONGEST).default(''), maxAge: f.int('Seconds since the login, at most', { min: -1, max: Number.MAX_SAFE_INTEGER }).optional(),
  codeChallenge: text('Of PKCE', LONGEST).optional(), codeChallengeMethod: text('plain or S256', LONGEST).default(''), request: text('Not supported', 65_536).optional(), requestUri: text('Not supported', LONGEST).optional(),
}
const authorizing = { ...reading, bare: true, audit: 'identity.oidc-authorize', summary: 'Let a client know who calls: a code for it', input: asked, output: { code: hidden('For the client, once'), state: asked.state } } as const
export const authorize = operation({ ...authorizing, id: 'identity.authorize', method: 'GET', path: at('authorize') })
export const authorizeByPost = operation({ ...authorizing, id: 'identity.authorizeByPost', method: 'POST', path: at('authorize') })

const authorization = hidden('The Authorization header').in('path').optional()
export const exchangeCode = operation({
  tag: 'identity', access: 'public', work: 'anonymous', bare: true, errors, id: 'identity.exchangeCode', method: 'POST', path: at('token'), audit: 'identity.oidc-exchange', summary: 'Exchange a code for tokens', description: 'As a form. The client says who it is by HTTP Basic or in the form; public clients by PKCE alone.',
  input: { name, authorization, clientId: text('Id of the client', LONGEST).default(''), clientSecret: hidden('Its secret').optional(), grantType: text('authorization_code', LONGEST).default(''), code: hidden('The code').optional(), redirectUri: text('As it was when the code was asked for', LONGEST).default(''), codeVerifier: hidden('Of PKCE').optional() },
  output: { tokenType: text('Bearer'), accessToken: hidden('For userinfo'), idToken: f.secret('Who it is', { max: 256 * 1024 }), expiresIn: f.int('Seconds that the access token lives', { min: 0, max: Number.MAX_SAFE_INTEGER }) },
})

const telling = { tag: 'identity', access: 'public', work: 'read', bare: true, errors, audit: 'identity.oidc-userinfo', summary: 'Read what a client may know of whoever let it in', input: { name, authorization, presented: hidden('The access token').in('path').optional() }, output: { document } } as const
export const readUserInfo = operation({ ...telling, id: 'identity.readUserInfo', method: 'GET', path: at('userinfo') })
export const readUserInfoByPost = operation({ ...telling, id: 'identity.readUserInfoByPost', method: 'POST', path: at('userinfo') })

const textOf = (value: Secret<string> | undefined): string => (value === undefined ? '' : reveal(value, 'a credential of OAuth, to be checked'))

/** HTTP Basic with both halves encoded as a form's (RFC 6749, 2.3.1); clients that encode nothing are understood, too. */
const basicOf = (header: string): { readonly id: string; readonly secret: string } | undefined => {
  const [, encoded] = /^basic +([A-Za-z0-9+/=]+)$/i.exec(header) ?? []
  const [, id, secret] = encoded === undefined ? [] : (/^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [])
  return id === undefined || secret === undefined ? undefined : { id: formDecoded(id), secret: formDecoded(secret) }
}

const formDecoded = (half: string): string => {
  try {
    return decodeURIComponent(half.replaceAll('+', ' '))
  } catch {
    return half
  }
}

type Asked = Omit<AuthorizationRequest, 'provider' | 'maxAge' | 'codeChallenge' | 'request' | 'requestUri'> & Partial<Pick<AuthorizationRequest, 'maxAge' | 'codeChallenge' | 'request' | 'requestUri'>> & { readonly name: string }

const authorizationOf = ({ name: provider, maxAge, codeChallenge, request, requestUri, ...rest }: Asked): AuthorizationRequest => ({ ...rest, provider, maxAge, codeChallenge, request, requestUri })

export const flowOperations = (oidc: OidcPort): readonly Implemented[] => {
  const ask = async (grant: Grant, call: Call, input: Asked) => ({ code: await oidc.authorize(grant, call, authorizationOf(input)), state: input.state })
  const tell = async (input: { readonly name: string; readonly authorization?: Secret<string> | undefined; readonly presented?: Secret<string> | undefined }, call: Call) => {
    const isBearer = /^bearer /i.test(textOf(input.authorization))
    return { document: await oidc.userInfo(call, input.name, { text: textOf(input.presented), isBearer }) }
  }
  return implement({ authorize, authorizeByPost, exchangeCode, readUserInfo, readUserInfoByPost }, {
    authorize: (input, call) => ask(mayRead(call, `oidc/provider/${input.name}/authorize`), call, input),
    authorizeByPost: (input, call) => ask(mayLookUp(call, `oidc/provider/${input.name}/authorize`), call, input),
    async exchangeCode(input, call) {
      call.tell?.(['pragma', 'no-cache'])
      const basic = basicOf(textOf(input.authorization))
      const made = await oidc.exchange(call, { provider: input.name, clientId: basic?.id ?? input.clientId, clientSecret: basic?.secret ?? textOf(input.clientSecret), grantType: input.grantType, code: textOf(input.code), redirectUri: input.redirectUri, codeVerifier: textOf(input.codeVerifier) })
      return { tokenType: 'Bearer', ...made }
    },
    readUserInfo: (input, call) => tell(input, call),
    readUserInfoByPost: (input, call) => tell(input, call),
  })
}
