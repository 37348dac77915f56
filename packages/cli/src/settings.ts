// Which server, organization, project and environment a command means: a flag, then a variable of our own, then the stored
// context, and where none of them says anything what Vault's own programs would take.

import { parseAddress } from '@coffer/sdk'
import type { Invocation } from './command.ts'
import type { Context } from './credentials/store.ts'
import { firstOf, type Environment } from './environment.ts'
import { misuse } from './failure.ts'

export interface Settings {
  readonly address: string
  readonly org: string | undefined
  readonly project: string | undefined
  readonly env: string | undefined
  readonly cacert: string | undefined
  readonly pin: string | undefined
  readonly skipVerify: boolean
  readonly timeoutSeconds: number
}

export const defaultAddress = 'http://127.0.0.1:8200'

export const addressVariables = ['COFFER_ADDR', 'COFFER_ADDRESS'] as const

/** An empty flag means "none", so that one command can do without what the context says. */
const orNone = (text: string | undefined): string | undefined => (text === '' ? undefined : text)

const isTrue = (text: string | undefined): boolean => text !== undefined && /^(1|t|true)$/i.test(text)

export const resolveSettings = (invocation: Invocation, environment: Environment, context: Context): Settings => {
  const choose = (flag: string, variables: readonly string[], stored: string | undefined, vault?: string): string | undefined =>
    orNone(invocation.text(flag) ?? firstOf(environment, ...variables) ?? stored ?? (vault === undefined ? undefined : firstOf(environment, vault)))
  const timeoutSeconds = invocation.whole('timeout') ?? 30
  if (timeoutSeconds < 1 || timeoutSeconds > 3600) throw misuse('--timeout must be from 1 to 3600 seconds.')
  return {
    address: parseAddress(choose('address', addressVariables, context.address, 'VAULT_ADDR') ?? defaultAddress),
    org: choose('org', ['COFFER_ORGANIZATION', 'COFFER_NAMESPACE'], context.org, 'VAULT_NAMESPACE'),
    project: choose('project', ['COFFER_PROJECT'], context.project),
    env: choose('env', ['COFFER_ENVIRONMENT'], context.env),
    cacert: choose('cacert', ['COFFER_CACERT'], context.cacert, 'VAULT_CACERT'),
    pin: choose('pin', [], context.pin),
    skipVerify: isTrue(firstOf(environment, 'COFFER_SKIP_VERIFY', 'VAULT_SKIP_VERIFY')),
    timeoutSeconds,
  }
}
