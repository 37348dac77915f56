// The audit trail's health in numbers. The backlog is the one to alert on: records are safe on this disk, but not yet
// where the disk's loss could not reach them.
import type { Metrics } from '../../telemetry/metrics.ts'
import type { DeviceBacklog } from './devices/device-loop.ts'
import type { Shipper } from './shipping/shipper.ts'
import type { AuditSpool, SpoolCounters } from './spool/spool.ts'

/** Declares the audit metrics of a worker and keeps them current. Once per process. */
export const exposeAuditMetrics = (metrics: Metrics, spool: AuditSpool, shipper: Shipper): void => {
  const counters = Object.entries(help).map(([name, text]) => ({ name, counter: metrics.counter(`coffer_audit_${name}_total`, text).with() }))
  const available = metrics.gauge('coffer_audit_available', 'Whether audit records are taken; 0 means that data requests are refused.').with()
  const backlog = metrics.gauge('coffer_audit_backlog_frames', 'Durable frames that a sink has not confirmed.', ['sink'])
  const damaged = metrics.gauge('coffer_audit_damaged_items', 'Spooled items that no row could be made of.', ['sink'])
  let last: SpoolCounters = { frames: 0, fsyncs: 0, awaited: 0, records: 0, poisoned: 0, refused: 0 }
  metrics.onRead(() => {
    const now = { ...spool.counters }
    for (const { name, counter } of counters) if (isCounter(name)) counter.inc(now[name] - last[name])
    last = now
    available.set(spool.available ? 1 : 0)
    for (const sink of shipper.backlog()) {
      backlog.with(sink.sink).set(sink.frames)
      damaged.with(sink.sink).set(sink.damaged)
    }
  })
}

const help: Readonly<Record<keyof SpoolCounters, string>> = Object.freeze({
  frames: 'Frames made durable.',
  fsyncs: 'Flushes to stable storage.',
  awaited: 'Of them, those that the answering thread waited for itself, because the disk is fast.',
  records: 'Records and links made durable.',
  poisoned: 'Segments given up after a failed write or flush.',
  refused: 'Records that could not be made durable, whose requests were refused.',
})

const isCounter = (name: string): name is keyof SpoolCounters => name in help

/** The same of the devices; their names are an administrator's, and there are few. */
export const exposeDeviceMetrics = (metrics: Metrics, devices: { backlog(): readonly DeviceBacklog[] }): void => {
  const frames = metrics.gauge('coffer_audit_device_backlog_frames', 'Durable frames of this worker that an audit device has not taken.', ['device'])
  const behind = metrics.gauge('coffer_audit_device_behind_seconds', 'Time since an audit device was last up to date.', ['device'])
  const failures = metrics.gauge('coffer_audit_device_failures', 'Failures of an audit device since it last worked.', ['device'])
  const lost = metrics.gauge('coffer_audit_device_lost', 'What an audit device never gets: frames that were gone before it took them, and lines too large for it.', ['device'])
  let known: readonly string[] = []
  metrics.onRead(() => {
    const now = devices.backlog()
    // A device that is gone is not behind.
    for (const path of known) for (const gauge of [frames, behind, failures, lost]) gauge.with(path).set(0)
    for (const each of now) {
      frames.with(each.path).set(each.frames)
      behind.with(each.path).set(Math.round(each.behindSeconds))
      failures.with(each.path).set(each.failures)
      lost.with(each.path).set(each.skippedFrames + each.unwritable)
    }
    known = now.map(({ path }) => path)
  })
}
