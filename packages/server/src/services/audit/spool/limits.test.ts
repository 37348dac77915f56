import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spoolLimits } from './limits.ts'
import { openSpool, removeDirectory, scratchDirectory } from './testing/scratch.ts'

const MiB = 2 ** 20

test('the defaults give whole segments and sixteen of them', () => {
  assert.deepEqual(spoolLimits({ segmentBytes: 64 * MiB, maxSpoolBytes: 1024 * MiB, writers: 1 }), { segmentBytes: 64 * MiB, maxSegments: 16, maxWaitingBytes: 4 * MiB })
})

test('every writer has room for four segments, and together they stay below the total', () => {
  for (const writers of [1, 2, 16, 64]) {
    for (const maxSpoolBytes of [4 * MiB, 64 * MiB, 1024 * MiB]) {
      const limits = spoolLimits({ segmentBytes: 64 * MiB, maxSpoolBytes, writers })
      assert.ok(limits.maxSegments >= 4 * writers)
      if (maxSpoolBytes >= writers * 4 * 64 * 1024) assert.ok(limits.segmentBytes * limits.maxSegments <= maxSpoolBytes)
    }
  }
})

test('a spool opens with the smallest segment that can be set', async (t) => {
  const root = await scratchDirectory()
  t.after(() => removeDirectory(root))
  const spool = await openSpool(root, spoolLimits({ segmentBytes: MiB, maxSpoolBytes: 4 * MiB, writers: 4 }))
  assert.equal(spool.available, true)
  await spool.close()
})
