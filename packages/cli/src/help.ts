// Help texts, from the registry.

import { globalFlags, nameOf, type Command, type Flags } from './command.ts'

const column = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.min(34, Math.max(0, ...rows.map(([left]) => left.length)))
  return rows.map(([left, right]) => (left.length > width ? `  ${left}\n  ${' '.repeat(width)}  ${right}` : `  ${left.padEnd(width)}  ${right}`)).join('\n')
}

const describeFlags = (flags: Flags): string =>
  column(
    Object.entries(flags).map(([name, flag]) => {
      const value = flag.type === 'switch' ? '' : ` ${flag.value ?? (flag.type === 'whole' ? 'NUMBER' : 'VALUE')}`
      const choices = flag.choices === undefined ? '' : ` (${flag.choices.join(', ')})`
      return [`${flag.short === undefined ? '' : `-${flag.short}, `}--${name}${value}`, `${flag.describe}${choices}${flag.type === 'list' ? '. May be repeated' : ''}`]
    }),
  )

export const usageOf = (command: Command): string =>
  ['coffer', nameOf(command), ...(command.args ?? []), ...(command.flags === undefined ? [] : ['[flags]']), ...(command.rest === undefined ? [] : ['-- COMMAND [ARGUMENT...]'])].join(' ')

export const commandHelp = (command: Command): string =>
  [
    `${command.summary}.`,
    `Usage: ${usageOf(command)}`,
    command.details,
    command.flags === undefined ? undefined : `Flags:\n${describeFlags(command.flags)}`,
    `Everywhere:\n${describeFlags(globalFlags)}`,
    command.examples === undefined ? undefined : `Examples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`,
  ]
    .filter((part) => part !== undefined)
    .join('\n\n')

/** The commands that begin with these words; all without words. */
export const listHelp = (commands: readonly Command[], words: readonly string[]): string => {
  const shown = commands.filter((command) => command.hidden !== true && words.every((word, index) => command.words[index] === word))
  const heading = words.length === 0 ? 'Coffer keeps the secrets of your applications.\n\nUsage: coffer COMMAND [arguments] [flags]' : `Usage: coffer ${words.join(' ')} COMMAND`
  return `${heading}\n\n${column(shown.map((command) => [[nameOf(command), ...(command.args ?? [])].join(' '), command.summary]))}\n\n\`coffer help COMMAND\` or \`coffer COMMAND --help\` explains one.`
}
