// Compiles packages/*/src to packages/*/dist. Types are checked by `npm run typecheck`; here they are only taken away,
// so a build takes a second. Each package is built beside its dist and swapped in, so a running server never sees half.
// Programs are bundled, their dependencies left where npm put them: finding and linking some 650 modules was half of a worker's start. The SDK, which others
// import, stays one file for each module, with its declarations.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'

const root = dirname(import.meta.dirname)
const packages = ['client', 'cli', 'server']
/** What is started as a process, of each package of programs. */
const programs: Readonly<Record<string, readonly string[]>> = { cli: ['main.ts'], server: ['main.ts', 'worker.ts'] }

/** What the code reads at run time besides code: SQL migrations, schemas, pages. Tests and prose stay behind. */
function copyAssets(source: string, target: string): void {
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || /\.(ts|md)$/.test(entry.name)) continue
    const path = relative(source, join(entry.parentPath, entry.name))
    if (path.split('/').some((part) => part === 'testing' || part === 'vectors')) continue
    mkdirSync(dirname(join(target, path)), { recursive: true })
    cpSync(join(source, path), join(target, path))
  }
}

function compile(folder: string, target: string): void {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const result = spawnSync(process.execPath, [tsc, '-p', join(folder, 'tsconfig.build.json'), '--outDir', target], { stdio: 'inherit' })
  if (result.status !== 0) throw new Error(`${folder} does not compile`, { cause: result.error })
}

async function bundle(folder: string, entries: readonly string[], target: string): Promise<void> {
  await build({
    entryPoints: entries.map((entry) => join(folder, 'src', entry)), outdir: target, bundle: true, splitting: true, packages: 'external',
    format: 'esm', platform: 'node', target: 'node24', legalComments: 'none', logLevel: 'warning',
  })
}

async function buildPackage(name: string): Promise<void> {
  const folder = join(root, 'packages', name)
  const fresh = join(folder, `dist.${process.pid}.new`)
  const old = join(folder, `dist.${process.pid}.old`)
  const dist = join(folder, 'dist')
  try {
    mkdirSync(fresh)
    // Written before the compiler reads anything: an edit during the build makes the result stale, as it should.
    writeFileSync(join(fresh, '.built'), '')
    const entries = programs[name]
    if (entries === undefined) compile(folder, fresh)
    else await bundle(folder, entries, fresh)
    copyAssets(join(folder, 'src'), fresh)
    if (existsSync(dist)) renameSync(dist, old)
    renameSync(fresh, dist)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
    rmSync(old, { recursive: true, force: true })
  }
}

function hasSources(name: string): boolean {
  const source = join(root, 'packages', name, 'src')
  return existsSync(source) && readdirSync(source, { recursive: true }).some((path) => String(path).endsWith('.ts'))
}

for (const name of packages) {
  if (hasSources(name)) await buildPackage(name)
}
