// Writes docs/guides/configuration.md and the list of flags in --help from the schema, so that neither can drift.

import { schema } from './schema.ts'
import { settingsOf } from './setting.ts'
import { environmentName, flagName } from './sources.ts'

const rows = settingsOf(schema)

/** One line per flag for `coffer server --help`. */
export const describeFlags = (): string => {
  const width = Math.max(...rows.map(([key]) => flagName(key).length))
  return rows.map(([key, { summary }]) => `  ${flagName(key).padEnd(width)}  ${firstSentence(summary)}`).join('\n')
}

const firstSentence = (summary: string): string => summary.split(/(?<=[.:;]) /)[0]?.replace(/[:;]$/, '.') ?? summary

const introduction = `# Configuration

Settings come from a file, from the environment and from flags. Flags win over the environment, the environment over the file, the file over the defaults.
A key that does not exist and a value that is not of its form stop the server before it opens anything; the message names the key, the form expected and the place it came from, and never quotes the value.

- **File**: \`--config FILE\` or \`COFFER_CONFIG\`, YAML or JSON. Keys nest as the dots in their names say:

  \`\`\`yaml
  listen: 127.0.0.1:8200
  data_dir: /var/lib/coffer
  seal:
    kind: shamir
  log:
    level: warn
  \`\`\`

- **Environment**: \`COFFER_\` and the key in capitals, dots as underscores. Variables of the command line client (\`COFFER_TOKEN\`, \`COFFER_ADDR\`, ...) are left to it; any other \`COFFER_\` name that is no setting is an error.
- **Flags**: \`--\` and the key, dots and underscores as hyphens; \`--name value\` or \`--name=value\`. \`seal.kind\` is \`--seal\`. Flags can be read by everybody on the machine while the server starts: give passwords in the file or the environment.

Sizes are bytes, or a number with \`KiB\`, \`MiB\` or \`GiB\`. Times are seconds, or a number with \`s\`, \`m\` or \`h\`. Relative paths start at the working directory.

\`npm start\` (\`coffer start\`) sets \`data_dir\` to \`data\` and \`seal.kind\` to \`keyfile\` unless told otherwise. \`coffer server --dev\` keeps its data in a temporary directory and removes it at exit.
`

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The whole guide. */
export const renderConfigurationGuide = (): string => {
  const lines = rows.map(([key, { summary, shape, fallback }]) => {
    const standard = fallback === undefined ? '' : `\`${String(fallback)}\``
    return `| \`${key}\` | ${cell(summary)} | ${cell(shape.form)} | ${standard} | \`${environmentName(key)}\` | \`${flagName(key)}\` |`
  })
  return `${introduction}\n## Settings\n\n| key | what it does | must be | default | environment | flag |\n|---|---|---|---|---|---|\n${lines.join('\n')}\n`
}
