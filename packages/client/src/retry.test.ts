import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CofferError, type ErrorKind } from './errors.ts'
import { delaySeconds, mayRetry, parseRetryAfter, pause, randomFraction } from './retry.ts'

const error = (kind: ErrorKind, code: string, status?: number, retryAfterSeconds?: number): CofferError => new CofferError('x', { kind, code, status, retryAfterSeconds })

test('what was refused before any work is repeated whatever it was', () => {
  for (const repeat of ['safe', 'key', 'never'] as const) assert.equal(mayRetry(error('rate_limited', 'limit', 429), repeat), true)
})

test('a lost answer, a time-out or a 503 is repeated only where twice is harmless', () => {
  for (const lost of [error('unavailable', 'client.unreachable'), error('unavailable', 'client.timeout'), error('unavailable', 'busy', 503)]) {
    assert.equal(mayRetry(lost, 'safe'), true)
    assert.equal(mayRetry(lost, 'key'), true)
    assert.equal(mayRetry(lost, 'never'), false)
  }
})

test('nothing else is repeated', () => {
  const final = [error('sealed', 'keyring.closed', 503), error('internal', 'internal', 500), error('upstream_failed', 'x', 502), error('not_found', 'x', 404), error('conflict', 'x', 409), error('invalid_request', 'x', 400), error('unauthenticated', 'client.pin'), error('unavailable', 'client.aborted'), new TypeError('x')]
  for (const one of final) assert.equal(mayRetry(one, 'safe'), false)
})

test('the wait is never shorter than asked for and never longer than asked for plus the ceiling', () => {
  const policy = { retries: 9, baseSeconds: 0.1, maxSeconds: 5 }
  fc.assert(
    fc.property(fc.nat(40), fc.nat(60), fc.double({ min: 0, max: 0.999999, noNaN: true }), (attempt, asked, fraction) => {
      const seconds = delaySeconds(policy, attempt, error('unavailable', 'x', 503, asked), fraction)
      assert.ok(seconds >= asked && seconds <= asked + Math.min(5, 0.1 * 2 ** attempt))
    }),
  )
})

test('jitter is a fraction and differs from one to the next', () => {
  const drawn = Array.from({ length: 64 }, randomFraction)
  assert.ok(drawn.every((fraction) => fraction >= 0 && fraction < 1))
  assert.ok(new Set(drawn).size > 60)
})

test('Retry-After is read as seconds and as a date, and anything else is ignored', () => {
  const now = Date.parse('2030-01-01T00:00:00Z')
  assert.equal(parseRetryAfter('7', now), 7)
  assert.equal(parseRetryAfter('Tue, 01 Jan 2030 00:00:30 GMT', now), 30)
  assert.equal(parseRetryAfter('Mon, 31 Dec 2029 23:00:00 GMT', now), 0)
  assert.equal(parseRetryAfter('soon', now), undefined)
  assert.equal(parseRetryAfter(undefined, now), undefined)
})

test('a pause ends at once when its signal does', async () => {
  const controller = new AbortController()
  const waiting = pause(3600, controller.signal)
  controller.abort()
  await assert.rejects(waiting, { code: 'client.aborted' })
  await assert.rejects(pause(3600, controller.signal), { code: 'client.aborted' })
})
