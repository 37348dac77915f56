// npm test [-- filter…]: lint and types, then the suites beside the code, then the black-box ones under tests/.
//   npm test -- policy            only test files whose path holds "policy" (and no lint)
//   npm test -- --test-only x     options go to `node --test`
//   COFFER_TEST_ALL=1 npm test    a suite that cannot run on this machine is a failure, unless all it lacks is an optional peer
// Resources that suites need (tools/test/resources.ts) are started once and told to suites by environment.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { canInstall } from './test/debian.ts'
import { resources, type Running } from './test/resources.ts'
import { findSuites, type Suite } from './test/suites.ts'

type Totals = { passed: number; failed: number; skipped: number }

const root = dirname(import.meta.dirname)
const totals: Totals = { passed: 0, failed: 0, skipped: 0 }
const running: Running[] = []
const stopping = new AbortController()
const scratch = mkdtempSync(join(tmpdir(), 'coffer-test-'))

/** Settings of the person's own servers must not reach a suite. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(COFFER_(?!TEST_)|VAULT_|BAO_|PG[A-Z]+$|NODE_OPTIONS$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
}

async function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env, signal: stopping.signal })
  const [code] = await once(child, 'exit')
  return code === 0
}

function count(isGood: boolean): void {
  if (isGood) totals.passed += 1
  else totals.failed += 1
}

async function check(title: string, command: string, args: readonly string[]): Promise<void> {
  const isGood = await run(command, args)
  console.log(`${isGood ? '✔' : '✖'} ${title}`)
  count(isGood)
}

/** Starts what the suites need; returns the names that this machine does not have. */
async function provide(suites: readonly Suite[], env: NodeJS.ProcessEnv): Promise<Set<string>> {
  const missing = new Set<string>()
  for (const name of new Set(suites.flatMap((suite) => suite.needs))) {
    const resource = resources.find((candidate) => candidate.name === name)
    if (resource === undefined) throw new Error(`a suite needs "${name}", which tools/test/resources.ts does not know`)
    if (!resource.available() && canInstall()) resource.install?.()
    if (!resource.available()) {
      missing.add(name)
      continue
    }
    const started = await resource.start()
    running.push(started)
    Object.assign(env, started.env)
  }
  return missing
}

function leaveOut(suites: readonly Suite[], missing: ReadonlySet<string>): Suite[] {
  return suites.filter((suite) => {
    const absent = suite.needs.filter((name) => missing.has(name))
    if (absent.length === 0) return true
    console.log(`not run: ${suite.path} (needs ${absent.join(', ')})`)
    const isOptional = absent.every((name) => resources.find((resource) => resource.name === name)?.isOptional === true)
    if (process.env['COFFER_TEST_ALL'] === '1' && !isOptional) totals.failed += 1
    else totals.skipped += 1
    return false
  })
}

async function runSuites(title: string, suites: readonly Suite[], concurrency: number, options: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  if (suites.length === 0) return
  console.log(`\n${title}: ${suites.length} ${suites.length === 1 ? 'file' : 'files'}`)
  const countsFile = join(scratch, `${title}.json`)
  const isGood = await run(process.execPath, [
    // Every file is a process, and most load some hundred modules: their types are taken away and their code is compiled once.
    `--require=${join(root, 'bin', 'compile-cache.cjs')}`, '--conditions=coffer-source', '--test', `--test-concurrency=${concurrency}`, '--test-timeout=900000',
    '--test-reporter=spec', '--test-reporter-destination=stdout',
    `--test-reporter=${join(root, 'tools/test/counts-reporter.ts')}`, `--test-reporter-destination=${countsFile}`,
    ...options, ...suites.map((suite) => suite.path),
  ], env)
  const counts = existsSync(countsFile) ? readFileSync(countsFile, 'utf8') : ''
  if (counts === '') throw new Error(`${title}: the test run ended without a summary`)
  const { passed, failed, cancelled, skipped } = JSON.parse(counts)
  totals.passed += passed
  // A run can fail with every test passed (an error after the last one); the closing line must not hide that.
  totals.failed += failed + cancelled + (!isGood && failed + cancelled === 0 ? 1 : 0)
  totals.skipped += skipped
}

async function cleanUp(): Promise<void> {
  for (const resource of running.splice(0).reverse()) await resource.stop()
  rmSync(scratch, { recursive: true, force: true })
}

async function main(args: readonly string[]): Promise<void> {
  const filters = args.filter((arg) => !arg.startsWith('-'))
  const options = args.filter((arg) => arg.startsWith('-'))
  const { unit, blackBox } = findSuites(root, filters)
  if (unit.length + blackBox.length === 0) throw new Error(`no test file matches ${filters.join(' ')}`)
  if (filters.length === 0) {
    await check('lint', 'npm', ['run', '--silent', 'lint'])
    await check('types', 'npm', ['run', '--silent', 'typecheck'])
  }
  const env = cleanEnvironment()
  const missing = await provide([...unit, ...blackBox], env)
  await runSuites('suites beside the code', leaveOut(unit, missing), 2, options, env)
  // The black-box suites start what users run: the compiled code.
  if (blackBox.length > 0) await check('build', process.execPath, ['tools/bootstrap.mjs', '--build'])
  await runSuites('black-box suites', leaveOut(blackBox, missing), 1, options, env)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => stopping.abort())
}
try {
  await main(process.argv.slice(2))
} catch (error) {
  console.error(error)
  totals.failed += 1
} finally {
  await cleanUp()
}
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''
console.log(`\n${totals.passed} passed, ${totals.failed} failed${skipped}`)
process.exitCode = totals.failed > 0 ? 1 : 0
