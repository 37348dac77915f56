// Logins that are written together: each by itself refused or there, with its record, and of its own organization.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { testPlatform } from '../../../compose/testing/platform.ts'
import { makeUuidV7, randomBytes } from '../../../crypto/random.ts'
import { sha256 } from '../../../crypto/digest.ts'
import type { TokenRow } from '../../../kernel/identity.ts'
import { sqlstateOf } from '../../../kernel/storage.ts'
import { newHolder } from '../aliases.ts'
import { SharedRoom } from '../../../lib/bounded-queue.ts'
import { makeLoginWriter, type LoginWrite } from './writing.ts'

const { database, keyring, rootOrgId } = await testPlatform({ after })
const keys = await keyring.organization(rootOrgId)
const key = keys.purpose('rows')
const writer = makeLoginWriter(database.app, new SharedRoom(5))
const mount = (await database.superuser.query<LoginWrite['mount']>('select mount_id as "mountId", path from coffer.mounts where org_id = $1 limit 1', [rootOrgId])).rows[0] ?? { mountId: '', path: '' }
const { mountId } = mount

const recorded = (): LoginWrite['record'] => {
  const id = makeUuidV7()
  const record = JSON.stringify({ id, quoted: 'a "b" \\ \u0007 é' })
  return { id, at: Date.now(), record, digest: sha256(record), fields: { eventType: 'AUTH', action: 'auth.login', decision: 'ALLOW', principal: null, project: null, environment: null, path: null, requestId: 'req_1' } }
}

const tokenOf = (principalId: string): NonNullable<LoginWrite['token']> => {
  const row: TokenRow = {
    tokenId: makeUuidV7(), accessor: randomBytes(12).toString('hex'), principalId, parentId: undefined, displayName: 'app "x"', policies: ['a', 'b,c'], root: false, lockMountId: undefined, lockEnvironment: undefined,
    issuePath: 'auth/a/login', boundCidrs: ['10.0.0.0/8'], metadata: { role: 'r"\\' }, numUses: 3, ttlSeconds: 60, periodSeconds: 0, explicitMaxTtlSeconds: 0, renewable: true, issuedAt: Date.now(), expiresAt: Date.now() + 60_000, lastRenewedAt: undefined, mfa: true, rowVersion: 1,
  }
  return { row, lookup: randomBytes(32) }
}

const first = (name: string): LoginWrite => {
  const holder = newHolder({ mountId, mountPath: 'm', name, kind: 'workload', metadata: { team: 'a' }, at: Date.now() }, `m/${name}`)
  return { mount, holder, token: tokenOf(holder.principal.principalId), record: recorded() }
}

const isThere = async ({ holder, token, record }: LoginWrite): Promise<readonly boolean[]> => {
  const { rows } = await database.superuser.query<Record<string, boolean>>(
    `select exists (select from coffer.principals where org_id = $1 and principal_id = $2) as principal, exists (select from coffer.principal_aliases where org_id = $1 and alias_id = $3) as alias,
       exists (select from coffer.tokens where org_id = $1 and token_id = $4 and lookup = $5 and uses_left = num_uses and mfa) as token, exists (select from coffer.audit_events where org_id = $1 and id = $6 and record = $7 and digest = $8) as record`,
    [rootOrgId, holder?.principal.principalId ?? makeUuidV7(), holder?.alias.aliasId ?? makeUuidV7(), token?.row.tokenId ?? makeUuidV7(), token?.lookup ?? randomBytes(1), record.id, record.record, record.digest],
  )
  return Object.values(rows[0] ?? {})
}

test('logins that come together are one statement, and every row and record of each is there', async () => {
  const logins = ['one', 'two', 'three'].map(first)
  const before = database.app.counters.statements
  await Promise.all(logins.map((login) => writer.write(rootOrgId, login, key)))
  assert.equal(database.app.counters.statements - before, 1)
  for (const login of logins) assert.deepEqual(await isThere(login), [true, true, true, true])
  for (const { holder } of logins) assert.deepEqual(await writer.alias(rootOrgId, keys, { mountId, name: holder?.alias.name ?? '' }), holder?.alias)
})

test('one that is refused takes nothing of the others with it, and nothing of it is there', async () => {
  const again = first('one')
  const orphan: LoginWrite = { mount, token: tokenOf(makeUuidV7()), record: recorded() }
  const logins = [first('four'), again, first('five'), orphan, { ...first('six'), token: undefined }]
  const outcomes = await Promise.allSettled(logins.map((login) => writer.write(rootOrgId, login, key)))
  assert.deepEqual(outcomes.map((outcome) => (outcome.status === 'rejected' ? sqlstateOf(outcome.reason) : 'written')), ['written', '23505', 'written', '23503', 'written'])
  assert.deepEqual(await Promise.all(logins.map(isThere)), [[true, true, true, true], [false, false, false, false], [true, true, true, true], [false, false, false, false], [true, true, false, true]])
})

test('what is written for one organization is not there for another, whose logins go by themselves', async () => {
  const other = makeUuidV7()
  await database.superuser.query("insert into coffer.organizations (org_id, parent_id, slug, short_id, name, state, home_region, row_version, mac) select $1, org_id, 'elsewhere', 'elsewhere', 'e', state, home_region, 1, mac from coffer.organizations where org_id = $2", [other, rootOrgId])
  await database.superuser.query('insert into coffer.mounts (org_id, mount_id, class, path, type, row_version, mac) select $1, mount_id, class, path, type, 1, mac from coffer.mounts where org_id = $2 and mount_id = $3', [other, rootOrgId, mountId])
  const before = database.app.counters.statements
  const record = recorded()
  const outcomes = await Promise.allSettled([writer.write(rootOrgId, first('seven'), key), writer.write(other, { mount, record }, key), writer.alias(other, keys, { mountId, name: 'one' })])
  assert.deepEqual(outcomes.map((each) => (each.status === 'fulfilled' ? each.value : each.reason)), [undefined, undefined, undefined])
  assert.equal(database.app.counters.statements - before, 3)
  const { rows } = await database.superuser.query<{ org: string }>('select org_id as org from coffer.audit_events where id = $1', [record.id])
  assert.deepEqual(rows, [{ org: other }])
})

test('an alias whose row was altered is refused, and those that were asked for with it are found', async () => {
  const [good, bad] = [first('eight'), first('nine')]
  await Promise.all([good, bad].map((login) => writer.write(rootOrgId, login, key)))
  await database.superuser.query('update coffer.principal_aliases set principal_id = $3 where org_id = $1 and alias_id = $2', [rootOrgId, bad.holder?.alias.aliasId, good.holder?.principal.principalId])
  const [found, altered, nobody] = await Promise.allSettled(['eight', 'nine', 'nobody'].map((name) => writer.alias(rootOrgId, keys, { mountId, name })))
  assert.deepEqual(found, { status: 'fulfilled', value: good.holder?.alias })
  assert.equal(altered?.status, 'rejected')
  assert.deepEqual(nobody, { status: 'fulfilled', value: undefined })
})

test('nothing is written for a mount that is not there, or no longer at its path, and the others of the batch are', async () => {
  const [gone, moved, there] = [{ ...first('eight'), mount: { mountId: makeUuidV7(), path: mount.path } }, { ...first('nine'), mount: { mountId, path: 'elsewhere' } }, first('ten')]
  const outcomes = await Promise.allSettled([gone, moved, there].map((login) => writer.write(rootOrgId, login, key)))
  assert.deepEqual(outcomes.map((outcome) => (outcome.status === 'rejected' ? sqlstateOf(outcome.reason) : 'written')), ['CF404', 'CF404', 'written'])
  assert.deepEqual(await Promise.all([gone, moved, there].map(isThere)), [[false, false, false, false], [false, false, false, false], [true, true, true, true]])
})
