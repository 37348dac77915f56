// A database for the audit tests, with the tables of the chain even where the migrations do not have them yet.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testDatabase, type TestDatabase, type TestScope } from '../../../kernel/testing/database.ts'

export const auditDatabase = async (scope: TestScope): Promise<TestDatabase> => {
  const database = await testDatabase(scope)
  const { rows } = await database.superuser.query<{ present: boolean }>(`select to_regclass('coffer.audit_frames') is not null as present`)
  if (rows[0]?.present !== true) {
    const sql = await readFile(join(import.meta.dirname, 'audit-frames.sql'), 'utf8')
    await database.superuser.transaction(null, async (tx) => await tx.query(sql))
  }
  return database
}
