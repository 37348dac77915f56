import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { recordOf } from '../services/audit/records.ts'
import type { Sink } from '../services/audit/shipping/sink.ts'
import { fileSink } from '../services/audit/testing/file-sink.ts'
import { appended, openSpool } from '../services/audit/spool/testing/scratch.ts'
import { auditEvent } from '../services/audit/testing/events.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { Spools, type StreamWriter } from './spools.ts'
import { until } from './testing/harness.ts'

const setUp = async (t: TestContext) => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-spools-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const shipped = join(folder, 'shipped')
  const sink = fileSink(shipped)
  const root = join(folder, 'audit')
  const record = async (path: string): Promise<string> => {
    const spool = await openSpool(root)
    await appended(spool, recordOf(auditEvent({ path })))
    await spool.close()
    return spool.identity.stream
  }
  const writers: StreamWriter[] = []
  const spools = (over: { readonly sinks?: readonly Sink[]; readonly intervalMs?: number } = {}): Spools => {
    const made = new Spools({ root, sinks: [sink], logger: silentLogger, writers: () => writers, ...over })
    t.after(() => made.stop())
    return made
  }
  const text = (): string => {
    try {
      return readFileSync(shipped, 'utf8')
    } catch {
      return ''
    }
  }
  return { record, writers, spools, sink, text }
}

test('what ended workers recorded is shipped, what a living one writes is left to it', async (t) => {
  const { record, writers, spools, text } = await setUp(t)
  await record('of/the/dead')
  writers.push({ mayWrite: true, stream: await record('of/the/living') })
  spools().start()
  await until(() => text().includes('of/the/dead'), 'the dead stream is shipped')
  assert.doesNotMatch(text(), /of\/the\/living/)
  writers.length = 0
  const again = spools()
  again.start()
  await until(() => text().includes('of/the/living'), 'its worker has died meanwhile')
})

test('nothing is touched while a worker may be opening a stream that it has not named', async (t) => {
  const { record, writers, spools, text } = await setUp(t)
  await record('of/the/dead')
  writers.push({ mayWrite: true, stream: undefined })
  const waiting = spools()
  waiting.start()
  await waiting.stop()
  assert.equal(text(), '')
  writers[0] = { mayWrite: true, stream: await record('just/opened') }
  spools().start()
  await until(() => text().includes('of/the/dead'), 'the announcement lets it go on')
  assert.doesNotMatch(text(), /just\/opened/)
})

test('a sink that fails is tried again', async (t) => {
  const { record, spools, sink, text } = await setUp(t)
  await record('of/the/dead')
  let failures = 0
  const flaky: Sink = {
    ...sink,
    deliver: async (batch, signal) => {
      failures += 1
      if (failures < 3) throw new Error('not now')
      await sink.deliver(batch, signal)
    },
  }
  spools({ sinks: [flaky], intervalMs: 5 }).start()
  await until(() => text().includes('of/the/dead'), 'the third attempt succeeds')
  assert.equal(failures, 3)
})
