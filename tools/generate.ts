// npm run generate: writes what is derived from contracts, schema, registry and source. With --check writes nothing and
// fails when a file is not what it would write.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openApiDocument } from '../packages/server/src/api/openapi/document.ts'
import { renderConfigurationGuide } from '../packages/server/src/config/document.ts'
import type { Operation } from '../packages/server/src/kernel/operation.ts'
import { allContracts } from '../packages/server/src/platform/contracts.ts'
import { renderCli } from './generate/cli.ts'
import { renderClient } from './generate/client.ts'
import { renderConfiguration } from './generate/configuration.ts'
import { renderErrors } from './generate/errors.ts'
import { renderRest } from './generate/rest.ts'
import { loadVaultOperations, renderVault } from './generate/vault.ts'
import { renderVaultDifferences } from './generate/vault-differences.ts'

const errorsPath = 'docs/reference/errors.md'
const vaultOperations = await loadVaultOperations(dirname(import.meta.dirname))

const readIfThere = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')

/** Every generated file below the repository, with its text. */
export const generatedFiles = (root: string): ReadonlyMap<string, string> => {
  const contracts: readonly Operation[] = allContracts.map(({ operation }) => operation)
  return new Map([
    ['docs/guides/configuration.md', renderConfigurationGuide()],
    ['docs/reference/cli.md', renderCli()],
    ['docs/reference/configuration.md', renderConfiguration()],
    [errorsPath, renderErrors(root, readIfThere(join(root, errorsPath)))],
    ['docs/reference/openapi.json', `${JSON.stringify(openApiDocument(contracts), null, 2)}\n`],
    ['docs/reference/rest.md', renderRest(contracts)],
    ['docs/reference/vault.md', renderVault(vaultOperations)],
    ['docs/reference/vault-differences.md', renderVaultDifferences()],
    ['packages/client/src/generated/api.ts', renderClient(contracts)],
  ])
}

/** The files that are not what would be written. */
export const drifted = (root: string): readonly string[] => [...generatedFiles(root)].filter(([path, text]) => readIfThere(join(root, path)) !== text).map(([path]) => path)

if (import.meta.main) {
  const root = dirname(import.meta.dirname)
  if (process.argv.includes('--check')) {
    const stale = drifted(root)
    for (const path of stale) console.error(`${path} is not what \`npm run generate\` writes`)
    if (stale.length > 0) process.exitCode = 1
  } else {
    for (const [path, text] of generatedFiles(root)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
  }
}
