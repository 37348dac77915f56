// coffer run, shell and inject: one request for all variables, then the program in our place.

import type { Cli } from '../cli.ts'
import { runChild } from '../child.ts'
import type { Invocation, Run } from '../command.ts'
import { tokenVariables } from '../environment.ts'
import { CliFailure, misuse } from '../failure.ts'
import { sortVariables } from '../variables.ts'

const named = (names: readonly string[]): string => [...new Set(names)].sort().join(', ')

/** Our own environment without our tokens, and over it the secrets. */
const childEnvironment = async (invocation: Invocation, cli: Cli): Promise<Readonly<Record<string, string | undefined>>> => {
  const session = await cli.session()
  const found = await session.client.secrets.inject({ ...session.scope, prefix: invocation.text('prefix'), alias: invocation.text('alias'), prefixPath: invocation.has('prefix-path') })
  const { variables, dangerous, unusable } = sortVariables(found.variables)
  const excluded = [...found.excluded, ...dangerous]
  if (excluded.length > 0) cli.terminal.note(`coffer: left out, because such variables can take over a program: ${named(excluded)}`)
  if (unusable.length > 0) cli.terminal.note(`coffer: left out, because no variable can have this name or value: ${named(unusable)}`)
  if (found.withheld > 0) cli.terminal.note(`coffer: ${found.withheld} ${found.withheld === 1 ? 'secret was' : 'secrets were'} left out: you may not reveal them`)
  const missing = invocation.list('require').filter((name) => !Object.hasOwn(variables, name))
  if (missing.length > 0) throw new CliFailure('not_found', `Not started: ${named(missing)} ${missing.length === 1 ? 'is' : 'are'} required and missing.`, '`coffer secret list` shows what there is.')
  const inherited = Object.entries(cli.environment).filter(([name]) => invocation.has('pass-token') || !tokenVariables.some((token) => token === name))
  return { ...Object.fromEntries(inherited), ...variables }
}

export const run: Run = async (invocation, cli) => {
  const [command = '', ...args] = invocation.rest ?? []
  return runChild(command, args, await childEnvironment(invocation, cli))
}

export const shell: Run = async (invocation, cli) => {
  const env = await childEnvironment(invocation, cli)
  const program = cli.environment['SHELL']
  return runChild(program === undefined || program === '' ? '/bin/sh' : program, [], env)
}

export const inject: Run = async (invocation, cli) => {
  if (invocation.has('shell')) {
    if (invocation.rest !== undefined) throw misuse('--shell takes no command.', 'Write `coffer inject --shell`, or `coffer inject -- COMMAND`.')
    return shell(invocation, cli)
  }
  if (invocation.rest === undefined || invocation.rest.length === 0) throw misuse('The command to run is missing.', 'Usage: coffer inject -- COMMAND [ARGUMENT...], or coffer inject --shell')
  return run(invocation, cli)
}
