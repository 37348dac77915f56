// docs/reference/vault.md: every operation of the Vault-compatible door, found where it is declared: whatever a file of
// system, auth or engines exports that is a contract.

import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { snakeCase, type AnyField } from '../../packages/server/src/kernel/fields.ts'
import { locationOf } from '../../packages/server/src/kernel/input.ts'
import type { Operation } from '../../packages/server/src/kernel/operation.ts'
import { cell, table } from './markdown.ts'

export interface VaultOperation {
  readonly operation: Operation
  /** As a client sees it, below `/v1/`. */
  readonly path: string
  /** `sys`, `auth/approle`, `kv`. */
  readonly section: string
}

const source = 'packages/server/src'

const isOperation = (value: unknown): value is Operation =>
  typeof value === 'object' && value !== null && Object.isFrozen(value) && 'id' in value && 'method' in value && 'input' in value && 'output' in value

/** What a module exports by itself, in a list or in a table. */
const operationsIn = (value: unknown): readonly Operation[] => {
  if (isOperation(value)) return [value]
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return []
  return Object.values(value).filter(isOperation)
}

/** Where a folder's operations are reached; undefined: it holds none of this door. */
const placeOf = (file: string): { readonly prefix: string; readonly section: string } | undefined => {
  const [area = '', name = ''] = file.split('/')
  if (area === 'system') return undefined
  if (area === 'engines') return { prefix: name === 'identity' ? '' : '<mount>', section: name }
  return { prefix: `auth/<mount>`, section: `${area}/${name}` }
}

const shown = (operation: Operation, file: string): VaultOperation | undefined => {
  const template = operation.path.replaceAll(/:([A-Za-z]+)\+?/g, (_all, name: string) => `{${snakeCase(name)}}`)
  if (template === '/v1/{path}' || template.startsWith('/api/')) return undefined
  if (template.startsWith('/v1/')) {
    const path = template.slice('/v1/'.length)
    return { operation, path, section: path.startsWith('auth/') ? 'auth/token' : (path.split('/')[0] ?? '') }
  }
  const place = placeOf(file)
  return place === undefined ? undefined : { operation, path: `${place.prefix}${template}`, section: place.section }
}

export const loadVaultOperations = async (root: string): Promise<readonly VaultOperation[]> => {
  const files = globSync(`{system,auth,engines}/**/*.ts`, { cwd: join(root, source) }).filter((file) => !file.endsWith('.test.ts')).sort()
  const found = new Map<string, VaultOperation>()
  for (const file of files) {
    const module_: unknown = await import(pathToFileURL(join(root, source, file)).href)
    for (const operation of Object.values(module_ as object).flatMap(operationsIn)) {
      const one = shown(operation, file)
      // A mount type that is another name of a method exports the same contracts again.
      if (one !== undefined) found.set(`${one.section} ${one.operation.method} ${one.path}`, one)
    }
  }
  return [...found.values()].toSorted((a, b) => (a.section === b.section ? (a.path === b.path ? (a.operation.method < b.operation.method ? -1 : 1) : a.path < b.path ? -1 : 1) : a.section < b.section ? -1 : 1))
}

const INNER: ReadonlySet<string> = new Set(['presented', 'document'])

const verbOf = ({ method }: Operation): string => (method === 'POST' ? 'POST, PUT' : method)

const fieldNames = (operation: Operation): string =>
  Object.entries(operation.input)
    .filter(([name, field]) => !INNER.has(name) && locationOf(name, field, operation) !== 'path')
    .map(([name, field]: [string, AnyField]) => `\`${snakeCase(name)}\`${field.required ? '*' : ''}`)
    .join(' ')

const accessOf = ({ access }: Operation): string => ({ public: 'no token', optional: 'no token, or any', token: 'any token', policy: '' })[access]

const row = ({ operation, path }: VaultOperation): readonly string[] => [verbOf(operation), `\`${path}\``, cell(`${operation.summary}${accessOf(operation) === '' ? '' : ` (${accessOf(operation)})`}`), fieldNames(operation), operation.audit === undefined ? '' : `\`${operation.audit}\``]

export const renderVault = (operations: readonly VaultOperation[]): string => {
  const sections = [...Map.groupBy(operations, ({ section }) => section)]
  const parts = sections.map(([section, same]) => `\n## ${section}\n\n${table(['verb', 'path', 'what it does', 'fields', 'in the audit record'], same.map(row))}`)
  return `# The Vault-compatible door

Generated from the operations' contracts by \`npm run generate\`; do not edit. ${operations.length} operations below \`/v1/\`, \`<mount>\` standing for the path that an engine or method is mounted at. Fields with an asterisk are needed. Where nothing else is said a policy must allow the path.
LIST is an HTTP verb here and also \`GET\` with \`?list=true\`. A running server gives the same as OpenAPI at \`sys/internal/specs/openapi\`, and each path with \`?help=1\`. What differs from Vault: [vault-differences.md](vault-differences.md).
${parts.join('')}`
}
