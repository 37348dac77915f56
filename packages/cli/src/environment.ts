// The only place that reads the process's environment.

import { homedir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'

export type Environment = Readonly<Record<string, string | undefined>>

export const processEnvironment = (): Environment => ({ ...env })

/** An empty variable counts as absent: `COFFER_TOKEN= coffer …` means "without". */
const given = (text: string | undefined): string | undefined => (text === undefined || text.trim() === '' ? undefined : text.trim())

export const firstOf = (environment: Environment, ...names: readonly string[]): string | undefined => {
  for (const name of names) {
    const value = given(environment[name])
    if (value !== undefined) return value
  }
  return undefined
}

/** `${XDG_CONFIG_HOME:-~/.config}/coffer`. A relative XDG_CONFIG_HOME is ignored, as the XDG specification says. */
export const configDirectory = (environment: Environment): string => {
  const base = given(environment['XDG_CONFIG_HOME'])
  return join(base?.startsWith('/') === true ? base : join(homeDirectory(environment), '.config'), 'coffer')
}

export const homeDirectory = (environment: Environment): string => given(environment['HOME']) ?? homedir()

/** The token of our own variable wins over a stored one, that over Vault's. */
export const tokenVariable = 'COFFER_TOKEN'
export const vaultTokenVariable = 'VAULT_TOKEN'
export const tokenVariables = [tokenVariable, vaultTokenVariable] as const
