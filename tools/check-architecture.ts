// Fails on a forbidden import, a cycle of value imports, or a name used outside its home. Part of `npm run lint`.
//   tools/node tools/check-architecture.ts [folder]     (another repository folder, for the checks' own test)
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, resolve } from 'node:path'
import { findCycles } from './check/cycles.ts'
import { globalOffences } from './check/globals.ts'
import { packageRefusal, refusal } from './check/layers.ts'
import { isTest, lineAt, readSources, type Import, type SourceFile } from './check/source.ts'

type Place = { packageName: string; path: string }

const neighbours: Readonly<Record<string, string[]>> = { server: [], client: [], cli: ['@coffer/sdk'], web: ['@coffer/sdk'], operator: ['@coffer/sdk'] }

function placeOf(path: string): Place {
  const [, packageName = '', , ...rest] = path.split('/')
  return { packageName, path: rest.join('/') }
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

function declaredDependencies(root: string, packageName: string): Set<string> {
  const file = join(root, 'packages', packageName, 'package.json')
  if (!existsSync(file)) return new Set()
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(file, 'utf8'))
  return new Set(Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }))
}

/** Why a file may not import what is not a file: another package, or a module of Node. */
function bareRefusal(root: string, from: Place, { specifier }: Import): string | undefined {
  const name = packageOf(specifier)
  if (from.packageName === 'client') return 'the SDK imports nothing: it also runs in browsers'
  if (name.startsWith('node:')) return from.packageName === 'server' ? packageRefusal(from.path, name) : undefined
  if (name.startsWith('@coffer/') && neighbours[from.packageName]?.includes(name) !== true) return `${from.packageName} may not import ${name}`
  if (!declaredDependencies(root, from.packageName).has(name)) return `${name} is no dependency in packages/${from.packageName}/package.json`
  return from.packageName === 'server' ? packageRefusal(from.path, name) : undefined
}

function targetOf(file: SourceFile, { specifier }: Import): string {
  return normalize(join(dirname(file.path), specifier))
}

function relativeRefusal(file: SourceFile, edge: Import): string | undefined {
  const target = targetOf(file, edge)
  const [from, to] = [placeOf(file.path), placeOf(target)]
  if (!target.startsWith(`packages/${from.packageName}/src/`)) return 'the import leaves the package'
  if (isTest(target)) return 'a test or its harness is not for production code'
  return from.packageName === 'server' ? refusal(from.path, to.path, edge.isType) : undefined
}

function checkFile(root: string, file: SourceFile): string[] {
  const place = placeOf(file.path)
  const edges = file.imports.flatMap((edge) => {
    const reason = edge.specifier.startsWith('.') ? relativeRefusal(file, edge) : bareRefusal(root, place, edge)
    return reason === undefined ? [] : [`${file.path}:${edge.line}: imports '${edge.specifier}': ${reason}`]
  })
  const names = globalOffences(place.packageName, place.path, file)
    .map(({ what, index }) => `${file.path}:${lineAt(file.code, index)}: uses ${what} outside its home (tools/check/globals.ts)`)
  return [...edges, ...names]
}

/** Everything wrong in the packages below `root`, one line each. */
export function checkArchitecture(root: string): string[] {
  const files = readSources(root, ['packages']).filter((file) => /^packages\/[^/]+\/src\//.test(file.path) && !isTest(file.path))
  const graph = new Map(files.map((file) => [
    file.path,
    file.imports.filter((edge) => !edge.isType && !edge.isDynamic && edge.specifier.startsWith('.')).map((edge) => targetOf(file, edge)),
  ]))
  const cycles = findCycles(graph).map((members) => `cycle of value imports: ${members.join(' → ')} → ${members[0]}`)
  return [...files.flatMap((file) => checkFile(root, file)), ...cycles]
}

if (import.meta.main) {
  const offences = checkArchitecture(resolve(process.argv[2] ?? dirname(import.meta.dirname)))
  for (const offence of offences) console.error(offence)
  if (offences.length > 0) process.exitCode = 1
}
