// What a command is: a row of the registry that help, completion and parsing read, and a function that is loaded only
// when the command runs.

import type { Cli } from './cli.ts'

export interface Flag {
  /** `text` takes a value, `list` may be given more than once, `whole` is a number, `switch` takes none. */
  readonly type: 'text' | 'list' | 'whole' | 'switch'
  readonly describe: string
  /** How the value is called in help. */
  readonly value?: string
  readonly choices?: readonly string[]
  readonly short?: string
}

export type Flags = Readonly<Record<string, Flag>>

/** A command line that was checked against its row. */
export interface Invocation {
  readonly command: Command
  readonly args: readonly string[]
  /** What stands after `--`; undefined without one. */
  readonly rest: readonly string[] | undefined
  text(flag: string): string | undefined
  list(flag: string): readonly string[]
  whole(flag: string): number | undefined
  has(flag: string): boolean
}

/** Returns the exit code when it is not 0. */
export type Run = (invocation: Invocation, cli: Cli) => Promise<number | undefined>

export interface Command {
  /** `['secret', 'set']` */
  readonly words: readonly string[]
  readonly summary: string
  /** `NAME`, `[FILE]`: the arguments, in order; one in brackets may be left out, one with `...` repeats. */
  readonly args?: readonly string[]
  readonly flags?: Flags
  /** Takes a command after `--`. */
  readonly rest?: 'needed' | 'optional'
  readonly details?: string
  readonly examples?: readonly string[]
  /** Absent for what the launcher hands to the server. */
  readonly load?: () => Promise<Run>
  /** Not in lists, because it is another name. */
  readonly hidden?: boolean
}

export const globalFlags: Flags = {
  address: { type: 'text', value: 'URL', describe: 'Server. Also COFFER_ADDR, VAULT_ADDR; default http://127.0.0.1:8200' },
  org: { type: 'text', value: 'NAME', describe: 'Organization. Also COFFER_ORGANIZATION, COFFER_NAMESPACE, VAULT_NAMESPACE' },
  project: { type: 'text', value: 'NAME', describe: 'Project. Also COFFER_PROJECT' },
  env: { type: 'text', value: 'NAME', describe: 'Environment. Also COFFER_ENVIRONMENT' },
  cacert: { type: 'text', value: 'FILE', describe: 'Certificate authorities to trust, PEM. Also COFFER_CACERT, VAULT_CACERT' },
  pin: { type: 'text', value: 'sha256/…', describe: 'Public key that the server must have, besides a valid certificate' },
  output: { type: 'text', value: 'FORM', choices: ['text', 'json'], short: 'o', describe: 'Form of what is printed. Also COFFER_OUTPUT' },
  timeout: { type: 'whole', value: 'SECONDS', describe: 'How long one request may take (30)' },
  help: { type: 'switch', short: 'h', describe: 'Explain the command' },
}

/** Other spellings that people try. */
export const flagAliases: Readonly<Record<string, string>> = { environment: 'env', organization: 'org', namespace: 'org', format: 'format' }

export const nameOf = (command: Command): string => command.words.join(' ')
