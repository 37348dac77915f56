import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { silentLogger } from '../telemetry/logger.ts'
import { keys, secrets } from './testing/contracts.ts'
import { testPlatform } from './testing/platform.ts'
import { rotationDefaults, writeRotationRule } from '../keyring/rotation-rule.ts'
import { makeRewrap } from './rewrap.ts'

const { root, rootOrgId, database, keyring, pools } = await testPlatform({ after })
const dev = { environment: 'dev' }

test('after a rotation a turn in the background brings every data key under the new KEK, and values stay readable', async () => {
  for (let i = 0; i < 7; i++) await root(secrets.put, { key: `s${i}`, ...dev, value: `value ${i}` })
  const { kekVersion } = await root(keys.rotate, {})
  const under = async (): Promise<readonly number[]> => (await database.superuser.query<{ v: number }>('select kek_version as v from coffer.secret_versions')).rows.map(({ v }) => v)
  assert.ok((await under()).every((version) => version < kekVersion))
  const turn = makeRewrap({ keyring, pools, logger: silentLogger })
  await turn()
  assert.ok((await under()).every((version) => version === kekVersion))
  await turn()
  for (let i = 0; i < 7; i++) assert.equal((await root(secrets.get, { key: `s${i}`, ...dev, reveal: true })).value, `value ${i}`)
})

test('two servers that try at once do the work once', async () => {
  await root(keys.rotate, {})
  const turn = makeRewrap({ keyring, pools, logger: silentLogger })
  // This keyring follows no feed; a worker's does.
  keyring.forget(rootOrgId)
  const other = makeRewrap({ keyring, pools, logger: silentLogger })
  await Promise.all([turn(), other()])
  await turn()
  const stale = await database.superuser.query<{ n: number }>("select count(*)::int as n from coffer.secret_versions v join coffer.keks k using (org_id, kek_id) where k.version = v.kek_version and k.state = 'retired'")
  assert.equal(stale.rows[0]?.n, 0)
})

test('a KEK that has reached the age that its organization set is rotated once, and one that has not stays', async () => {
  const active = async (): Promise<number> => (await database.superuser.query<{ v: number }>("select version as v from coffer.keks where org_id = $1 and state = 'active'", [rootOrgId])).rows[0]?.v ?? 0
  const turn = makeRewrap({ keyring, pools, logger: silentLogger })
  const before = await active()
  await pools.app.transaction(rootOrgId, (tx) => writeRotationRule(tx, rootOrgId, { ...rotationDefaults, intervalSeconds: 86_400 }))
  await turn()
  assert.equal(await active(), before)
  await database.superuser.query("update coffer.keks set created_at = now() - interval '2 days' where org_id = $1 and version = $2", [rootOrgId, before])
  await turn()
  assert.equal(await active(), before + 1)
  await turn()
  assert.equal(await active(), before + 1)
  await pools.app.transaction(rootOrgId, (tx) => writeRotationRule(tx, rootOrgId, { ...rotationDefaults, intervalSeconds: 86_400, enabled: false }))
  await database.superuser.query("update coffer.keks set created_at = now() - interval '2 days' where org_id = $1", [rootOrgId])
  await turn()
  assert.equal(await active(), before + 1)
})
