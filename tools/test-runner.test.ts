// `npm test` itself, in a small repository with suites of known outcome and a table of three resources.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'

const repository = dirname(import.meta.dirname)
const resources = `import { writeFileSync } from 'node:fs'
const nowhere = { name: 'nowhere', available: () => false, start: async () => { throw new Error('never started') } }
const lamp = { name: 'lamp', available: () => true, start: async () => ({ env: { COFFER_TEST_LAMP: 'on' }, stop: async () => writeFileSync('lamp', 'off') }) }
const peer = { name: 'peer', isOptional: true, available: () => false, start: async () => { throw new Error('never started') } }
export const resources = [nowhere, lamp, peer]
`
const suites: Record<string, string> = {
  'packages/server/src/good.test.ts': "test('one', () => {})\ntest('two', () => {})\ntest.skip('three', () => {})\n",
  'packages/server/src/bad.test.ts': "test('wrong', () => assert.equal(1, 2))\n",
  'packages/server/src/broken.test.ts': "throw new Error('does not load')\n",
  'packages/server/src/lit.test.ts': "// needs: lamp\ntest('lit', () => assert.equal(process.env.COFFER_TEST_LAMP, 'on'))\n",
  'packages/server/src/absent.test.ts': "// needs: lamp, nowhere\ntest('absent', () => {})\n",
  'packages/server/src/compared.test.ts': "// needs: peer\ntest('compared', () => {})\n",
  'packages/server/src/both.test.ts': "// needs: peer, nowhere\ntest('both', () => {})\n",
  'packages/server/src/mistaken.test.ts': "// needs: lmap\ntest('mistaken', () => {})\n",
  'packages/server/src/private.test.ts': "test('private', () => assert.deepEqual([process.env.COFFER_TOKEN, process.env.VAULT_TOKEN, process.env.PGHOST], [undefined, undefined, undefined]))\n",
}
const head = "import assert from 'node:assert/strict'\nimport { test } from 'node:test'\nvoid assert\n"

function runTests(context: TestContext, filter: string, env: Record<string, string> = {}): { status: number | null; output: string; last: string; root: string } {
  const root = mkdtempSync(join(tmpdir(), 'coffer-runner-'))
  context.after(() => rmSync(root, { recursive: true }))
  for (const folder of ['tools', 'bin']) cpSync(join(repository, folder), join(root, folder), { recursive: true })
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'))
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(join(root, 'tools', 'test', 'resources.ts'), resources)
  mkdirSync(join(root, 'packages', 'server', 'src'), { recursive: true })
  for (const [path, text] of Object.entries(suites)) writeFileSync(join(root, path), text.replace(/^(\/\/ needs.*\n)?/, (needs) => needs + head))
  const { NODE_TEST_CONTEXT: _inner, COFFER_TEST_ALL: _all, ...outer } = process.env
  const result = spawnSync(join(root, 'tools', 'node'), ['tools/test.ts', filter], { cwd: root, encoding: 'utf8', env: { ...outer, ...env } })
  return { status: result.status, output: result.stdout + result.stderr, last: result.stdout.trimEnd().split('\n').at(-1) ?? '', root }
}

test('passed tests end with their count and exit code 0', (context) => {
  const { status, output, last } = runTests(context, 'good')
  assert.deepEqual([status, last], [0, '2 passed, 0 failed, 1 skipped'])
  assert.match(output, /ℹ tests 3\nℹ suites 0\nℹ pass 2\n/)
})

test('a failed test and a file that does not load fail the run', (context) => {
  assert.deepEqual([runTests(context, 'bad').status, runTests(context, 'bad').last], [1, '0 passed, 1 failed'])
  assert.deepEqual([runTests(context, 'broken').status, runTests(context, 'broken').last], [1, '0 passed, 1 failed'])
})

test('a resource is started for the suite that names it, and stopped', (context) => {
  const { status, last, root } = runTests(context, 'lit.')
  assert.deepEqual([status, last], [0, '1 passed, 0 failed'])
  assert.equal(spawnSync('cat', [join(root, 'lamp')], { encoding: 'utf8' }).stdout, 'off')
})

test('a suite whose need is missing is named, and fails the run only when all must run', (context) => {
  const { status, output, last } = runTests(context, 'absent')
  assert.match(output, /^not run: packages\/server\/src\/absent\.test\.ts \(needs nowhere\)$/m)
  assert.deepEqual([status, last], [0, '0 passed, 0 failed, 1 skipped'])
  const strict = runTests(context, 'absent', { COFFER_TEST_ALL: '1' })
  assert.deepEqual([strict.status, strict.last], [1, '0 passed, 1 failed'])
})

test('a suite that lacks only an optional peer is named and left out, even when all must run', (context) => {
  const { status, output, last } = runTests(context, 'compared', { COFFER_TEST_ALL: '1' })
  assert.match(output, /^not run: packages\/server\/src\/compared\.test\.ts \(needs peer\)$/m)
  assert.deepEqual([status, last], [0, '0 passed, 0 failed, 1 skipped'])
  assert.equal(runTests(context, 'both', { COFFER_TEST_ALL: '1' }).status, 1)
})

test('a need that nobody knows and a filter that matches nothing are errors', (context) => {
  const mistaken = runTests(context, 'mistaken')
  assert.match(mistaken.output, /a suite needs "lmap"/)
  assert.equal(mistaken.status, 1)
  const nothing = runTests(context, 'no-such-file')
  assert.match(nothing.output, /no test file matches no-such-file/)
  assert.equal(nothing.status, 1)
})

test('settings of the person who runs the tests do not reach them', (context) => {
  const { status } = runTests(context, 'private', { COFFER_TOKEN: 'x', VAULT_TOKEN: 'x', PGHOST: 'x' })
  assert.equal(status, 0)
})
