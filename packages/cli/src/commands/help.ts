// coffer help, version

import { nameOf, type Run } from '../command.ts'
import { misuse } from '../failure.ts'
import { commandHelp, listHelp } from '../help.ts'
import { commands } from '../registry.ts'
import { nearest } from '../suggest.ts'
import { cliVersion } from '../version.ts'

export const help: Run = (invocation, cli) => {
  const words = invocation.args
  const command = commands.find((candidate) => nameOf(candidate) === words.join(' '))
  const isGroup = commands.some((candidate) => words.every((word, index) => candidate.words[index] === word))
  if (command === undefined && !isGroup) {
    const near = nearest(words.join(' '), commands.map(nameOf))
    return Promise.reject(misuse('There is no such command.', near === undefined ? '`coffer help` lists the commands.' : `Did you mean \`coffer help ${near}\`?`))
  }
  cli.terminal.raw(`${command === undefined ? listHelp(commands, words) : commandHelp(command)}\n`)
  return Promise.resolve(undefined)
}

export const version: Run = (_invocation, cli) => {
  cli.terminal.show({ version: cliVersion() }, () => cli.terminal.line(`coffer ${cliVersion()}`))
  return Promise.resolve(undefined)
}
