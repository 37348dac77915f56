import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManualClock } from '../../lib/clock.ts'
import { DatabaseTime, type TimeDisagreement } from './database-time.ts'

const epoch = 1_800_000_000_000

/** A database whose clock shows `ahead` more than monotonic time, asked over a line of the given delays. */
const rig = () => {
  const clock = new ManualClock()
  const alarms: TimeDisagreement[] = []
  const time = new DatabaseTime({ clock, onSuspect: (by) => alarms.push(by) })
  const ask = (ahead = epoch, there = 1, back = 1): void => {
    const sentMs = clock.monotonic()
    clock.advance(there)
    const databaseMs = clock.monotonic() + ahead
    clock.advance(back)
    time.observe({ sentMs, receivedMs: clock.monotonic(), databaseMs })
  }
  return { clock, time, ask, alarms }
}

test('before the first answer there is no time to judge by', () => {
  const { time } = rig()
  assert.throws(() => time.now(), { code: 'freshness.no_time', kind: 'unavailable' })
})

test('database time goes on with monotonic time, whatever the wall clock does', () => {
  const { clock, time, ask } = rig()
  ask()
  const before = time.now()
  clock.setWall(0)
  clock.advance(1_000)
  assert.equal(time.now() - before, 1_000)
})

test('the estimate is never behind the database and at most one slowest-allowed question ahead', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ there: fc.nat(3_000), back: fc.nat(3_000), pause: fc.nat(5_000) }), { minLength: 1, maxLength: 30 }), (questions) => {
      const { clock, time, ask } = rig()
      let best = Infinity
      for (const { there, back, pause } of questions) {
        ask(epoch, there, back)
        best = Math.min(best, there + back)
        const ahead = time.now() - (clock.monotonic() + epoch)
        assert.ok(ahead >= 0 && ahead <= there + back)
        clock.advance(pause)
      }
      assert.ok(time.steadySince <= clock.monotonic())
    }),
  )
})

test('a slow answer does not pass for a step of the clock', () => {
  const { time, ask } = rig()
  ask()
  const since = time.steadySince
  ask(epoch, 3_000, 1)
  ask(epoch, 1, 3_000)
  assert.equal(time.steadySince, since)
})

test('a step of the database clock restarts the time for which it has been steady, also when it comes in small pieces', () => {
  const { clock, time, ask } = rig()
  ask()
  clock.advance(5_000)
  ask(epoch + 500)
  assert.ok(clock.monotonic() - time.steadySince < 10)
  clock.advance(3_000)
  for (const piece of [60, 120, 180]) ask(epoch + 500 + piece)
  assert.ok(clock.monotonic() - time.steadySince < 10)
})

test('more than five seconds of disagreement raise the alarm once, and it ends when the step is taken back', () => {
  const { clock, time, ask, alarms } = rig()
  ask()
  clock.setWall(clock.wall() + 4_900)
  ask()
  assert.equal(time.suspect, false)
  clock.setWall(clock.wall() + 3_600_000)
  ask()
  ask()
  assert.equal(time.suspect, true)
  assert.equal(alarms.length, 1)
  clock.setWall(clock.wall() - 3_600_000)
  ask()
  assert.equal(time.suspect, false)
})

test('a step of the database clock, too, stays suspect for as long as nobody accepts it', () => {
  const { clock, time, ask, alarms } = rig()
  ask()
  for (let hour = 0; hour < 3; hour += 1) {
    clock.advance(3_600_000)
    ask(epoch - 6_000)
    assert.equal(time.suspect, true)
  }
  assert.deepEqual(alarms.map(({ databaseMs }) => Math.round(databaseMs / 100)), [-60])
  time.accept()
  ask(epoch - 6_000)
  assert.equal(time.suspect, false)
})

test('slow drift over a day is not a step', () => {
  const { clock, time, ask } = rig()
  for (let minute = 0; minute < 1_440; minute += 1) {
    clock.advance(60_000)
    ask(epoch + minute * 10)
  }
  assert.equal(time.suspect, false)
})
