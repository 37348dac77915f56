// When an organization wants its KEK rotated: after so many encryptions, or at an age. It can only make rotation earlier
// than the built-in limit, which NIST SP 800-38D (8.3) sets and nobody switches off.

import type { Queryable, Transaction } from '../kernel/storage.ts'
import { defaultLimits } from './allowance.ts'

export interface RotationRule {
  readonly maxOperations: number
  /** 0: whatever its age. */
  readonly intervalSeconds: number
  readonly enabled: boolean
}

export const rotationDefaults: RotationRule = Object.freeze({ maxOperations: defaultLimits.rotateAfter, intervalSeconds: 0, enabled: true })

interface RuleRow {
  readonly max: string
  readonly interval: string
  readonly enabled: boolean
}

export const readRotationRule = async (tx: Queryable, orgId: string): Promise<RotationRule | undefined> => {
  const { rows } = await tx.query<RuleRow>('select max_operations::text as max, interval_seconds::text as interval, enabled from coffer.key_rotation where org_id = $1', [orgId])
  const [row] = rows
  return row === undefined ? undefined : { maxOperations: Number(row.max), intervalSeconds: Number(row.interval), enabled: row.enabled }
}

export const writeRotationRule = async (tx: Transaction, orgId: string, { maxOperations, intervalSeconds, enabled }: RotationRule): Promise<void> => {
  await tx.query(
    `insert into coffer.key_rotation (org_id, max_operations, interval_seconds, enabled) values ($1, $2, $3, $4)
     on conflict (org_id) do update set max_operations = excluded.max_operations, interval_seconds = excluded.interval_seconds, enabled = excluded.enabled`,
    [orgId, maxOperations, intervalSeconds, enabled])
}

/** Encryptions after which the organization's KEK is rotated: its own rule's or the built-in ones, whichever come first. */
export const rotateAfter = async (tx: Queryable, orgId: string, builtIn: number): Promise<number> => {
  const rule = await readRotationRule(tx, orgId)
  return rule?.enabled === true ? Math.min(rule.maxOperations, builtIn) : builtIn
}

/** Whether the KEK has reached the age that the organization set. Holds its row, so that of two who ask one is told yes. */
export const isAged = async (tx: Transaction, orgId: string): Promise<boolean> => {
  const { rows } = await tx.query(
    `select 1 from coffer.keks k join coffer.key_rotation r on r.org_id = k.org_id
     where k.org_id = $1 and k.state = 'active' and r.enabled and r.interval_seconds > 0 and k.created_at <= now() - make_interval(secs => r.interval_seconds) for update of k`,
    [orgId])
  return rows.length > 0
}

/** Organizations whose KEK has reached the age that they set. Ids only: all that the jobs role sees. */
export const dueForRotation = async (database: Queryable, limit: number): Promise<readonly string[]> => {
  const { rows } = await database.query<{ readonly org_id: string }>(
    `select r.org_id from coffer.key_rotation r join coffer.keks k on k.org_id = r.org_id and k.state = 'active'
     where r.enabled and r.interval_seconds > 0 and k.created_at <= now() - make_interval(secs => r.interval_seconds) limit $1`,
    [limit])
  return rows.map((row) => row.org_id)
}
