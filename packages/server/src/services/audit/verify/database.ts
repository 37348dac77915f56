// Verifies what was shipped. Two questions: does the chain of every stream hold, with exactly the items that it names in
// the tables (ids and digests only, across organizations); and does each record of one organization still have the
// digest that the chain covers.
import { sha256 } from '../../../crypto/digest.ts'
import type { Database } from '../../../kernel/storage.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { parseRecord, searchFields } from '../records.ts'
import { unchainedEvents } from '../repository.ts'
import { decodeItems, isLinkKind, itemKind, unitBytes, unitOf, type FrameItem, type FrameSkeleton } from '../spool/frame.ts'
import { encodeLink } from '../spool/link.ts'
import { Findings, reportOf, unseenOf, type StreamReport, type VerifyReport } from './report.ts'
import { countOutside, selectCheckpoints, selectFrames, selectPlaced, selectRecords, selectStreams, type FrameRow, type PlacedRow, type RecordRow } from './repository.ts'
import { StreamWalker, type VerifyKeys } from './walker.ts'

export interface VerifyDatabaseOptions {
  /** As the jobs role. */
  readonly jobs: Database
  readonly keys: VerifyKeys
  readonly clock: Clock
  /** Checkpoints from outside the database: a sink's file. Those in the database are read anyway. */
  readonly checkpoints?: readonly Checkpoint[]
  /** Records and streams from before may be gone without that being a finding: the retention, or a shredded organization. */
  readonly retainedFrom?: number
  /** How long a committed write may stay outside every chain. */
  readonly unchainedAfterMs?: number
}

const pageFrames = 1000

/** The chain of every stream, and exactly its items. Reads ids, times and digests; no record. */
export const verifyDatabase = async (options: VerifyDatabaseOptions): Promise<VerifyReport> => {
  const { jobs, clock } = options
  const findings = new Findings()
  const walkers = new Map<string, StreamWalker>()
  const rows = await selectStreams(jobs)
  for (const { stream } of rows) walkers.set(stream, await startWalker(stream, options, findings))
  for (const checkpoint of options.checkpoints ?? []) {
    const walker = walkers.get(checkpoint.stream)
    if (walker !== undefined) walker.expectCheckpoint(checkpoint)
    else if (checkpoint.at >= (options.retainedFrom ?? 0)) findings.add({ kind: 'removed', severity: 'error', stream: checkpoint.stream, detail: 'A checkpoint names a stream of which nothing is in the database.' })
  }
  expectSuccession(walkers)
  const reports: StreamReport[] = []
  for (const [stream, walker] of walkers) {
    await walkRows(stream, walker, { jobs, retainedFrom: options.retainedFrom ?? 0 })
    reports.push(walker.finish())
  }
  const until = clock.wall() - (options.unchainedAfterMs ?? 5 * 60_000)
  const unchained = await unchainedEvents(jobs, { since: options.retainedFrom ?? 0, until, limit: 1000 })
  if (unchained.length > 0) {
    findings.add({ kind: 'unchained', severity: 'warning', detail: `${unchained.length}${unchained.length === 1000 ? ' or more' : ''} committed writes stand in no chain, the oldest from ${new Date(unchained[0]?.at ?? 0).toISOString()}.` })
  }
  const blind = 'Records were not read: whether they have the digests that the chain covers is verified for each organization by itself.'
  return reportOf(findings, reports, [blind, ...unseenOf(reports)])
}

const startWalker = async (stream: string, { jobs, keys }: VerifyDatabaseOptions, findings: Findings): Promise<StreamWalker> => {
  const walker = new StreamWalker(stream, keys, findings)
  // Who the stream is stands in its first frame; where that is past its retention, the chain key cannot be named.
  const first = (await selectFrames(jobs, stream, { after: -1, limit: 1 }))[0]
  const open = first?.control === null || first === undefined ? undefined : decodeItems(first.control)?.find(({ kind }) => kind === itemKind.open)
  if (open !== undefined) walker.introduceItem(open.bytes)
  for (const checkpoint of await selectCheckpoints(jobs, stream)) walker.expectCheckpoint(checkpoint)
  return walker
}

const expectSuccession = (walkers: ReadonlyMap<string, StreamWalker>): void => {
  for (const [stream, walker] of walkers) {
    const { predecessor } = walker
    if (predecessor === null) continue
    const before = walkers.get(predecessor.stream)
    if (before !== undefined) before.expect({ seq: predecessor.seq, hash: Buffer.from(predecessor.hash, 'hex'), by: `its successor ${stream}` })
    else walker.warn('removed', undefined, `Its predecessor ${predecessor.stream} is not in the database: not shipped yet, past its retention, or removed.`)
  }
}

const walkRows = async (stream: string, walker: StreamWalker, from: { readonly jobs: Database; readonly retainedFrom: number }): Promise<void> => {
  let first: number | undefined
  for (let after = -1, over = false; !over;) {
    // One snapshot: frames and their items are inserted in one transaction, and more of them while this looks.
    const page = await from.jobs.transaction(null, async (tx) => {
      const frames = await selectFrames(tx, stream, { after, limit: pageFrames })
      const last = frames.at(-1)?.seq ?? after
      const placed = frames.length === 0 ? [] : await selectPlaced(tx, stream, { from: after + 1, to: last })
      const outside = frames.length < pageFrames ? await countOutside(tx, stream, { first: first ?? frames[0]?.seq ?? 0, last }) : 0
      return { frames, placed, outside }
    }, { isolation: 'repeatable read', readOnly: true })
    const placed = Map.groupBy(page.placed, ({ seq }) => seq)
    for (const frame of page.frames) {
      walker.frame(frame, controlOf(frame, walker))
      compareItems(frame, placed.get(frame.seq) ?? [], { walker, mayBeGone: frame.at < from.retainedFrom })
      placed.delete(frame.seq)
      first ??= frame.seq
      after = frame.seq
    }
    for (const seq of placed.keys()) walker.error('foreign', seq, `Rows claim a place in frame ${seq}, which is not there.`)
    if (page.outside > 0 && from.retainedFrom === 0) walker.error('foreign', undefined, `${page.outside} rows claim places in frames that are not there.`)
    over = page.frames.length < pageFrames
  }
}

/** The stored control items, if they are the ones that the frame's units cover. */
const controlOf = (frame: FrameRow, walker: StreamWalker): readonly FrameItem[] => {
  const stored = frame.control === null ? [] : decodeItems(frame.control)
  const covered = unitsOf(frame).filter((unit) => unit.readUInt8(0) !== itemKind.record && !isLinkKind(unit.readUInt8(0)))
  if (stored !== undefined && stored.length === covered.length && stored.every((item, at) => covered[at]?.equals(unitOf(item)) === true)) return stored
  walker.error('edited', frame.seq, `The control items of frame ${frame.seq} are not those that its tag covers.`)
  return []
}

const unitsOf = (frame: FrameSkeleton): readonly Buffer[] =>
  Array.from({ length: Math.floor(frame.units.length / unitBytes) }, (_, at) => frame.units.subarray(at * unitBytes, (at + 1) * unitBytes))

const compareItems = (frame: FrameSkeleton, placed: readonly PlacedRow[], { walker, mayBeGone }: { readonly walker: StreamWalker; readonly mayBeGone: boolean }): void => {
  const units = unitsOf(frame)
  const rows = Map.groupBy(placed, ({ ordinal }) => ordinal)
  for (const [ordinal, unit] of units.entries()) {
    const kind = unit.readUInt8(0)
    const here = rows.get(ordinal) ?? []
    rows.delete(ordinal)
    if (kind !== itemKind.record && !isLinkKind(kind)) {
      if (here.length > 0) walker.error('foreign', frame.seq, `A row claims place ${ordinal} of frame ${frame.seq}, which is no event's.`)
      continue
    }
    if (here.length === 0 && !mayBeGone) walker.error('removed', frame.seq, `The event at place ${ordinal} of frame ${frame.seq} is not in the table.`)
    if (here.length > 1) walker.error('foreign', frame.seq, `${here.length} rows claim place ${ordinal} of frame ${frame.seq}.`)
    for (const row of here) compareItem(row, unit, { walker, mayBeGone })
  }
  for (const ordinal of rows.keys()) walker.error('foreign', frame.seq, `A row claims place ${ordinal} of frame ${frame.seq}, which has ${units.length} items.`)
}

const compareItem = (row: PlacedRow, unit: Buffer, { walker, mayBeGone }: { readonly walker: StreamWalker; readonly mayBeGone: boolean }): void => {
  const where = `Event ${row.id} (place ${row.ordinal} of frame ${row.seq})`
  if (row.digest === null || row.digest.length !== 32) {
    if (!mayBeGone) walker.error('removed', row.seq, `${where} is linked but not in the table.`)
    return
  }
  const kind = unit.readUInt8(0)
  const expected = kind === itemKind.record ? row.digest : sha256(encodeLink({ orgId: row.org_id, at: row.at.getTime(), id: row.id, digest: row.digest }))
  const isOwnKind = kind === itemKind.record ? row.adopted === null : row.adopted === (kind === itemKind.adopted)
  if (!isOwnKind || !expected.equals(unit.subarray(1))) walker.error('edited', row.seq, `${where} is not the one that the chain covers.`)
}

export interface VerifyRecordsOptions {
  /** As the app role; row-level security confines it to the organization. */
  readonly database: Database
  readonly orgId: string
  readonly from: number
  readonly to: number
}

export interface RecordsReport {
  readonly records: number
  readonly findings: Findings['list']
}

const noId = '00000000-0000-0000-0000-000000000000'
const pageRecords = 1000

/** Whether every record of one organization has its digest, and its columns say what it says. */
export const verifyRecords = async (options: VerifyRecordsOptions): Promise<RecordsReport> => {
  const findings = new Findings()
  let records = 0
  for (let after = { at: options.from - 1, id: noId }; ;) {
    const page = await options.database.transaction(options.orgId, async (tx) =>
      await selectRecords(tx, { afterAt: after.at, afterId: after.id, to: options.to, limit: pageRecords }), { readOnly: true })
    for (const row of page) {
      records += 1
      if (isFaithful(row, options.orgId)) continue
      findings.add({ kind: 'edited', severity: 'error', detail: `Event ${row.id} of ${row.at.toISOString()} does not have its digest, or its columns say something else than its record.` })
    }
    const last = page.at(-1)
    if (last === undefined || page.length < pageRecords) return { records, findings: findings.list }
    after = { at: last.at.getTime(), id: last.id }
  }
}

const isFaithful = (row: RecordRow, orgId: string): boolean => {
  const event = parseRecord(row.record)
  if (event === undefined || !sha256(row.record).equals(row.digest)) return false
  const fields = searchFields(event)
  const columns = {
    eventType: row.event_type, action: row.action, decision: row.decision, principal: row.principal, project: row.project, environment: row.environment,
    path: row.path, requestId: row.request_id,
  }
  return event.id === row.id && event.orgId === orgId && event.at === row.at.getTime() && Object.entries(columns).every(([name, value]) => fields[name] === value)
}
