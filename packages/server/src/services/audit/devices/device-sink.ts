// A device as a sink of the spool: records in, lines in Vault's form out. It hands on what is newer than the device, and
// notes what it never got, because a device that is too far behind loses spooled records.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuditEvent } from '../../../kernel/audit.ts'
import { parseRecord } from '../records.ts'
import type { Batch, ShippedFrame, Sink } from '../shipping/sink.ts'
import type { Device, DeviceSettings } from './device.ts'
import { entriesOf, type Namespace } from './entries.ts'
import { sinkName } from './holds.ts'
import { formatJsonx } from './jsonx.ts'
import { Unwritable, type Target } from './targets/target.ts'

export interface DeviceSinkOptions {
  readonly device: Device
  readonly settings: DeviceSettings
  readonly target: Target
  hash(journalHash: string): string
  namespaceOf(orgId: string): Promise<Namespace>
}

export interface DeviceCounters {
  records: number
  /** Frames that were gone before the device took them. */
  skippedFrames: number
  /** Lines that the device can never take. */
  unwritable: number
}

const TIMEOUT_MS = 30_000
/** Records that are formatted in one turn; requests wait meanwhile. */
const IN_TURN = 16

const eventsOf = (frame: ShippedFrame): readonly AuditEvent[] => [
  ...frame.records.flatMap(({ text }) => parseRecord(text) ?? []),
  // A link without its record names a write that the journal holds; there is nothing to say of it here.
  ...frame.links.flatMap(({ link }) => (link.record === undefined ? [] : (parseRecord(link.record) ?? []))),
]

export class DeviceSink implements Sink {
  readonly name: string
  readonly timeoutMs = TIMEOUT_MS
  readonly counters: DeviceCounters = { records: 0, skippedFrames: 0, unwritable: 0 }
  readonly #options: DeviceSinkOptions
  readonly #lastSeq = new Map<string, number>()

  constructor(options: DeviceSinkOptions) {
    this.#options = options
    this.name = sinkName(options.device.id)
  }

  async deliver({ stream, frames }: Batch, signal: AbortSignal): Promise<void> {
    const lines = await this.#linesOf(frames)
    try {
      if (lines.length > 0) await this.#options.target.write(lines, signal)
    } catch (error) {
      if (!(error instanceof Unwritable)) throw error
      this.counters.unwritable += error.lines
    }
    this.counters.records += lines.length / 2
    this.#note(stream.stream, frames)
  }

  async #linesOf(frames: readonly ShippedFrame[]): Promise<readonly string[]> {
    const { device, settings, hash, namespaceOf } = this.#options
    const lines: string[] = []
    let inTurn = 0
    for (const frame of frames) {
      for (const event of eventsOf(frame)) {
        if (event.at < device.enabledAt) continue
        const namespace = await namespaceOf(event.orgId)
        for (const entry of entriesOf(event, { hash, namespace })) lines.push(settings.prefix + (settings.format === 'json' ? JSON.stringify(entry) : formatJsonx(entry)))
        if (++inTurn >= IN_TURN) {
          inTurn = 0
          await nextTurn()
        }
      }
    }
    return lines
  }

  #note(stream: string, frames: readonly ShippedFrame[]): void {
    const last = this.#lastSeq.get(stream)
    const first = frames[0]?.skeleton.seq
    if (last !== undefined && first !== undefined && first > last + 1) this.counters.skippedFrames += first - last - 1
    const newest = frames.at(-1)?.skeleton.seq
    if (newest !== undefined) this.#lastSeq.set(stream, newest)
  }
}
