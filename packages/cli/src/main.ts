// `coffer …`: finds the command in the registry, checks its command line, loads its code, runs it. The exit code says
// what kind of failure it was (docs/guides/cli.md).

import { createCli } from './cli.ts'
import { firstOf, processEnvironment } from './environment.ts'
import { nameOf, type Command, type Invocation } from './command.ts'
import { misuse } from './failure.ts'
import { reportFailure } from './output/errors.ts'
import { createTerminal } from './output/terminal.ts'
import { findCommand, parseInvocation, splitAtDashes } from './parse.ts'
import { commands } from './registry.ts'
import { nearest } from './suggest.ts'

/** Before the command line is understood, as far as one can see: errors have a form too. */
const seemsJson = (argv: readonly string[]): boolean => {
  const { before } = splitAtDashes(argv)
  const at = before.findIndex((word) => word === '--output' || word === '-o')
  return before.includes('--output=json') || (at !== -1 && before[at + 1] === 'json')
}

const wantsJson = (invocation: Invocation | undefined, argv: readonly string[]): boolean =>
  invocation === undefined ? seemsJson(argv) : (invocation.text('output') ?? firstOf(processEnvironment(), 'COFFER_OUTPUT')) === 'json'

const unknownCommand = (words: readonly string[]): Error => {
  const [first = '', second] = words
  const group = commands.filter((command) => command.words[0] === first)
  const [word, known] = group.length > 0 ? [second ?? '', group.map((command) => command.words[1] ?? '')] : [first, [...new Set(commands.map((command) => command.words[0] ?? ''))]]
  const prefix = group.length > 0 ? `${first} ` : ''
  const near = nearest(word, known)
  // Only a name: whatever else stands there may be a value in the wrong place.
  const shown = /^[\w-]{1,40}$/.test(word) ? ` "${prefix}${word}"` : ''
  return misuse(`There is no command${shown}.`, near === undefined ? '`coffer help` lists the commands.' : `Did you mean \`coffer ${prefix}${near}\`?`)
}

const execute = async (argv: readonly string[], keep: (invocation: Invocation) => void): Promise<number> => {
  const { before, rest } = splitAtDashes(argv)
  const { command, words, args } = findCommand(before, commands)
  const asksVersion = command === undefined && before.includes('--version')
  const asksHelp = before.includes('--help') || before.includes('-h') || (words.length <= 1 && command === undefined && (words.length === 0 || commands.some(({ words: [group] }) => group === words[0])))
  if (command === undefined && !asksHelp && !asksVersion) throw unknownCommand(words)
  const chosen = command === undefined ? only(asksVersion ? 'version' : 'help') : command
  const invocation = command === undefined ? parseInvocation(chosen, asksVersion ? [] : words, undefined) : parseInvocation(command, args, rest)
  keep(invocation)
  if (invocation.has('help')) {
    const { commandHelp } = await import('./help.ts')
    createTerminal(processEnvironment(), false).raw(`${commandHelp(chosen)}\n`)
    return 0
  }
  if (chosen.load === undefined) throw misuse(`\`coffer ${nameOf(chosen)}\` is started by bin/coffer, with the server's code.`)
  const run = await chosen.load()
  const environment = processEnvironment()
  const terminal = createTerminal(environment, wantsJson(invocation, argv))
  return (await run(invocation, createCli(invocation, environment, terminal))) ?? 0
}

const only = (name: string): Command => {
  const found = commands.find((command) => nameOf(command) === name)
  if (found === undefined) throw new Error(`no command ${name}`)
  return found
}

const main = async (argv: readonly string[]): Promise<number> => {
  let invocation: Invocation | undefined
  try {
    return await execute(argv, (parsed) => {
      invocation = parsed
    })
  } catch (error) {
    if (error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number') return error.exitCode
    return reportFailure(error, wantsJson(invocation, argv))
  }
}

process.exitCode = await main(process.argv.slice(2))
