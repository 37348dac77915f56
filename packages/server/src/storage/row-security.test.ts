// Walks the migrated schema itself, so that a table added later is held to the same rules without being named here.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { testDatabase } from '../kernel/testing/database.ts'
import { sqlstateOf } from '../kernel/storage.ts'

/** Tables with an org_id that hold nothing of a tenant's: what they are instead. */
const platformTables = new Map([
  ['organizations', 'the list of organizations itself, read before any is known'],
  ['changes', 'the feed that empties caches: ids only, read across organizations by every node'],
])

const here = '01890000-0000-7000-8000-00000000000a'
const there = '01890000-0000-7000-8000-00000000000b'

interface Table {
  readonly name: string
  readonly partition: boolean
  readonly owner: string
  readonly enabled: boolean
  readonly forced: boolean
  readonly policies: readonly string[]
  readonly firstOfKey: string | null
}

const database = await testDatabase({ after })
const { rows: tables } = await database.superuser.query<Table>(`
  select c.relname::text as name, c.relispartition as partition, pg_get_userbyid(c.relowner)::text as owner,
    c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
    array(select pg_get_expr(polqual, polrelid) from pg_policy where polrelid = c.oid and polcmd = '*' and polroles = '{0}') as policies,
    (select a.attname::text from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0] where i.indrelid = c.oid and i.indisprimary) as "firstOfKey"
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id' and not a.attisdropped
  where c.relkind in ('r', 'p') and c.relnamespace = 'coffer'::regnamespace order by 1`)
const tenantTables = tables.filter(({ name }) => !platformTables.has(name))

/** One row of each organization in every table, made from column types alone; what a value means is beside the point. */
const fill = async (): Promise<void> => {
  await database.superuser.query(`
    do $$ declare c record; begin
      for c in select conrelid::regclass as t, conname from pg_constraint
        where connamespace = 'coffer'::regnamespace and contype in ('c', 'f') and conparentid = 0 and coninhcount = 0
      loop execute format('alter table %s drop constraint %I', c.t, c.conname); end loop;
    end $$`)
  for (const { name } of tenantTables.filter(({ partition }) => !partition)) {
    const { rows: columns } = await database.superuser.query<{ name: string; type: string }>(
      `select attname::text as name, format_type(atttypid, null) as type from pg_attribute
       where attrelid = format('coffer.%I', $1::text)::regclass and attnum > 0 and attnotnull and not atthasdef and attname <> 'org_id'`,
      [name],
    )
    const samples: Record<string, string> = {
      uuid: 'gen_random_uuid()', text: `'x'`, bytea: `'\\x00'`, integer: '1', bigint: '1', boolean: 'false', jsonb: `'{}'`, 'text[]': `'{}'`, 'timestamp with time zone': 'now()',
    }
    const values = columns.map(({ name: column, type }) => samples[type] ?? assert.fail(`a sample for ${name}.${column} of type ${type} is needed`))
    for (const org of [here, there]) {
      await database.superuser.query(`insert into ${name} (org_id, ${columns.map((column) => column.name).join(', ')}) values ('${org}', ${values.join(', ')})`)
    }
  }
}
await fill()

test('there are tenant tables and partitions of them, and every exception exists', () => {
  assert.ok(tenantTables.length > 10)
  assert.ok(tenantTables.some(({ partition }) => partition))
  for (const name of platformTables.keys()) assert.ok(tables.some((table) => table.name === name), name)
})

test('every tenant table forces row-level security by organization, leads its key with it, and is nobody’s who logs in', () => {
  for (const table of tenantTables) {
    assert.deepEqual(
      { ...table, partition: undefined },
      { name: table.name, partition: undefined, owner: 'coffer_owner', enabled: true, forced: true, policies: ['(org_id = current_org())'], firstOfKey: 'org_id' },
    )
  }
})

test('every object of the schema belongs to the owner role, which cannot log in', async () => {
  const { rows } = await database.superuser.query(`
    select relname::text as name from pg_class where relnamespace = 'coffer'::regnamespace and relowner <> 'coffer_owner'::regrole
    union all select proname::text from pg_proc where pronamespace = 'coffer'::regnamespace and proowner <> 'coffer_owner'::regrole
    union all select rolname::text from pg_roles where rolname like 'coffer%' and (rolsuper or rolbypassrls or rolcreaterole or (rolname = 'coffer_owner' and rolcanlogin))`)
  assert.deepEqual(rows, [])
})

test('functions that act as the owner fix their search path and are not for everybody', async () => {
  const { rows } = await database.superuser.query(`
    select proname::text as name from pg_proc where pronamespace = 'coffer'::regnamespace and prosecdef
      and (proconfig is null or not exists (select from unnest(proconfig) as setting where setting like 'search_path=%') or has_function_privilege('public', oid, 'execute'))`)
  assert.deepEqual(rows, [])
})

/** As a role, through the policies alone: which organizations' rows are seen. Undefined: the role may not look at all. */
const seen = async (role: string, table: string, org: string | null): Promise<readonly string[] | undefined> => {
  try {
    return await database.superuser.transaction(org, async (transaction) => {
      await transaction.query(`set local role ${role}`)
      const { rows } = await transaction.query<{ org: string }>(`select distinct org_id::text as org from ${table} order by 1`)
      return rows.map((row) => row.org)
    })
  } catch (error) {
    assert.equal(sqlstateOf(error), '42501')
    return undefined
  }
}

test('without an organization nothing is seen, with one only its own, by the app and by the owner', async () => {
  for (const { name, partition } of tenantTables) {
    for (const role of ['coffer_app', 'coffer_owner', 'coffer_migrator']) {
      const [none, own] = [await seen(role, name, null), await seen(role, name, here)]
      if (role === 'coffer_app' && partition) assert.deepEqual([none, own], [undefined, undefined], `${name} by ${role}`)
      else if (partition) assert.deepEqual([none, own?.filter((org) => org !== here)], [[], []], `${name} by ${role}`)
      else assert.deepEqual([none, own], [[], [here]], `${name} by ${role}`)
    }
  }
})

test('a row can neither be moved to another organization nor made in it', async () => {
  for (const { name } of tenantTables.filter(({ partition }) => !partition)) {
    const move = database.superuser.transaction(here, async (transaction) => {
      await transaction.query('set local role coffer_owner')
      return transaction.query(`update ${name} set org_id = '${there}'`)
    })
    await assert.rejects(move, (error) => sqlstateOf(error) === '42501', name)
    const { count } = await database.superuser.transaction(null, async (transaction) => {
      await transaction.query('set local role coffer_owner')
      return transaction.query(`delete from ${name}`)
    })
    assert.equal(count, 0, name)
  }
})

test('what jobs see across organizations are only columns that were granted by name', async () => {
  const { rows } = await database.superuser.query(`
    select c.relname::text as name from pg_class c where c.relnamespace = 'coffer'::regnamespace and c.relkind in ('r', 'p')
      and c.relname = any($1) and has_table_privilege('coffer_jobs', c.oid, 'select')`, [tenantTables.map(({ name }) => name)])
  assert.deepEqual(rows, [])
})

test('the audit writer adds a record once and can neither read, change nor remove one', async () => {
  const record = `insert into audit_events (org_id, at, id, record, digest, stream, seq, event_type, action, decision, request_id)
    values ('${here}', now(), '${there}', '{}', '\\x00', '${there}', 1, 'SECRET_READ', 'secret.read', 'allow', 'r') on conflict do nothing`
  assert.equal((await database.audit.query(record)).count, 1)
  for (const text of ['select from audit_events', `update audit_events set record = ''`, 'delete from audit_events', 'truncate audit_events', 'select from secrets', 'select from tokens']) {
    await assert.rejects(database.audit.query(text), (error) => sqlstateOf(error) === '42501', text)
  }
})
