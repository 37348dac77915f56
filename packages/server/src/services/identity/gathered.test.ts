// Look-ups that come together: one statement, and each is answered and judged by itself.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { testPlatform } from '../../compose/testing/platform.ts'
import { makeUuidV7, randomBytes } from '../../crypto/random.ts'
import { gatheredGrants, gatheredLookups, lookup, principalGrants } from './token-repository.ts'
import { lookupKey } from './tokens.ts'

const { as, database, keyring, rootOrgId } = await testPlatform({ after })
const keys = await keyring.organization(rootOrgId)
const versions = keys.purposeVersions('rows')
const holders = [await as({ name: 'a', role: 'reader', policies: ['p'] }), await as({ name: 'b' }), await as({ name: 'c', kind: 'user', role: 'auditor' })]
const lookups = holders.map(({ token }) => lookupKey(keys.purpose('tokens'), token))
const alone = await Promise.all(lookups.map((key) => lookup(database.app, rootOrgId, key, versions)))
const principals = alone.map((found) => found?.principal?.principalId ?? '')

const counted = async <T>(work: () => Promise<T>): Promise<readonly [T, number]> => {
  const before = database.app.counters.statements
  return [await work(), database.app.counters.statements - before]
}

test('tokens that are looked up at once are one statement, and each is what it is alone', async () => {
  const find = gatheredLookups(database.app)
  const nobody = randomBytes(32)
  const [found, statements] = await counted(() => Promise.all([...lookups, nobody, ...lookups].map((key) => find(rootOrgId, key, versions))))
  assert.deepEqual(found, [...alone, undefined, ...alone])
  assert.equal(statements, 1)
})

test('so are principals with what they are granted', async () => {
  const find = gatheredGrants(database.app)
  const [found, statements] = await counted(() => Promise.all([...principals, makeUuidV7(), principals[0] ?? ''].map((id) => find(rootOrgId, id, versions))))
  const each = await Promise.all(principals.map((id) => principalGrants(database.app, rootOrgId, id, versions)))
  assert.deepEqual(found, [...each, undefined, each[0]])
  assert.ok(each.every((grants) => grants !== undefined))
  assert.equal(statements, 1)
})

test('those of another organization are not among them', async () => {
  const other = makeUuidV7()
  assert.equal(await gatheredLookups(database.app)(other, lookups[0] ?? randomBytes(32), versions), undefined)
  assert.equal(await gatheredGrants(database.app)(other, principals[0] ?? '', versions), undefined)
})

test('a row that was altered fails whoever asked for it, and nobody else', async () => {
  await database.superuser.query("update coffer.tokens set display_name = 'altered' where org_id = $1 and lookup = $2", [rootOrgId, lookups[0]])
  await database.superuser.query("update coffer.principals set policies = array['root'] where org_id = $1 and principal_id = $2", [rootOrgId, principals[1]])
  const find = gatheredLookups(database.app)
  const grants = gatheredGrants(database.app)
  const outcomes = await Promise.allSettled([...lookups.map((key) => find(rootOrgId, key, versions)), ...principals.map((id) => grants(rootOrgId, id, versions))])
  assert.deepEqual(outcomes.map(({ status }) => status), ['rejected', 'rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
})
