// Names that make code hard to test or leak what it should not: each has one home per package.

import type { SourceFile } from './source.ts'

type Rule = { what: string; pattern: RegExp; homes: Readonly<Record<string, RegExp>> }

const environmentFile = /^(config|environment)\.ts$/

const environment: Rule = {
  what: 'process.env',
  pattern: /\bprocess\s*\??\.\s*env\b|\bprocess\s*\[|\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b/g,
  homes: { server: /^config\//, cli: environmentFile, client: environmentFile },
}
const output: Rule = { what: 'console', pattern: /(?<![.\w$])console\s*[.[]/g, homes: { server: /^telemetry\//, cli: /^output\//, client: /^$/ } }
const wallClock: Rule = { what: 'the wall clock', pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\s*(?:\(\s*\)|(?![\s(.\w]))|(?<![.\w$]|new\s)Date\s*\(\s*\)/g, homes: { server: /^(lib\/clock\.ts$|telemetry\/)/ } }
const chance: Rule = { what: 'Math.random', pattern: /\bMath\s*\.\s*random\b/g, homes: { server: /^crypto\/random\.ts$/, cli: /^$/, client: /^$/ } }
const webCrypto: Rule = {
  what: 'the global crypto object',
  pattern: /(?<![.\w$])(?:globalThis\s*\.\s*)?crypto\s*\.\s*(?:subtle|getRandomValues|randomUUID)\b/g,
  homes: { server: /^crypto\// },
}

const rules: readonly Rule[] = [environment, output, wallClock, chance, webCrypto]

/** The name behind the global: `env` taken out of the module has the same home. */
const importedEnvironment = /import\s*(?:\{[^{}]*\benv\b[^{}]*\}|\*[^'"]*)\s*from\s*['"](?:node:)?process['"]/g

/** Uses of such names outside their home, in a file at `path` below src of a package. */
export function globalOffences(packageName: string, path: string, { code, text }: SourceFile): { what: string; index: number }[] {
  const imported = environment.homes[packageName]?.test(path) === false ? [...text.matchAll(importedEnvironment)] : []
  const used = rules
    .filter(({ homes }) => homes[packageName] !== undefined && !homes[packageName].test(path))
    .flatMap(({ what, pattern }) => [...code.matchAll(pattern)].map(({ index }) => ({ what, index })))
  return [...used, ...imported.map(({ index }) => ({ what: environment.what, index }))]
}
