// Somebody with write access to the database: changes one column of the rows that match, past every constraint, and puts
// it back after the test.

import type { TestDatabase, TestScope } from '../../kernel/testing/database.ts'

export interface Tampering {
  readonly table: string
  /** Our own SQL. */
  readonly where: string
  readonly column: string
  /** As text, cast to the column's type; null for none. */
  readonly value: string | null
}

export const tamper = async (scope: TestScope, database: TestDatabase, { table, where, column, value }: Tampering): Promise<void> => {
  const set = (tx: { query: TestDatabase['superuser']['query'] }, at: string, text: string | null, type: string) => tx.query(`update coffer.${table} set ${column} = $1::text::${type} where ctid = $2::tid`, [text, at])
  const done = await database.superuser.transaction(null, async (tx) => {
    await tx.query('set local session_replication_role = replica')
    const { rows } = await tx.query<{ at: string; old: string | null; type: string }>(`select ctid::text as at, ${column}::text as old, pg_typeof(${column})::text as type from coffer.${table} where ${where}`)
    const [row] = rows
    if (row === undefined || rows.length > 1) throw new Error(`${table} where ${where} means ${rows.length} rows`)
    await set(tx, row.at, value, row.type)
    const moved = await tx.query<{ at: string }>(`select ctid::text as at from coffer.${table} where ${column} is not distinct from $1::text::${row.type} and xmin::text = pg_current_xact_id()::xid::text`, [value])
    return { ...row, at: moved.rows[0]?.at ?? '' }
  })
  scope.after(async () => {
    await database.superuser.transaction(null, async (tx) => {
      await tx.query('set local session_replication_role = replica')
      const { count } = await set(tx, done.at, done.old, done.type)
      if (count !== 1) throw new Error(`${table}.${column} could not be put back`)
    })
  })
}
