// docs/reference/vault-differences.md: where the differential test knows Coffer to answer otherwise than Vault.

import { known, type Known } from '../../tests/compatibility/differential/known.ts'
import { cell, table } from './markdown.ts'

const rowsOf = (entries: readonly Known[]): readonly (readonly string[])[] => entries.map(({ what, reason }) => [cell(what), cell(reason)])

export const renderVaultDifferences = (): string => {
  const byArea = Map.groupBy(known, ({ area }) => area ?? 'everywhere')
  const parts = [...byArea].map(([area, entries]) => `## ${area}\n\n${table(['difference', 'reason'], rowsOf(entries))}`)
  return `# Where answers differ from Vault's\n\nGenerated from the differential test by \`npm run generate\`; do not edit. The test sends the same requests to Coffer and to Vault, and fails for a difference that is not listed here as well as for a listed one that is gone. [The guide](../guides/vault-compatibility.md) says what the door is for.\n\n${parts.join('\n')}`
}
