// docs/reference/cli.md: every command, from the registry that help and parsing read.

import { globalFlags, nameOf, type Command, type Flags } from '../../packages/cli/src/command.ts'
import { usageOf } from '../../packages/cli/src/help.ts'
import { commands } from '../../packages/cli/src/registry.ts'
import { cell, table } from './markdown.ts'

const flagTable = (flags: Flags): string =>
  table(
    ['flag', 'what it does'],
    Object.entries(flags).map(([name, flag]) => {
      const value = flag.type === 'switch' ? '' : ` ${flag.value ?? (flag.type === 'whole' ? 'NUMBER' : 'VALUE')}`
      const choices = flag.choices === undefined ? '' : ` One of ${flag.choices.join(', ')}.`
      return [`\`${flag.short === undefined ? '' : `-${flag.short}, `}--${name}${value}\``, cell(`${flag.describe}.${choices}${flag.type === 'list' ? ' May be repeated.' : ''}`)]
    }),
  )

const section = (command: Command): string =>
  [
    `## coffer ${nameOf(command)}`,
    `${command.summary}.`,
    `\`\`\`sh\n${usageOf(command)}\n\`\`\``,
    command.details?.replaceAll('\n', '\n\n'),
    command.flags === undefined ? undefined : flagTable(command.flags).trimEnd(),
    command.examples === undefined ? undefined : `\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``,
  ]
    .filter((part) => part !== undefined)
    .join('\n\n')

export const renderCli = (): string =>
  `# Command line\n\nGenerated from the registry of commands by \`npm run generate\`; do not edit.\n\nExit codes are those of the [kinds of errors](errors.md#kinds): 0 when all is well, 2 for a wrong command line, and so on. \`coffer run\` passes the program's own through.\n\n## Flags of every command\n\n${flagTable(globalFlags)}\n${commands.map(section).join('\n\n')}\n`
