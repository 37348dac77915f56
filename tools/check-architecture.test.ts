// Each rule is tried by planting one offender in an otherwise clean repository.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { checkArchitecture } from './check-architecture.ts'

const server = 'packages/server/src'
const clean: Record<string, string> = {
  'packages/server/package.json': '{"dependencies":{"pg":"1.0.0","fastify":"1.0.0"}}',
  'packages/client/package.json': '{}',
  'packages/cli/package.json': '{"dependencies":{"@coffer/sdk":"1.0.0","yaml":"1.0.0"}}',
  [`${server}/lib/clock.ts`]: 'export const now = (): number => Date.now()\n',
  [`${server}/lib/bytes.ts`]: "export const size = 'import x from \"pg\"' // process.env, console.log\n",
  [`${server}/crypto/hazmat/aes.ts`]: "import { createCipheriv } from 'node:crypto'\nexport const a = createCipheriv\n",
  [`${server}/crypto/secret.ts`]: "import { a } from './hazmat/aes.ts'\nexport const s = a\n",
  [`${server}/kernel/errors.ts`]: "import { s } from '../crypto/secret.ts'\nexport const e = s\n",
  [`${server}/storage/pool.ts`]: "import { Pool } from 'pg'\nexport const p = Pool\n",
  [`${server}/keyring/keyring.ts`]: "import { p } from '../storage/pool.ts'\nexport const k = p\n",
  [`${server}/services/policy/decide.ts`]: "import { e } from '../../kernel/errors.ts'\nexport const d = e\n",
  [`${server}/services/tokens/tokens.ts`]: 'export const t = 1\n',
  [`${server}/engines/kv/index.ts`]: "import { e } from '../../kernel/errors.ts'\nexport const kv = e\n",
  [`${server}/request/pipeline.ts`]: "import type { d } from '../services/policy/decide.ts'\nexport type D = typeof d\n",
  [`${server}/api/v1/door.ts`]: "import fastify from 'fastify'\nimport type { D } from '../../request/pipeline.ts'\nexport const x: D = fastify\n",
  [`${server}/compose.ts`]: "import { p } from './storage/pool.ts'\nimport { d } from './services/policy/decide.ts'\nexport const all = [p, d]\n",
  [`${server}/main.ts`]: "import { all } from './compose.ts'\nexport const m = all\n",
  'packages/client/src/index.ts': "export * from './client.ts'\n",
  'packages/client/src/client.ts': 'export const c = () => Date.now()\n',
  'packages/cli/src/main.ts': "import { c } from '@coffer/sdk'\nimport { createHash } from 'node:crypto'\nexport const m = [c, createHash]\n",
  'packages/cli/src/environment.ts': 'export const home = process.env.HOME\n',
}

function offencesWith(files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'coffer-architecture-'))
  try {
    for (const [path, text] of Object.entries({ ...clean, ...files })) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return checkArchitecture(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('a clean tree has no offences', () => {
  assert.deepEqual(offencesWith({}), [])
})

const offenders: [title: string, path: string, text: string, message: RegExp][] = [
  ['lib imports nothing', `${server}/lib/x.ts`, "import { e } from '../kernel/errors.ts'", /lib may not import kernel/],
  ['crypto imports lib only', `${server}/crypto/x.ts`, "import { e } from '../kernel/errors.ts'", /crypto may not import kernel/],
  ['hazmat is for crypto', `${server}/storage/x.ts`, "import { a } from '../crypto/hazmat/aes.ts'", /crypto\/hazmat is for crypto only/],
  ['kernel takes only secret from crypto', `${server}/kernel/x.ts`, "import { a } from '../crypto/sign.ts'", /kernel may not import crypto/],
  ['config knows no storage', `${server}/config/x.ts`, "import { p } from '../storage/pool.ts'", /config may not import storage/],
  ['telemetry knows no crypto', `${server}/telemetry/x.ts`, "import { s } from '../crypto/secret.ts'", /telemetry may not import crypto/],
  ['storage does not look upwards', `${server}/storage/x.ts`, "import { k } from '../keyring/keyring.ts'", /storage may not import keyring/],
  ['services are strangers', `${server}/services/tokens/x.ts`, "import { d } from '../policy/decide.ts'", /services\/tokens may not import services\/policy/],
  ['not even by type', `${server}/services/tokens/x.ts`, "import type { d } from '../policy/decide.ts'", /services\/tokens may not import services\/policy/],
  ['engines are strangers', `${server}/engines/totp/x.ts`, "import { kv } from '../kv/index.ts'", /engines\/totp may not import engines\/kv/],
  ['engines see no service', `${server}/engines/kv/x.ts`, "import { d } from '../../services/policy/decide.ts'", /engines\/kv may not import services\/policy/],
  ['engines see no SQL', `${server}/engines/kv/x.ts`, "import { Pool } from 'pg'", /pg is imported only in/],
  ['auth methods see no service', `${server}/auth/jwt/x.ts`, "import { t } from '../../services/tokens/tokens.ts'", /auth\/jwt may not import services\/tokens/],
  ['destinations see no telemetry', `${server}/sync/github/x.ts`, "export { l } from '../../telemetry/logger.ts'", /sync\/github may not import telemetry/],
  ['the pipeline gets services as types', `${server}/request/x.ts`, "import { d } from '../services/policy/decide.ts'", /request may import services\/policy as types only/],
  ['an inline type still loads the module', `${server}/request/x.ts`, "import { type d } from '../services/policy/decide.ts'", /as types only/],
  ['doors see no services', `${server}/api/rest/x.ts`, "import type { d } from '../../services/policy/decide.ts'", /api may not import services\/policy/],
  ['only entries import compose', `${server}/api/rest/x.ts`, "import { all } from '../../compose.ts'", /api may not import compose/],
  ['the catalog sees no service', `${server}/catalog.ts`, "import { d } from './services/policy/decide.ts'", /catalog may not import services\/policy/],
  ['a lazy import is an import', `${server}/lib/x.ts`, "export const l = () => import('../kernel/errors.ts')", /lib may not import kernel/],
  ['a new top folder needs a rule', `${server}/helpers/x.ts`, "import { e } from '../kernel/errors.ts'", /helpers is not in the table/],
  ['node:crypto has one home', `${server}/services/tokens/x.ts`, "import { createHash } from 'node:crypto'", /node:crypto is imported only in crypto/],
  ['fastify has one home', `${server}/kernel/x.ts`, "import fastify from 'fastify'", /fastify is imported only in api/],
  ['a dependency is declared', `${server}/storage/x.ts`, "import x from 'left-pad'", /left-pad is no dependency/],
  ['the SDK imports nothing', 'packages/client/src/x.ts', "import { readFileSync } from 'node:fs'", /the SDK imports nothing/],
  ['the server does not know the SDK', `${server}/storage/x.ts`, "import { c } from '@coffer/sdk'", /server may not import @coffer\/sdk/],
  ['packages do not reach into each other', 'packages/cli/src/x.ts', "import { m } from '../../server/src/main.ts'", /leaves the package/],
  ['production code does not use a test harness', `${server}/storage/x.ts`, "import { h } from '../kernel/testing/harness.ts'", /not for production code/],
  ['the environment has one home', `${server}/storage/x.ts`, 'export const x = process.env.HOME', /uses process\.env/],
  ['also by subscript', `${server}/storage/x.ts`, "export const x = process['env']", /uses process\.env/],
  ['also taken apart', `${server}/storage/x.ts`, 'export const { env } = process', /uses process\.env/],
  ['also from the module', `${server}/storage/x.ts`, "import { env } from 'node:process'\nexport const x = env", /uses process\.env/],
  ['also in the CLI', 'packages/cli/src/x.ts', 'export const x = process.env.HOME', /uses process\.env/],
  ['Date.now has one home', `${server}/storage/x.ts`, 'export const x = Date.now()', /uses the wall clock/],
  ['new Date() is Date.now', `${server}/storage/x.ts`, 'export const x = new Date( )', /uses the wall clock/],
  ['Math.random has one home', `${server}/storage/x.ts`, 'export const x = Math.random()', /uses Math\.random/],
  ['console has one home', `${server}/storage/x.ts`, "console.log('x')", /uses console/],
  ['the CLI prints in output/', 'packages/cli/src/x.ts', "console.log('x')", /uses console/],
  ['the global crypto is node:crypto', `${server}/storage/x.ts`, 'export const x = crypto.randomUUID()', /global crypto/],
  ['code in a template is code', `${server}/storage/x.ts`, 'export const x = `a${`b${process.env.HOME}`}`', /uses process\.env/],
]

for (const [title, path, text, message] of offenders) {
  test(title, () => {
    const found = offencesWith({ [path]: `${text}\n` })
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', message)
    assert.ok(found[0]?.startsWith(path), found[0])
  })
}

test('a cycle of values is named, a cycle through a type or a lazy import is none', () => {
  const cycle = (back: string): string[] => offencesWith({
    [`${server}/lib/a.ts`]: "import { b } from './b.ts'\nexport const a = b\n",
    [`${server}/lib/b.ts`]: "export { c as b } from './c.ts'\n",
    [`${server}/lib/c.ts`]: `${back}\nexport const c = 1\n`,
  })
  const found = cycle("import { a } from './a.ts'")
  assert.equal(found.length, 1)
  assert.match(found[0] ?? '', /cycle of value imports: .*a\.ts → .*b\.ts → .*c\.ts → .*a\.ts$/)
  assert.deepEqual(cycle("import type { a } from './a.ts'"), [])
  assert.deepEqual(cycle("export const lazy = () => import('./a.ts')"), [])
})

test('tests and harnesses are free, dates from a value and words in text are not calls', () => {
  assert.deepEqual(offencesWith({
    [`${server}/lib/x.test.ts`]: "import { e } from '../kernel/errors.ts'\nconsole.log(process.env, e)\n",
    [`${server}/kernel/testing/harness.ts`]: "import { p } from '../../storage/pool.ts'\nexport const h = p\n",
    [`${server}/storage/x.ts`]: "/* Date.now() */ export const x = [new Date(5), 'Math.random()', /console.log/, `process.env`]\n",
    'packages/cli/src/output/table.ts': "console.log('x')\n",
    [`${server}/supervisor/x.ts`]: "import { p } from '../storage/pool.ts'\nexport const x = p\n",
  }), [])
})
