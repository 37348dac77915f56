// What the tests of auth methods share: a server, an enabled method, and logins as a client does them.

import type { Answer, Client } from '../support/http.ts'
import type { Scope } from '../support/cleanup.ts'
import { startDevServer } from '../support/server.ts'

export interface AuthServer {
  readonly root: Client
  /** Without any token. */
  readonly nobody: Client
  /** Enables a method at a fresh path. */
  mount(type: string): Promise<string>
  login(path: string, body: unknown): Promise<Answer>
  /** A client with the token of a login that must succeed. */
  loggedIn(path: string, body: unknown): Promise<Client>
}

/** A throw-away server. */
export const authServer = async (scope: Scope, flags: readonly string[] = []): Promise<AuthServer> => {
  const { root } = await startDevServer(scope, flags)
  const nobody = root.as(undefined)
  let mounted = 0
  const login = (path: string, body: unknown): Promise<Answer> => nobody.call('POST', `/v1/auth/${path}`, body)
  return {
    root,
    nobody,
    async mount(type) {
      mounted += 1
      const path = `${type}${mounted}`
      await root.expect('POST', `/v1/sys/auth/${path}`, { type }, { status: 204 })
      return path
    },
    login,
    async loggedIn(path, body) {
      const answer = await login(path, body)
      if (answer.status !== 200) throw new Error(`the login was answered ${answer.status}: ${answer.text}`)
      return root.as(answer.json.auth.client_token as string)
    },
  }
}

/** The texts of Vault's error body. */
export const errorsOf = (answer: Answer): readonly string[] => answer.json.errors as readonly string[]
