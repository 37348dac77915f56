// PostgreSQL's pg_snapshot in its text form `xmin:xmax:xip,...` (PostgreSQL manual, 9.28.12): every transaction below
// xmin had ended when it was taken, none at or above xmax had, and of those between only the listed ones had not.

export interface Snapshot {
  readonly text: string
  readonly xmin: bigint
  readonly xmax: bigint
  readonly inProgress: ReadonlySet<bigint>
}

const shape = /^(\d{1,20}):(\d{1,20}):((?:\d{1,20}(?:,\d{1,20})*)?)$/

export const parseSnapshot = (text: string): Snapshot => {
  const match = shape.exec(text)
  if (match === null) throw new TypeError('not a snapshot')
  const [, xmin = '', xmax = '', list = ''] = match
  return { text, xmin: BigInt(xmin), xmax: BigInt(xmax), inProgress: new Set(list === '' ? [] : list.split(',').map(BigInt)) }
}

/** The xid8 of a write as PostgreSQL printed it. */
export const parseXid = (text: string): bigint => {
  if (!/^\d{1,20}$/.test(text)) throw new TypeError('not a transaction id')
  return BigInt(text)
}

/** What pg_visible_in_snapshot answers: had this transaction ended when the snapshot was taken? */
export const isVisible = (xid: bigint, snapshot: Snapshot): boolean =>
  xid < snapshot.xmin || (xid < snapshot.xmax && !snapshot.inProgress.has(xid))
