// coffer login, logout, whoami

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isCofferError } from '@coffer/sdk'
import type { Cli } from '../cli.ts'
import type { Invocation, Run } from '../command.ts'
import { firstOf, tokenVariable } from '../environment.ts'
import { CliFailure, misuse } from '../failure.ts'
import { readLineOrAll } from '../input.ts'
import { askHidden, isInteractive } from '../prompt.ts'
import { addressVariables, defaultAddress } from '../settings.ts'

const readLoginFile = async (directory: string): Promise<string> => {
  const path = join(directory, 'login')
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EACCES') throw new CliFailure('permission_denied', `${path} may be read only by the account that started the server.`, undefined, error)
    throw new CliFailure('not_found', `There is no ${path}.`, 'Is this the data directory of the server? `npm start` uses ./data.', error)
  }
}

const readToken = async (invocation: Invocation): Promise<string> => {
  const directory = invocation.text('data-dir')
  if (directory !== undefined) return readLoginFile(directory)
  if (invocation.has('token-stdin')) return readLineOrAll()
  if (isInteractive()) return askHidden('Token (not shown): ')
  throw misuse('There is nobody to ask for a token: standard input is no terminal.', 'Pipe it in with --token-stdin, or take the first one with --data-dir DIR.')
}

export const login: Run = async (invocation, cli) => {
  const token = (await readToken(invocation)).trim()
  if (token === '') throw misuse('The token is empty.')
  const session = await cli.session(token)
  const me = await session.client.access.whoami()
  await cli.store.writeToken(session.address, token)
  await rememberServer(invocation, cli, session.address)
  cli.terminal.show(me, () => cli.terminal.line(`Logged in to ${session.address} as ${me.principal ?? me.displayName} of ${me.organization}`))
  if (firstOf(cli.environment, tokenVariable) !== undefined) cli.terminal.warn(`${tokenVariable} is set and is used instead of the stored token.`)
  return undefined
}

/** Who names a server at login means it for what comes after. */
const rememberServer = async (invocation: Invocation, cli: Cli, address: string): Promise<void> => {
  const context = await cli.store.readContext()
  const isFound = invocation.text('data-dir') !== undefined && firstOf(cli.environment, ...addressVariables) === undefined && address !== (context.address ?? defaultAddress)
  const named = (['address', 'cacert', 'pin', 'org'] as const).flatMap((flag) => (invocation.text(flag) === undefined ? [] : [[flag, invocation.text(flag)]]))
  const given = { ...(isFound ? { address } : {}), ...Object.fromEntries(named) }
  if (Object.keys(given).length > 0) await cli.store.writeContext({ ...context, ...given })
}

export const logout: Run = async (invocation, cli) => {
  const { address } = await cli.settings()
  if (invocation.has('revoke')) {
    const token = await cli.store.readToken(address)
    if (token === undefined) throw new CliFailure('unauthenticated', `No token is stored for ${address}.`)
    const session = await cli.session(token)
    try {
      await session.client.access.logout()
    } catch (error) {
      // Ended already: what was asked for is so.
      if (!(isCofferError(error) && error.kind === 'unauthenticated')) throw error
    }
  }
  const removed = await cli.store.removeToken(address)
  cli.terminal.show({ removed, revoked: invocation.has('revoke') }, () => cli.terminal.line(removed ? `The token for ${address} is forgotten${invocation.has('revoke') ? ' and revoked' : ''}` : `No token was stored for ${address}`))
  return undefined
}

export const whoami: Run = async (_invocation, cli) => {
  const session = await cli.session()
  const token = await cli.token()
  const me = await session.client.access.whoami()
  cli.terminal.show(me, () =>
    cli.terminal.fields([
      ['server', session.address], ['organization', me.organization], ['principal', me.principal ?? me.displayName], ['kind', me.actorType], ['accessor', me.accessor], ['token from', token?.from],
      ['policies', me.policies.join(', ')], ['root', me.root], ['project', me.project], ['environment', me.environment], ['expires', me.expiresAt ?? 'never'],
    ]),
  )
  return undefined
}
