// The whole migrated schema as text, so that a review sees what a migration changes.
// To write it anew: COFFER_UPDATE_SNAPSHOTS=1 node --test packages/server/src/storage/schema-snapshot.test.ts

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { testDatabase } from '../kernel/testing/database.ts'
import type { Queryable } from '../kernel/storage.ts'

const file = new URL('./schema.snapshot.txt', import.meta.url)

/** Partitions by month depend on today; each is like its parent. */
const lasting = `c.relnamespace = 'coffer'::regnamespace and c.relname !~ '_[0-9]{4}_[0-9]{2}(_|$)'`

const sections: readonly { title: string; sql: string }[] = [
  {
    title: 'columns',
    sql: `select format('%s.%s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attcollation <> 0 and a.attcollation <> t.typcollation then ' collate ' || (select collname from pg_collation where oid = a.attcollation) else '' end,
        case when a.attnotnull then ' not null' else '' end, coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) as line
      from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped join pg_type t on t.oid = a.atttypid
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where ${lasting} and c.relkind in ('r', 'p') and not c.relispartition order by c.relname collate "C", a.attnum`,
  },
  {
    title: 'constraints',
    sql: `select format('%s: %s %s', c.relname, k.conname, pg_get_constraintdef(k.oid)) as line from pg_constraint k join pg_class c on c.oid = k.conrelid
      where ${lasting} and k.contype <> 'n' and k.conparentid = 0 order by 1`,
  },
  { title: 'indexes', sql: `select pg_get_indexdef(c.oid) as line from pg_class c where ${lasting} and c.relkind in ('i', 'I') and not c.relispartition order by 1` },
  {
    title: 'row security',
    sql: `select format('%s: %s%s owner %s', c.relname, case when c.relrowsecurity then 'enabled' else 'off' end, case when c.relforcerowsecurity then ', forced' else '' end, pg_get_userbyid(c.relowner)) as line
      from pg_class c where ${lasting} and c.relkind in ('r', 'p') order by 1`,
  },
  {
    title: 'policies',
    sql: `select format('%s: %s for %s to %s using %s check %s', c.relname, p.polname, p.polcmd,
        coalesce((select string_agg(rolname, ', ' order by rolname) from pg_roles where oid = any(p.polroles)), 'public'),
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as line
      from pg_policy p join pg_class c on c.oid = p.polrelid where ${lasting} order by 1`,
  },
  {
    title: 'privileges',
    sql: `select distinct format('%s: %s %s', c.relname, g.grantee::regrole, string_agg(lower(g.privilege_type), ', ' order by g.privilege_type)) as line
      from pg_class c, aclexplode(c.relacl) g where ${lasting} and c.relkind in ('r', 'p', 'S', 'v') and g.grantee <> c.relowner group by c.relname, g.grantee
      union all select format('%s: %s select or change of columns %s', c.relname, g.grantee::regrole, string_agg(a.attname || ' ' || lower(g.privilege_type), ', ' order by a.attnum, g.privilege_type))
      from pg_class c join pg_attribute a on a.attrelid = c.oid, aclexplode(a.attacl) g where ${lasting} group by c.relname, g.grantee order by 1`,
  },
  {
    title: 'functions',
    sql: `select pg_get_functiondef(p.oid) || coalesce((select '-- ' || string_agg(coalesce(nullif(g.grantee, 0)::regrole::text, 'public'), ', ' order by 1) from aclexplode(p.proacl) g), '-- default privileges') as line
      from pg_proc p where p.pronamespace = 'coffer'::regnamespace order by p.proname collate "C", pg_get_function_identity_arguments(p.oid)`,
  },
]

const describeSchema = async (database: Queryable): Promise<string> => {
  const parts: string[] = []
  for (const { title, sql } of sections) {
    const { rows } = await database.query<{ line: string }>(sql)
    parts.push(`== ${title}\n${rows.map(({ line }) => line).join('\n')}\n`)
  }
  return parts.join('\n')
}

test('the schema is the one in schema.snapshot.txt', async (t) => {
  const { superuser } = await testDatabase(t)
  const schema = await describeSchema(superuser)
  if (process.env['COFFER_UPDATE_SNAPSHOTS'] === '1') await writeFile(file, schema)
  assert.equal(schema, await readFile(file, 'utf8'), 'if the change is meant, write the snapshot anew (see the top of this file)')
})
