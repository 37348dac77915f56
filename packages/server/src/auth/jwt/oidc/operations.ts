// The contract of the redirect flow, as Vault has it: a client asks for an address, sends a browser there, and brings back
// what the issuer answered.

import { loginOutput } from '../../../kernel/auth/method.ts'
import { f } from '../../../kernel/fields.ts'
import { operation } from '../../../kernel/operation.ts'

const tag = 'jwt'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable', 'upstream_failed'] as const
const text = (describe: string, max: number) => f.text(describe, { max }).default('')
const nonce = f.secret('What the client made up when it asked for the address; only who knows it can finish the login', { max: 512 }).optional()

export const authUrl = operation({
  id: 'jwt.oidcAuthUrl', method: 'POST', path: '/oidc/auth_url', tag, access: 'public', audit: 'auth.oidc-url', work: 'anonymous', errors, summary: 'The address of the issuer that a browser is to be sent to',
  input: { role: text('Role; default: the configuration\'s', 128), redirectUri: text('Where the issuer sends the browser back to; one that the role allows', 2048), clientNonce: nonce }, output: { authUrl: f.text('The address; empty when the role does not allow this', { max: 16_384 }) },
})

export const callback = operation({
  id: 'jwt.oidcCallback', method: 'GET', path: '/oidc/callback', tag, access: 'public', audit: 'auth.login', work: 'login', errors, summary: 'Finish a login with what the issuer answered',
  input: {
    state: text('From the issuer\'s answer', 512), code: f.secret('From the issuer\'s answer', { max: 8192 }).optional(), clientNonce: nonce, iss: text('From the issuer\'s answer', 2048).in('query'),
    error: text('From the issuer\'s answer', 256), errorDescription: text('From the issuer\'s answer', 2048),
  },
  output: loginOutput,
})
