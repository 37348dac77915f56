// Ceilings against rot (what they are and where they come from: CONTRIBUTING.md). Part of `npm run lint`.
//   tools/node tools/check-size.ts [folder]     (another repository folder, for the checks' own test)
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { functionLengths } from './check/functions.ts'
import { isTest, readSources, type SourceFile } from './check/source.ts'

const ceilings = { fileLines: 500, functionLines: 60, valueImports: 15, filesInFolder: 20 }
/** They name every part of the server, which is their purpose. */
const wiring = /^packages\/[^/]+\/src\/((compose|catalog|registry)\.ts$|compose\/)/

function checkFile(file: SourceFile): string[] {
  const offences: string[] = []
  const lines = file.text.trimEnd().split('\n').length
  if (lines > ceilings.fileLines) offences.push(`${file.path}: ${lines} lines, at most ${ceilings.fileLines}`)
  if (file.path.endsWith('.test.ts')) return offences
  for (const { line, lines: length } of functionLengths(file.code)) {
    if (length > ceilings.functionLines) offences.push(`${file.path}:${line}: a function of ${length} lines, at most ${ceilings.functionLines}`)
  }
  const imports = new Set(file.imports.filter((edge) => !edge.isType).map((edge) => edge.specifier)).size
  if (imports > ceilings.valueImports && !wiring.test(file.path) && !isTest(file.path)) {
    offences.push(`${file.path}: imports values from ${imports} modules, at most ${ceilings.valueImports}`)
  }
  return offences
}

function checkFolders(files: readonly SourceFile[]): string[] {
  const counts = new Map<string, number>()
  for (const { path } of files) {
    if (!path.endsWith('.test.ts')) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  }
  return [...counts]
    .filter(([, count]) => count > ceilings.filesInFolder)
    .map(([folder, count]) => `${folder}: ${count} files, at most ${ceilings.filesInFolder} (tests not counted)`)
}

/** Everything too large below `root`, one line each. */
export function checkSize(root: string): string[] {
  const folders = ['packages', 'tools', 'tests', 'bench'].filter((folder) => existsSync(join(root, folder)))
  const files = readSources(root, folders)
  return [...files.flatMap(checkFile), ...checkFolders(files)]
}

if (import.meta.main) {
  const offences = checkSize(resolve(process.argv[2] ?? dirname(import.meta.dirname)))
  for (const offence of offences) console.error(offence)
  if (offences.length > 0) process.exitCode = 1
}
