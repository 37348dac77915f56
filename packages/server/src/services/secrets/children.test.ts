// The names of a folder, read in pieces or walked, are those that going through all paths would give.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { testDatabase } from '../../kernel/testing/database.ts'
import * as repository from './repository.ts'

const ID = '01890a5d-ac96-774b-bcce-b302099a8057'

const segment = fc.constantFrom('a', 'b', 'ab', 'a-', 'a0', 'A', 'ä', '\u{1f600}', '\u{10ffff}')
const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))
/** Folders of many, and many in one. */
const filling = fc.tuple(fc.constantFrom('', 'a/', 'b/', 'a/b/'), fc.constantFrom('n', 'f/'), fc.integer({ min: 0, max: 90 })).map(([prefix, kind, count]) => Array.from({ length: count }, (_, index) => `${prefix}${kind}${String(index).padStart(3, '0')}${kind === 'f/' && index % 3 === 0 ? '/deep' : ''}`))
const many = fc.tuple(fc.array(path, { maxLength: 30 }), fc.array(filling, { maxLength: 2 }), fc.boolean()).map(([some, more, spread]) => [...new Set([...some, ...more.flat().map((each, index) => (spread && index % 2 === 0 ? `${each}x/y` : each))])])

const bytewise = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

const naive = (paths: readonly string[], prefix: string, after: string, limit: number): readonly string[] => {
  const below = paths.filter((each) => each.startsWith(prefix) && each.length > prefix.length).map((each) => each.slice(prefix.length))
  const names = new Set(below.map((each) => (each.includes('/') ? each.slice(0, each.indexOf('/') + 1) : each)))
  return [...names].sort(bytewise).filter((name) => after === '' || bytewise(name, after) > 0).slice(0, limit)
}

test('names are the same, whatever lies there, and from wherever they go on', async (t) => {
  const { app, superuser } = await testDatabase(t)
  const address = { orgId: ID, mountId: ID, project: 'p', environment: 'dev' }
  const fill = async (paths: readonly string[]): Promise<void> => {
    await superuser.query('truncate coffer.secrets cascade')
    await superuser.transaction(null, async (tx) => {
      await tx.query('set local session_replication_role = replica')
      await tx.query(`insert into coffer.secrets (org_id, mount_id, environment, path, secret_id, type, revision, created_by, created_at, updated_at, deleted_at, mac)
        select $1::uuid, $1::uuid, e, p, gen_random_uuid(), 'text', 1, 'a', now(), now(), d, '' from unnest($2::text[]) p, (values ('dev', null), ('dev-', null), ('dez', now())) as each (e, d)`, [ID, paths])
      await tx.query(`update coffer.secrets set path = path || '-gone', environment = 'dev' where environment = 'dez'`)
    })
  }
  await fc.assert(fc.asyncProperty(many, fc.array(fc.record({ prefix: fc.constantFrom('', '', 'a/', 'b/', 'a/b/', 'ä/', '\u{10ffff}/', 'a/f/', 'f/'), at: fc.nat(), limit: fc.constantFrom(1, 2, 15, 16, 17, 60, 100, 1000) }), { minLength: 6, maxLength: 6 }), async (paths, questions) => {
    await fill(paths)
    for (const { prefix, at, limit } of questions) {
      const all = naive(paths, prefix, '', 10_000)
      const after = ['', ...all, 'a', 'zz'][at % (all.length + 3)] ?? ''
      assert.deepEqual(await repository.children(app, { ...address, path: prefix }, { after, limit }), naive(paths, prefix, after, limit), JSON.stringify({ prefix, after, limit }))
    }
  }), { numRuns: 60 })
})
