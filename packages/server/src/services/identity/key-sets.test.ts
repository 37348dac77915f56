import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { exportJWK, SignJWT } from 'jose'
import type { KeySource, Outbound } from '../../kernel/auth/method.ts'
import { fail } from '../../kernel/errors.ts'
import { ManualClock } from '../../lib/clock.ts'
import { KeySets } from './key-sets.ts'

const source: KeySource = { kind: 'jwks', url: 'https://issuer.test/keys', caPem: undefined }

interface World {
  readonly clock: ManualClock
  readonly sets: KeySets
  asked(): number
  publish(...kids: readonly string[]): void
  down(isDown: boolean): void
  token(kid: string): Promise<string>
}

/** An issuer behind the port: it counts what it is asked, and can be down. */
const world = (): World => {
  const pairs = new Map(['a', 'b', 'c'].map((kid) => [kid, generateKeyPairSync('ed25519')]))
  const clock = new ManualClock()
  let published: readonly string[] = ['a']
  let asked = 0
  let isDown = false
  const outbound: Outbound = {
    async ask() {
      asked += 1
      await new Promise((resolve) => setImmediate(resolve))
      if (isDown) throw fail('upstream_failed', 'test.down', 'The issuer is down.')
      const keys = await Promise.all(published.map(async (kid) => ({ ...(await exportJWK(pairs.get(kid)!.publicKey)), kid })))
      return { status: 200, body: Buffer.from(JSON.stringify({ keys })) }
    },
  }
  return {
    clock,
    sets: new KeySets(outbound, () => clock.monotonic()),
    asked: () => asked,
    publish: (...kids) => void (published = kids),
    down: (to) => void (isDown = to),
    token: (kid) => new SignJWT({ sub: kid }).setProtectedHeader({ alg: 'EdDSA', kid }).sign((pairs.get(kid) ?? generateKeyPairSync('ed25519')).privateKey),
  }
}

const subjectOf = async ({ sets }: World, token: string): Promise<unknown> => (await sets.verify(token, source, [])).claims['sub']

test('all who ask at once share one fetch, and later ones its result', async () => {
  const it = world()
  const token = await it.token('a')
  await Promise.all(Array.from({ length: 20 }, () => subjectOf(it, token)))
  await subjectOf(it, token)
  assert.equal(it.asked(), 1)
})

test('a new key is taken at the first token that it signed, and after ten minutes the old one is out', async () => {
  const it = world()
  assert.equal(await subjectOf(it, await it.token('a')), 'a')
  it.publish('b')
  it.clock.advance(10_000)
  assert.equal(await subjectOf(it, await it.token('b')), 'b')
  await assert.rejects(subjectOf(it, await it.token('a')), { code: 'jws_unknown_key' })
  it.publish('c')
  it.clock.advance(600_000)
  await assert.rejects(subjectOf(it, await it.token('b')), { code: 'jws_unknown_key' })
})

test('key ids that nobody has make us ask once in ten seconds', async () => {
  const it = world()
  await subjectOf(it, await it.token('a'))
  const madeUp = await it.token('made up')
  for (let i = 0; i < 10; i += 1) await assert.rejects(subjectOf(it, madeUp), { code: 'jws_unknown_key' })
  assert.equal(it.asked(), 1)
  it.clock.advance(10_000)
  for (let i = 0; i < 10; i += 1) await assert.rejects(subjectOf(it, madeUp), { code: 'jws_unknown_key' })
  assert.equal(it.asked(), 2)
})

test('an issuer that is down is asked again only after two seconds, and its failure is not the token\'s', async () => {
  const it = world()
  it.down(true)
  const token = await it.token('a')
  for (let i = 0; i < 5; i += 1) await assert.rejects(subjectOf(it, token), { kind: 'upstream_failed' })
  assert.equal(it.asked(), 1)
  it.down(false)
  it.clock.advance(2000)
  assert.equal(await subjectOf(it, token), 'a')
})

test('known keys go on verifying while the issuer is down, until they are too old', async () => {
  const it = world()
  const token = await it.token('a')
  await subjectOf(it, token)
  it.down(true)
  it.clock.advance(599_999)
  assert.equal(await subjectOf(it, token), 'a')
  it.clock.advance(1)
  await assert.rejects(subjectOf(it, token), { kind: 'upstream_failed' })
})
