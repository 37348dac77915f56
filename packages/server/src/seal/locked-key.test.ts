import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomBytes } from '../crypto/random.ts'
import { LockedKey, memoryIsLocked } from './locked-key.ts'

const kinds: readonly [string, (bytes: Buffer) => LockedKey][] = [
  ['the best memory there is', (bytes) => new LockedKey(bytes)],
  ['a plain buffer', (bytes) => new LockedKey(bytes, null)],
]

test('libsodium\'s secure memory is found where its package is installed', () => {
  assert.equal(memoryIsLocked(), true)
})

for (const [name, make] of kinds) {
  test(`a key in ${name} moves in, is lent, and is gone after wiping`, async () => {
    const bytes = randomBytes(32)
    const hex = bytes.toString('hex')
    const key = make(bytes)
    assert.ok(bytes.every((byte) => byte === 0))
    assert.equal(key.use((lent) => lent.toString('hex')), hex)
    assert.equal(key.use((lent) => key.use((again) => again.equals(lent))), true)
    assert.equal(await key.use(async (lent) => {
      await new Promise((resolve) => setImmediate(resolve))
      return lent.toString('hex')
    }), hex)
    assert.throws(() => key.use(() => { throw new Error('no') }), /no/)
    assert.equal(key.copy().toString('hex'), hex)
    key.wipe()
    key.wipe()
    assert.ok(key.wiped)
    assert.throws(() => key.use(() => undefined), TypeError)
    assert.throws(() => key.copy(), TypeError)
  })

  test(`wiping ${name} during a use leaves zeros to read`, async () => {
    const key = make(randomBytes(32))
    const seen = await key.use(async (lent) => {
      key.wipe()
      await new Promise((resolve) => setImmediate(resolve))
      return lent.every((byte) => byte === 0)
    })
    assert.equal(seen, true)
  })
}
