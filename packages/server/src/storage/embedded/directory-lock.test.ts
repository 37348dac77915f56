import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { lockDirectory } from './directory-lock.ts'

const temporary = async (t: TestContext): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'coffer-lock-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

test('the lock is exclusive until it is released', async (t) => {
  const directory = await temporary(t)
  const lock = await lockDirectory(directory)
  await assert.rejects(lockDirectory(directory), { kind: 'conflict', code: 'storage.directory_in_use' })
  await lock.release()
  await (await lockDirectory(directory)).release()
  assert.deepEqual(await readdir(directory), [])
})

test('of many that come at once, one at most gets it, and afterwards somebody can', async (t) => {
  const directory = await temporary(t)
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(directory)))
  const winners = results.filter((result) => result.status === 'fulfilled')
  assert.ok(winners.length <= 1)
  for (const { value } of winners) await value.release()
  await (await lockDirectory(directory)).release()
})

test('a killed holder holds nothing, and what it left is cleared away', async (t) => {
  const directory = await temporary(t)
  const script = `const { lockDirectory } = await import(${JSON.stringify(new URL('./directory-lock.ts', import.meta.url).href)})
    globalThis.lock = await lockDirectory(${JSON.stringify(directory)}); console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  await assert.rejects(lockDirectory(directory), (error: Error) => error.message.includes(`process ${child.pid}`))
  child.kill('SIGSTOP') // a holder that does not answer still holds
  await assert.rejects(lockDirectory(directory), { code: 'storage.directory_in_use' })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = await lockDirectory(directory)
  assert.equal((await readdir(directory)).length, 1)
  await lock.release()
})

test('a directory with a very long path can be locked', { skip: process.platform !== 'linux' && 'short paths to sockets need /proc' }, async (t) => {
  const directory = join(await temporary(t), 'd'.repeat(120), 'e'.repeat(120))
  await mkdir(directory, { recursive: true })
  const lock = await lockDirectory(directory)
  await assert.rejects(lockDirectory(directory), { code: 'storage.directory_in_use' })
  await lock.release()
})
