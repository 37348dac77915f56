import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noTokenSettings } from '../../../kernel/auth/token-settings.ts'
import { livesOf } from './issuing.ts'

const limits = { defaultTtlSeconds: 1000, maxTtlSeconds: 5000 }
const lives = (settings: Partial<typeof noTokenSettings>) => livesOf({ ...noTokenSettings, ...settings }, limits)

test('without settings a token lives as the mount says', () => {
  assert.deepEqual(lives({}), { ttlSeconds: 1000, maxSeconds: 5000, periodSeconds: 0 })
})

test('no setting reaches beyond the mount', () => {
  assert.deepEqual(lives({ ttlSeconds: 9000, maxTtlSeconds: 8000 }), { ttlSeconds: 5000, maxSeconds: 5000, periodSeconds: 0 })
  assert.deepEqual(lives({ periodSeconds: 9000 }), { ttlSeconds: 5000, maxSeconds: 0, periodSeconds: 5000 })
})

test('a maximum of the role ends what the mount would allow', () => {
  assert.deepEqual(lives({ maxTtlSeconds: 300 }), { ttlSeconds: 300, maxSeconds: 300, periodSeconds: 0 })
})

test('an explicit maximum ends a period too', () => {
  assert.deepEqual(lives({ periodSeconds: 600, explicitMaxTtlSeconds: 200 }), { ttlSeconds: 200, maxSeconds: 200, periodSeconds: 600 })
  assert.deepEqual(lives({ ttlSeconds: 900, explicitMaxTtlSeconds: 200 }), { ttlSeconds: 200, maxSeconds: 200, periodSeconds: 0 })
})
