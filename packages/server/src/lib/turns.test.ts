import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { Turns } from './turns.ts'

test('tasks of one key run one after the other, in their order, and others beside them', async () => {
  const turns = new Turns<string>()
  const seen: string[] = []
  const task = (name: string) => async (): Promise<string> => {
    seen.push(`${name} begins`)
    await turn()
    seen.push(`${name} ends`)
    return name
  }
  const all = [turns.run('a', task('a1')), turns.run('a', task('a2')), turns.run('b', task('b1')), turns.run('a', task('a3'))]
  assert.deepEqual(await Promise.all(all), ['a1', 'a2', 'b1', 'a3'])
  assert.deepEqual(seen.filter((line) => line.startsWith('a')), ['a1 begins', 'a1 ends', 'a2 begins', 'a2 ends', 'a3 begins', 'a3 ends'])
  assert.ok(seen.indexOf('b1 begins') < seen.indexOf('a1 ends'))
  assert.equal(turns.count, 0)
})

test('a task that fails passes the turn on', async () => {
  const turns = new Turns<string>()
  const failed = turns.run('a', () => Promise.reject(new Error('no')))
  const next = turns.run('a', async () => 'yes')
  await assert.rejects(failed, /no/)
  assert.equal(await next, 'yes')
  assert.equal(turns.count, 0)
})

test('one that throws before it begins, too', async () => {
  const turns = new Turns<string>()
  await assert.rejects(turns.run('a', () => { throw new Error('at once') }), /at once/)
  assert.equal(await turns.run('a', async () => 'yes'), 'yes')
})
