// A row with a good MAC is still a lie when it answers another question. Here the database's own functions are rewritten by
// somebody with all rights in it, so that they answer with rows that are whole but were not asked for.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { secrets } from '../../compose/testing/contracts.ts'
import { testPlatform } from '../../compose/testing/platform.ts'
import type { TestScope } from '../../kernel/testing/database.ts'

const platform = await testPlatform({ after })
const { root, database } = platform
const dev = { environment: 'dev' }

await root(secrets.put, { key: 'low', ...dev, value: 'of little worth' })
await root(secrets.put, { key: 'high', ...dev, value: 'old' })
await root(secrets.put, { key: 'high', ...dev, value: 'new' })
await root(secrets.put, { key: 'high', environment: 'prod', value: 'of great worth' })

/** Replaces text in a function's definition until the test ends. */
const rewrite = async (scope: TestScope, name: string, from: string, to: string): Promise<void> => {
  const { rows } = await database.superuser.query<{ definition: string }>(`select pg_get_functiondef(oid) as definition from pg_proc where pronamespace = 'coffer'::regnamespace and proname = $1`, [name])
  const definition = rows[0]?.definition ?? ''
  assert.ok(definition.includes(from), `${name} has no ${from}`)
  await database.superuser.query(definition.replaceAll(from, to))
  scope.after(async () => void (await database.superuser.query(definition)))
}

const refused = { kind: 'internal', code: 'secret.integrity' }

test('another secret is not taken for the one that was asked for', async (t) => {
  await rewrite(t, 'secret_lookup', 's.path = p_path', "s.path = 'high'")
  await assert.rejects(root(secrets.get, { key: 'low', ...dev, reveal: true, alias: 'current' }), refused)
})

test('the same path of another environment is not taken for this one', async (t) => {
  await rewrite(t, 'secret_lookup', 's.environment = p_environment', "s.environment = 'prod'")
  await assert.rejects(root(secrets.get, { key: 'high', ...dev, reveal: true }), refused)
})

test('another version is not taken for the one that the alias names', async (t) => {
  await rewrite(t, 'secret_lookup', "when p_selector ~ '^[0-9]{1,18}$' then p_selector::bigint", 'when true then 1')
  await assert.rejects(root(secrets.get, { key: 'high', ...dev, reveal: true, alias: 'previous', version: undefined }).then(() => root(secrets.get, { key: 'high', ...dev, reveal: true, version: '2' })), refused)
})

test('a batch holds only what is below the folder', async (t) => {
  await rewrite(t, 'secret_lookup_all', 's.environment = p_environment', "s.environment = 'prod'")
  await assert.rejects(root(secrets.inject, dev), refused)
})

test('another token\'s row does not log anybody in', async (t) => {
  await rewrite(t, 'token_lookup', 't.lookup = p_lookup', 't.is_root')
  const stranger = platform.withToken('any-text-at-all')
  await assert.rejects(stranger(secrets.get, { key: 'high', ...dev, reveal: true }), { kind: 'internal', code: 'row.integrity' })
})
