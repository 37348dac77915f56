// Compiles packages/*/src to packages/*/dist. Types are checked by `npm run typecheck`; here they are only taken away,
// so a build takes a second. Each package is built beside its dist and swapped in, so a running server never sees half.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const root = dirname(import.meta.dirname)
// The CLI's declarations refer to the SDK's, so the SDK comes first.
const packages = ['client', 'cli', 'server']

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

function buildPackage(name: string): void {
  const folder = join(root, 'packages', name)
  const fresh = join(folder, `dist.${process.pid}.new`)
  const old = join(folder, `dist.${process.pid}.old`)
  const dist = join(folder, 'dist')
  try {
    mkdirSync(fresh)
    // Written before the compiler reads anything: an edit during the build makes the result stale, as it should.
    writeFileSync(join(fresh, '.built'), '')
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const result = spawnSync(process.execPath, [tsc, '-p', join(folder, 'tsconfig.build.json'), '--outDir', fresh], { stdio: 'inherit' })
    if (result.status !== 0) throw new Error(`packages/${name} does not compile`, { cause: result.error })
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
  if (hasSources(name)) buildPackage(name)
}
