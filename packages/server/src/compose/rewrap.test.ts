import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { silentLogger } from '../telemetry/logger.ts'
import { keys, secrets } from './testing/contracts.ts'
import { testPlatform } from './testing/platform.ts'
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
