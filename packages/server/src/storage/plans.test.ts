// The plans of hot statements in a database that is new: they stay with their connections while the tables grow.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dueSql } from '../compose/rewrap.ts'
import type { Queryable } from '../kernel/storage.ts'
import { testDatabase } from '../kernel/testing/database.ts'

const ID = '01890a5d-ac96-774b-bcce-b302099a8057'

const statements: readonly { readonly what: string; readonly sql: string; readonly keys: readonly string[] }[] = [
  { what: 'a principal by its id, as foreign keys ask for it', sql: `select 1 from coffer.principals where org_id = '${ID}' and principal_id = '${ID}' for key share`, keys: ['org_id', 'principal_id'] },
  { what: 'an alias by its name', sql: `select 1 from coffer.principal_aliases where org_id = '${ID}' and mount_id = '${ID}' and name = 'a'`, keys: ['org_id', 'mount_id', 'name'] },
  { what: 'a secret by its id', sql: `select 1 from coffer.secrets where org_id = '${ID}' and secret_id = '${ID}' for update`, keys: ['org_id', 'secret_id'] },
  { what: 'a secret by its path', sql: `select 1 from coffer.secrets where org_id = '${ID}' and mount_id = '${ID}' and environment = 'dev' and path = 'a'`, keys: ['org_id', 'mount_id', 'environment', 'path'] },
  { what: 'a version', sql: `select 1 from coffer.secret_versions where org_id = '${ID}' and secret_id = '${ID}' and version = 1`, keys: ['org_id', 'secret_id', 'version'] },
  { what: 'a token by what it is found by', sql: `select 1 from coffer.tokens where org_id = '${ID}' and lookup = '\\x00'`, keys: ['lookup'] },
]

test('in a new database, too, rows are found by their whole key', async (t) => {
  const { superuser } = await testDatabase(t)
  const { rows: [version] } = await superuser.query<{ number: number }>("select current_setting('server_version_num')::integer as number")
  if ((version?.number ?? 0) < 180000) return t.skip('statistics cannot be given before PostgreSQL 18')
  for (const { what, sql, keys } of statements) {
    const { rows } = await superuser.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${sql}`)
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    const condition = /Index Cond: (.*)/.exec(plan)?.[1] ?? ''
    for (const key of keys) assert.ok(condition.includes(key), `${what}: ${plan}`)
  }
  return undefined
})

test('whether versions still name a retired key is known without looking at those that do not', async (t) => {
  const { superuser } = await testDatabase(t)
  await superuser.query(`do $$ begin
    set local session_replication_role = replica;
    insert into coffer.keks (org_id, kek_id, version, wrapped, state) select '${ID}', '${ID}', n, '\\x00', case n when 3 then 'active' else 'retired' end from generate_series(1, 3) n;
    insert into coffer.secret_versions (org_id, secret_id, version, type, ciphertext, wrapped_dek, kek_id, kek_version, state, fingerprint, created_by, created_at, row_version, mac)
      select '${ID}', gen_random_uuid(), 1, 'text', '\\x00', '\\x00', '${ID}', 3, 'ACTIVE', '', 'a', now(), 1, '\\x00' from generate_series(1, 20000) n;
  end $$`)
  await superuser.query('analyze coffer.secret_versions')
  const { rows } = await superuser.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers, costs off, timing off, summary off) ${dueSql}`)
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
  assert.ok(Number(/shared hit=(\d+)/.exec(plan)?.[1]) < 20, plan)
})

/** Folders of twenty secrets, each with a current version. */
const folders = (db: Queryable, from: number, to: number): Promise<unknown> => db.query(`do $$ begin
  -- Foreign keys are of no interest here.
  set local session_replication_role = replica;
  insert into coffer.secrets (org_id, mount_id, environment, path, secret_id, type, revision, created_by, created_at, updated_at, mac)
    select '${ID}', '${ID}', 'dev', 'f' || to_char(n / 20, 'fm000') || '/S' || n % 20, gen_random_uuid(), 'kv', 1, 'a', now(), now(), '\\x00' from generate_series(${from * 20}, ${to * 20 - 1}) n;
  insert into coffer.secret_aliases (org_id, secret_id, alias, version, updated_at, row_version, mac)
    select org_id, secret_id, alias, 1, now(), 1, mac from coffer.secrets, (values ('current'), ('previous')) as each (alias) where path >= 'f${String(from).padStart(3, '0')}';
end $$`)

/** Blocks that a statement touches when the catalogue is known. */
const blocksOf = async (db: Queryable, sql: string): Promise<number> => {
  let hit = ''
  for (let run = 0; run < 2; run++) {
    const { rows } = await db.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers, costs off, timing off, summary off) ${sql}`)
    hit = /shared hit=(\d+)/.exec(rows.map((row) => row['QUERY PLAN']).join('\n'))?.[1] ?? ''
  }
  return Number(hit)
}

test('the names of a folder cost what its own children cost, however much lies before it', async (t) => {
  const { superuser } = await testDatabase(t)
  await folders(superuser, 0, 500)
  await superuser.query('analyze coffer.secrets')
  const names = (folder: string, limit: number): string => `select json_array_elements_text(names::json) from coffer.secret_children('${ID}', '${ID}', 'dev', '${folder}', '', ${limit})`
  assert.equal((await superuser.query(names('f000/', 100))).rows.length, 20)
  const [first, last] = [await blocksOf(superuser, names('f000/', 100)), await blocksOf(superuser, names('f499/', 100))]
  assert.ok(last < 2 * first && first < 40, `${last} blocks for the last folder, ${first} for the first`)
  assert.equal((await superuser.query(names('', 1000))).rows.length, 500)
  // A folder in the list of its folder is one step, however much is in it.
  const all = await blocksOf(superuser, names('', 100))
  assert.ok(all < 5 * 100, `${all} blocks for a hundred folders`)
})

test('a list costs what is in its folder, however much there is beside it', async (t) => {
  const { superuser } = await testDatabase(t)
  const list = (folder: string): string => `select * from coffer.secret_list('${ID}', '${ID}', 'dev', '${folder}', '', 101, false)`
  await folders(superuser, 0, 10)
  await superuser.query('analyze coffer.secrets, coffer.secret_aliases')
  const few = await blocksOf(superuser, list('f005/'))
  await folders(superuser, 10, 500)
  const many = await blocksOf(superuser, list('f250/'))
  // Twenty rows, and an index step or two for each alias.
  assert.ok(many < few + 100, `${many} blocks among ten thousand secrets, ${few} among two hundred`)
})

test('a gathered write costs what its own secret costs, however many there are beside it', async (t) => {
  const { superuser } = await testDatabase(t)
  const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
  const fill = (from: number, to: number): Promise<unknown> => superuser.query(`do $$ begin
    set local session_replication_role = replica;
    insert into coffer.secrets (org_id, mount_id, environment, path, secret_id, type, last_version, revision, created_by, created_at, updated_at, mac)
      select '${ID}', '${ID}', 'dev', 's' || n, ('00000000-0000-4000-8000-' || to_char(n, 'fm000000000000'))::uuid, 'text', 1, 1, 'a', now(), now(), '\\x00' from generate_series(${from}, ${to}) n;
    insert into coffer.secret_versions (org_id, secret_id, version, type, kek_id, kek_version, state, fingerprint, created_by, created_at, row_version, mac)
      select org_id, secret_id, 1, 'text', '${ID}', 1, 'ACTIVE', 'f', 'a', now(), 1, '\\x00' from coffer.secrets where path >= 's' and substr(path, 2)::int between ${from} and ${to};
    insert into coffer.secret_aliases (org_id, secret_id, alias, version, updated_at, row_version, mac)
      select org_id, secret_id, 'current', 1, now(), 1, '\\x00' from coffer.secrets where path >= 's' and substr(path, 2)::int between ${from} and ${to};
  end $$`)
  const blocks = async (sql: string): Promise<number> => {
    const { rows } = await superuser.query<{ 'QUERY PLAN': string }>(`explain (analyze, buffers, costs off, timing off, summary off) ${sql}`)
    return Number(/shared hit=(\d+)/.exec(rows.map((row) => row['QUERY PLAN']).join('\n'))?.[1])
  }
  // What is believed is wrong, so it is found out and nothing is written: the look at the rows is what is measured.
  const item = (n: number): object => ({ id: id(n), rev: 1, was: 'x', mount: ID, env: 'dev', path: `s${n}`, type: 'text', version: 2, previous: 1, start: 1, wrapped: 0, sealed: 0, at: '2026-01-01' })
  const apply = (n: number): Promise<number> => blocks(`select * from coffer.secret_apply_many('${ID}', '${JSON.stringify([item(n)])}', '\\x00')`)
  const look = (n: number): Promise<number> => blocks(`select * from coffer.secret_lookup_many('${ID}', array['${ID}'::uuid], array['dev'], array['s${n}'])`)
  const range = (n: number): Promise<number> => blocks(`select * from coffer.secret_versions_between('${ID}', array['${id(n)}'::uuid], array[0], array[1])`)
  await fill(1, 20)
  await superuser.query('analyze')
  const asked = { apply, look, range }
  const few = new Map<string, number>()
  for (const [name, ask] of Object.entries(asked)) {
    // The first call reads the catalogue, too.
    await ask(3)
    few.set(name, await ask(3))
  }
  await fill(21, 20_000)
  await superuser.query(`insert into coffer.secret_versions (org_id, secret_id, version, type, kek_id, kek_version, state, fingerprint, created_by, created_at, row_version, mac)
    select org_id, secret_id, n, 'text', kek_id, 1, 'ACTIVE', 'f', 'a', now(), 1, mac from coffer.secret_versions cross join generate_series(2, 5000) n where secret_id = '${id(19_999)}'`)
  for (const [name, ask] of Object.entries(asked)) {
    const [before, after] = [few.get(name) ?? 0, await ask(19_999)]
    assert.ok(after < before + 20, `${name}: ${after} blocks among twenty thousand secrets, of a secret with five thousand versions; ${before} among twenty`)
  }
})
