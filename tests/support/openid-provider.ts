// A real OpenID Connect provider on loopback (oidc-provider), and a browser that logs in there: it follows redirects, keeps
// cookies and fills in the forms.

import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import { afterwards, type Scope } from './cleanup.ts'

export interface OpenIdProvider {
  readonly issuer: string
  /** Goes where a client sends a browser and logs in; the address that it is sent back to, or what it read last. */
  browse(address: string, login: string): Promise<string>
}

export interface ProviderOptions {
  readonly clientId: string
  /** Absent: a public client. */
  readonly clientSecret?: string
  readonly redirectUris: readonly string[]
  /** What the provider says of whoever logs in. */
  claims(login: string): Readonly<Record<string, unknown>>
}

interface Page {
  readonly status: number
  readonly location: string | undefined
  readonly text: string
}

const browser = (): ((method: string, address: string, form?: string) => Promise<Page>) => {
  const cookies = new Map<string, string>()
  return (method, address, form) =>
    new Promise((resolve, reject) => {
      const sent = request(address, { method, headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '), ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }) } }, (response) => {
        for (const line of response.headers['set-cookie'] ?? []) {
          const [pair = ''] = line.split(';')
          cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
        }
        let text = ''
        response.on('data', (chunk: Buffer) => (text += chunk.toString()))
        response.once('end', () => resolve({ status: response.statusCode ?? 0, location: response.headers.location === undefined ? undefined : new URL(response.headers.location, address).toString(), text }))
      })
      sent.once('error', reject)
      sent.end(form)
    })
}

const browse = async (issuer: string, address: string, login: string): Promise<string> => {
  const visit = browser()
  let page = await visit('GET', address)
  for (let step = 0; step < 12; step++) {
    if (page.location !== undefined && !page.location.startsWith(issuer)) return page.location
    if (page.location !== undefined) page = await visit('GET', page.location)
    else {
      const [, action] = /<form[^>]*action="([^"]+)"/.exec(page.text) ?? []
      const [, prompt] = /name="prompt" value="([^"]+)"/.exec(page.text) ?? []
      if (action === undefined || prompt === undefined) return page.text
      page = await visit('POST', action, new URLSearchParams({ prompt, login, password: 'any' }).toString())
    }
  }
  throw new Error('the provider never came to an end')
}

export const startOpenIdProvider = async (scope: Scope, options: ProviderOptions): Promise<OpenIdProvider> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterwards(scope, () => void server.close())
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [{ client_id: options.clientId, redirect_uris: [...options.redirectUris], response_types: ['code'], grant_types: ['authorization_code'], ...(options.clientSecret === undefined ? { token_endpoint_auth_method: 'none' } : { client_secret: options.clientSecret }) }],
    pkce: { required: () => true },
    claims: { openid: ['sub', 'groups', 'email'] },
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id, ...options.claims(id) }) }),
    conformIdTokenClaims: false,
    cookies: { keys: ['only for a test'] },
  })
  const answer = provider.callback()
  server.on('request', (request_, response) => void answer(request_, response))
  return { issuer, browse: (address, login) => browse(issuer, address, login) }
}
