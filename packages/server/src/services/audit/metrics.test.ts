import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../lib/clock.ts'
import { Metrics } from '../../telemetry/metrics.ts'
import { exposeAuditMetrics } from './metrics.ts'
import { Shipper } from './shipping/shipper.ts'
import { appended, openSpool, removeDirectory, scratchDirectory } from './spool/testing/scratch.ts'

test('what the spool counts and what a sink lacks is shown, once each', async (t) => {
  const root = await scratchDirectory()
  t.after(() => removeDirectory(root))
  const spool = await openSpool(root)
  const metrics = new Metrics()
  exposeAuditMetrics(metrics, spool, new Shipper({ spool, sinks: [{ name: 'idle', timeoutMs: 1, deliver: async () => undefined }], clock: systemClock }))
  const value = (name: string): number | undefined => metrics.snapshot().find((family) => family.name === name)?.samples[0]?.[2]
  await appended(spool, '{}')
  assert.equal(value('coffer_audit_records_total'), 1)
  assert.equal(value('coffer_audit_records_total'), 1)
  await appended(spool, '{}')
  assert.equal(value('coffer_audit_records_total'), 2)
  assert.equal(value('coffer_audit_backlog_frames'), spool.head.seq + 1)
  assert.equal(value('coffer_audit_available'), 1)
  await spool.close()
  assert.equal(value('coffer_audit_available'), 0)
})
