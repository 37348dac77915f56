import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openStore, type Store } from './store.ts'

const makeStore = (context: TestContext): { store: Store; directory: string } => {
  const parent = mkdtempSync(join(tmpdir(), 'coffer-cli-'))
  context.after(() => rmSync(parent, { recursive: true }))
  const directory = join(parent, 'coffer')
  return { store: openStore(directory), directory }
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
const address = 'http://127.0.0.1:8200'

test('what is stored is private, encrypted, and leaves nothing beside it', async (context) => {
  const { store, directory } = makeStore(context)
  const previous = process.umask(0)
  context.after(() => process.umask(previous))
  await store.writeToken(address, 'hvs.canary')
  await store.writeContext({ project: 'api' })
  assert.equal(modeOf(directory), '700')
  assert.equal(modeOf(store.configFile), '600')
  assert.equal(modeOf(store.keyFile), '600')
  assert.equal(statSync(store.keyFile).size, 32)
  assert.deepEqual(readdirSync(directory).sort(), ['config.json', 'key'])
  const text = readFileSync(store.configFile, 'utf8')
  assert.match(text, /"enc:/)
  assert.doesNotMatch(text, /canary/)
  assert.equal(await store.readToken(address), 'hvs.canary')
  assert.deepEqual(await store.readContext(), { project: 'api' })
})

test('a token is for its address only', async (context) => {
  const { store } = makeStore(context)
  await store.writeToken(address, 'hvs.one')
  await store.writeToken('https://other', 'hvs.two')
  assert.equal(await store.readToken('https://third'), undefined)
  assert.equal(await store.readToken('https://other'), 'hvs.two')
  assert.equal(await store.removeToken('https://other'), true)
  assert.equal(await store.removeToken('https://other'), false)
  assert.equal(await store.readToken(address), 'hvs.one')
})

test('a key file or config that others could read is refused with how to mend it', async (context) => {
  for (const mode of [0o640, 0o604, 0o666, 0o700, 0o400]) {
    for (const which of ['keyFile', 'configFile'] as const) {
      const { store } = makeStore(context)
      await store.writeToken(address, 'hvs.one')
      chmodSync(store[which], mode)
      await assert.rejects(store.readToken(address), { kind: 'invalid_request', message: new RegExp(`mode 0${mode.toString(8)}`), hint: /chmod 600/ })
    }
  }
})

test('a file of another user is refused', { skip: process.getuid?.() !== 0 && 'only root can make one' }, async (context) => {
  const { chownSync } = await import('node:fs')
  const { store } = makeStore(context)
  await store.writeToken(address, 'hvs.one')
  chownSync(store.keyFile, 65534, 65534)
  await assert.rejects(store.readToken(address), { kind: 'invalid_request', message: /another user/ })
})

test('a link in the place of the key is not followed', async (context) => {
  const { store, directory } = makeStore(context)
  await store.writeToken(address, 'hvs.one')
  const elsewhere = join(directory, 'elsewhere')
  writeFileSync(elsewhere, readFileSync(store.keyFile), { mode: 0o600 })
  rmSync(store.keyFile)
  symlinkSync(elsewhere, store.keyFile)
  await assert.rejects(store.readToken(address), { kind: 'invalid_request' })
})

test('a lost key, a spoiled key and a spoiled config say to log in again', async (context) => {
  const { store } = makeStore(context)
  await store.writeToken(address, 'hvs.one')
  rmSync(store.keyFile)
  await assert.rejects(store.readToken(address), { kind: 'unauthenticated', hint: /coffer login/ })
  assert.equal(existsSync(store.keyFile), false, 'reading makes no key')
  writeFileSync(store.keyFile, 'short', { mode: 0o600 })
  await assert.rejects(store.readToken(address), { kind: 'invalid_request' })
  writeFileSync(store.configFile, '{', { mode: 0o600 })
  await assert.rejects(store.readToken(address), { kind: 'invalid_request', message: /not valid JSON/ })
})

test('a token that somebody wrote in plain is used and encrypted from then on', async (context) => {
  const { store } = makeStore(context)
  await store.writeContext({ env: 'dev' })
  writeFileSync(store.configFile, JSON.stringify({ context: { env: 'dev' }, tokens: { [address]: 'hvs.plain' } }), { mode: 0o600 })
  assert.equal(await store.readToken(address), 'hvs.plain')
  assert.doesNotMatch(readFileSync(store.configFile, 'utf8'), /hvs\.plain/)
  assert.equal(await store.readToken(address), 'hvs.plain')
  assert.deepEqual(await store.readContext(), { env: 'dev' })
})

test('two first logins at once end with one key that opens what is stored', async (context) => {
  const { store } = makeStore(context)
  await store.writeContext({})
  await Promise.allSettled([store.writeToken('http://a', 'one'), store.writeToken('http://b', 'two')])
  const tokens = [await store.readToken('http://a'), await store.readToken('http://b')]
  // The later write wins the file; whatever is in it opens.
  assert.ok(tokens.includes('one') || tokens.includes('two'))
})
