// What every command gets: where it says things, what is stored, and a client that is made when it is first asked for.

import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { createClient, type Client } from '@coffer/sdk'
import type { Invocation } from './command.ts'
import { openStore, type Store } from './credentials/store.ts'
import { configDirectory, firstOf, homeDirectory, tokenVariable, vaultTokenVariable, type Environment } from './environment.ts'
import type { Terminal } from './output/terminal.ts'
import { resolveSettings, type Settings } from './settings.ts'
import { createTransport } from './transport.ts'

export interface FoundToken {
  readonly token: string
  /** `COFFER_TOKEN`, or the file it is from. */
  readonly from: string
}

export interface Session extends Settings {
  readonly client: Client
  /** Project and environment of a request, for spreading. */
  readonly scope: { readonly project: string | undefined; readonly environment: string | undefined }
}

export interface Cli {
  readonly environment: Environment
  readonly terminal: Terminal
  readonly store: Store
  settings(): Promise<Settings>
  token(): Promise<FoundToken | undefined>
  /** `token` instead of the one that is found, for trying a new one. */
  session(token?: string): Promise<Session>
}

const isLoopback = (address: string): boolean => /^http:\/\/(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(address)

/** Where the server of a data directory listens, which it writes there while it runs. */
const addressIn = async (directory: string | undefined): Promise<string | undefined> =>
  directory === undefined ? undefined : readFile(join(directory, 'address'), 'utf8').then((text) => text.trim(), () => undefined)

export const createCli = (invocation: Invocation, environment: Environment, terminal: Terminal): Cli => {
  const store = openStore(configDirectory(environment))
  const settings = async (): Promise<Settings> => {
    const address = await addressIn(invocation.text('data-dir'))
    const context = await store.readContext()
    return resolveSettings(invocation, environment, address === undefined ? context : { ...context, address })
  }
  const token = async (): Promise<FoundToken | undefined> => findToken(environment, store, (await settings()).address)
  const session = async (given?: string): Promise<Session> => {
    const chosen = await settings()
    if (chosen.skipVerify) terminal.warn('The server\'s certificate is not checked (COFFER_SKIP_VERIFY or VAULT_SKIP_VERIFY): whoever is in between can read everything.')
    if (chosen.address.startsWith('http:') && !isLoopback(chosen.address)) terminal.warn(`${chosen.address} is not encrypted: token and secrets cross the network in the clear.`)
    const client = createClient({
      address: chosen.address,
      token: given ?? (await findToken(environment, store, chosen.address))?.token,
      organization: chosen.org,
      transport: createTransport(chosen),
      timeoutSeconds: chosen.timeoutSeconds,
      retry: { retries: 2, baseSeconds: 0.25 },
    })
    return { ...chosen, client, scope: { project: chosen.project, environment: chosen.env } }
  }
  return { environment, terminal, store, settings, token, session }
}

const findToken = async (environment: Environment, store: Store, address: string): Promise<FoundToken | undefined> => {
  const own = firstOf(environment, tokenVariable)
  if (own !== undefined) return { token: own, from: tokenVariable }
  const stored = await store.readToken(address)
  if (stored !== undefined) return { token: stored, from: store.configFile }
  const vault = firstOf(environment, vaultTokenVariable)
  if (vault !== undefined) return { token: vault, from: vaultTokenVariable }
  const vaultFile = join(homeDirectory(environment), '.vault-token')
  try {
    const token = (await readFile(vaultFile, 'utf8')).trim()
    return token === '' ? undefined : { token, from: vaultFile }
  } catch {
    // Absent or not ours: the same as no token.
    return undefined
  }
}
