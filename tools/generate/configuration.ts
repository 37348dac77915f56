// docs/reference/configuration.md: every setting, from the schema. How settings are given is told by the guide.

import { schema } from '../../packages/server/src/config/schema.ts'
import { settingsOf } from '../../packages/server/src/config/setting.ts'
import { environmentName, flagName } from '../../packages/server/src/config/sources.ts'
import { cell } from './markdown.ts'

const section = ([key, { summary, shape, fallback }]: ReturnType<typeof settingsOf>[number]): string =>
  [
    `### \`${key}\`\n\n${summary}\n\n`,
    `- Must be ${cell(shape.form)}.\n`,
    fallback === undefined ? '- No default.\n' : `- Default: \`${String(fallback)}\`.\n`,
    `- Flag \`${flagName(key)}\`, environment \`${environmentName(key)}\`.\n`,
  ].join('')

export const renderConfiguration = (): string => {
  const settings = settingsOf(schema)
  const areas = Map.groupBy(settings, ([key]) => (key.includes('.') ? (key.split('.')[0] ?? '') : ''))
  const parts = [...areas].map(([area, same]) => `## ${area === '' ? 'The server' : `\`${area}\``}\n\n${same.map(section).join('\n')}`)
  return `# Settings\n\nGenerated from the schema by \`npm run generate\`; do not edit. [The guide](../guides/configuration.md) says how files, environment and flags go together.\n\n${parts.join('\n')}`
}
