// The stream without its wire: what it tells, when changes, looks and a slow reader cross each other.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { fail } from '../../kernel/errors.ts'
import { BoundedQueue } from '../../lib/bounded-queue.ts'
import { ChangeHub } from './change-stream.ts'
import type { SecretChangeEvent } from './contract.ts'
import { Streams } from './streams.ts'
import { watch, type Seen, type Watching } from './watch.ts'

/** Secrets of one organization, and a stream over some of them whose every wait is in the test's hands. */
class Stage {
  readonly hub = new ChangeHub()
  readonly secrets = new Map<string, Map<string, number>>()
  readonly told: SecretChangeEvent[] = []
  readonly stream = new AbortController()
  readonly streams = new Streams({ perToken: 2, inAll: 10 })
  looks = 0
  expiresIn: number | undefined
  refusal: Error | undefined
  /** Awaited inside each look, after the state was read, and inside each send. */
  pause: () => Promise<void> = () => turn()

  write(path: string, alias: string, version: number): void {
    const aliases = this.secrets.get(path) ?? new Map<string, number>()
    this.secrets.set(path, version === 0 ? new Map([...aliases].filter(([name]) => name !== alias)) : new Map([...aliases, [alias, version]]))
    this.hub.apply([{ orgId: 'org', kind: 'secret', key: `mount/${path}` }])
  }

  async ask(paths: readonly string[], look: boolean): Promise<Seen> {
    if (this.refusal !== undefined) throw this.refusal
    if (look) this.looks += 1
    const items = paths.map((secretPath) => ({ secretPath, change: `mount/${secretPath}`, ...(look ? { aliases: Object.fromEntries(this.secrets.get(secretPath) ?? []) } : {}) }))
    await this.pause()
    return { organizationId: 'org', tokenId: 'token', items, ...(this.expiresIn === undefined ? {} : { expiresIn: this.expiresIn }) }
  }

  run(paths: readonly string[], more: Partial<Watching> = {}): Promise<void> {
    return watch(paths, {
      ask: (asked, look) => this.ask(asked, look),
      send: async (event) => {
        this.told.push(event)
        await this.pause()
      },
      changes: this.hub,
      turns: new BoundedQueue({ concurrency: 1, maxWaiting: 100 }),
      enter: (token) => this.streams.enter(token),
      ended: this.stream.signal,
      ...more,
    })
  }

  /** What a client believes that has read everything. */
  believed(): Readonly<Record<string, number>> {
    const last = Object.fromEntries(this.told.map(({ secret_path: path, alias, new_version_number: version }) => [`${path} ${alias}`, version]))
    return Object.fromEntries(Object.entries(last).filter(([, version]) => version !== 0))
  }

  actual(paths: readonly string[]): Readonly<Record<string, number>> {
    return Object.fromEntries(paths.flatMap((path) => [...(this.secrets.get(path) ?? [])].map(([alias, version]) => [`${path} ${alias}`, version])))
  }
}

/** Long enough for everything that is under way to come to rest: every wait of the stage is a turn of the loop. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 200; i++) await turn()
}

test('however writes, looks and a slow reader cross, the client ends up believing what is', async () => {
  const paths = ['a', 'b', 'c']
  const step = fc.oneof(
    fc.record({ path: fc.constantFrom(...paths), alias: fc.constantFrom('current', 'next', 'own'), version: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ turns: fc.integer({ min: 1, max: 4 }) }),
    fc.constantFrom('everything' as const, 'policy' as const),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 10 }), async (steps, pauses) => {
      const stage = new Stage()
      let calls = 0
      stage.pause = async () => {
        const turns = pauses[calls++ % pauses.length] ?? 0
        for (let i = 0; i < turns; i++) await turn()
      }
      const running = stage.run(paths)
      for (const each of steps) {
        if (each === 'everything') stage.hub.clear()
        else if (each === 'policy') stage.hub.apply([{ orgId: 'org', kind: 'grants', key: '' }])
        else if ('turns' in each) for (let i = 0; i < each.turns; i++) await turn()
        else stage.write(each.path, each.alias, each.version)
      }
      await settle()
      assert.deepEqual(stage.believed(), stage.actual(paths))
      stage.stream.abort()
      await running
    }),
    { numRuns: 300 },
  )
})

describe('a stream', () => {
  test('tells the present state of each path first, current also when there is none', async () => {
    const stage = new Stage()
    stage.write('a', 'current', 3)
    stage.write('a', 'next', 4)
    const running = stage.run(['a', 'b'])
    await settle()
    assert.deepEqual(stage.told.map(({ secret_path: path, alias, new_version_number: version }) => `${path} ${alias} ${version}`), ['a current 3', 'a next 4', 'b current 0'])
    stage.stream.abort()
    await running
  })

  test('coalesces what changes while the reader does not read', async () => {
    const stage = new Stage()
    const running = stage.run(['a'])
    await settle()
    let resume: (() => void) | undefined
    stage.pause = () => new Promise((resolve) => (resume = resolve))
    stage.write('a', 'current', 1)
    await settle()
    for (let version = 2; version <= 1000; version++) stage.write('a', 'current', version)
    stage.pause = () => turn()
    resume?.()
    await settle()
    assert.deepEqual(stage.told.map(({ new_version_number: version }) => version), [0, 1, 1000])
    assert.ok(stage.looks <= 4)
    stage.stream.abort()
    await running
  })

  test('is not woken by other secrets, other tokens and other organizations', async () => {
    const stage = new Stage()
    const running = stage.run(['a'])
    await settle()
    const before = stage.looks
    stage.hub.apply([{ orgId: 'org', kind: 'secret', key: 'mount/b' }, { orgId: 'org', kind: 'token', key: 'another' }, { orgId: 'other', kind: 'secret', key: 'mount/a' }])
    await settle()
    assert.equal(stage.looks, before)
    stage.stream.abort()
    await running
  })

  test('looks again when its own token changes, and ends with what that look says', async () => {
    const stage = new Stage()
    const running = stage.run(['a'])
    await settle()
    stage.refusal = fail('unauthenticated', 'token.invalid', 'The token is gone.')
    stage.hub.apply([{ orgId: 'org', kind: 'token', key: 'token' }])
    await assert.rejects(running, { kind: 'unauthenticated' })
    assert.doesNotThrow(() => [stage.streams.enter('token'), stage.streams.enter('token')], 'its place is free')
  })

  test('looks again at its token\'s end', async () => {
    const stage = new Stage()
    stage.expiresIn = 0
    const running = stage.run(['a'])
    await settle()
    stage.refusal = fail('unauthenticated', 'token.invalid', 'The token has expired.')
    // Its timer does not keep a process alive; something must, until it comes.
    const alive = setInterval(() => undefined, 1000)
    await assert.rejects(running, { kind: 'unauthenticated' })
    clearInterval(alive)
  })

  test('sees what changed between asking and subscribing, also when the path moved meanwhile', async () => {
    const stage = new Stage()
    let asked = 0
    const running = stage.run(['a'], {
      ask: async (paths, look) => {
        asked += 1
        const seen = await stage.ask(paths, look)
        // The environment is registered between the first question and the look: the key in the feed is another.
        return { ...seen, items: seen.items.map((item) => ({ ...item, change: asked === 1 ? 'old/a' : 'mount/a' })) }
      },
    })
    await settle()
    assert.equal(stage.looks, 2)
    stage.write('a', 'current', 1)
    await settle()
    assert.deepEqual(stage.told.map(({ new_version_number: version }) => version), [0, 1])
    stage.stream.abort()
    await running
  })

  test('is refused when its token has as many as it may', async () => {
    const stage = new Stage()
    stage.streams.enter('token')
    stage.streams.enter('token')
    await assert.rejects(stage.run(['a']), { kind: 'rate_limited', code: 'delivery.too_many_streams' })
  })

  test('leaves nothing behind', async () => {
    const stage = new Stage()
    const running = stage.run(['a'])
    await settle()
    stage.stream.abort()
    await running
    const before = stage.looks
    stage.write('a', 'current', 9)
    await settle()
    assert.equal(stage.looks, before)
  })
})

test('so many streams in all, and all end with the server', () => {
  const streams = new Streams({ perToken: 1, inAll: 2 })
  const [one, two] = [new AbortController(), new AbortController()]
  const leave = streams.begin(one)
  streams.begin(two)
  assert.throws(() => streams.begin(new AbortController()), { kind: 'rate_limited', code: 'delivery.too_many_streams' })
  leave()
  streams.begin(new AbortController())
  streams.stop()
  assert.deepEqual([one.signal.aborted, two.signal.aborted], [false, true])
})
