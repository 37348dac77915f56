// Upkeep of identity tokens over a real database, with a clock of the test's own.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Entries } from '../../barrier/entries.ts'
import { listClients, readClient, writeClient } from '../../engines/identity/oidc/provider.ts'
import { makeIdentityToken, writeOidcKey, writeOidcRole } from '../../engines/identity/oidc/tokens.ts'
import { namesBelow, type SealedView } from '../../kernel/ports/sealed-store.ts'
import { keepAccess, keepCode, findAccess, takeCode } from '../../services/identity/oidc/grants.ts'
import { keySet } from '../../services/identity/oidc/keys.ts'
import { keys, type CodeGrant, type NamedKey } from '../../services/identity/oidc/records.ts'
import type { OidcPorts } from '../../services/identity/oidc/store.ts'
import { dueOrganizations, keepUp } from '../../services/identity/oidc/upkeep.ts'
import { testPlatform } from '../testing/platform.ts'
import { makeOidcPorts } from './oidc.ts'

const { root, as, written, pools, keyring, rootOrgId } = await testPlatform({ after })
const unused = (): never => {
  throw new Error('upkeep asks for nobody')
}
const portsAt = (clock: { now: number }, over: Partial<OidcPorts> = {}): OidcPorts => ({
  ...makeOidcPorts({
    config: { listen: { host: '::1', port: 8200 }, tls: { cert: undefined, key: undefined, clientCa: undefined, minVersion: '1.3' } },
    database: pools.app, entries: new Entries({ database: pools.app, keys: keyring }), rootOrgId, now: () => clock.now, namespaceOf: unused,
    directory: new Proxy({} as OidcPorts['directory'], { get: unused }),
  }),
  ...over,
})
const MINUTE = 60_000
const soon = () => ({ now: Date.now() + 5000 })
const keyOf = async (ports: OidcPorts, name: string): Promise<NamedKey> => {
  const found = await keys.get(ports.view(rootOrgId), name)
  assert.ok(found !== undefined)
  return found.value
}
const privateOnes = (ports: OidcPorts): Promise<readonly string[]> => namesBelow(ports.view(rootOrgId), 'private/')
const make = (name: string, settings: object = {}) => root(writeOidcKey, { name, algorithm: 'ES256', rotation_period: 60, verification_ttl: 120, ...settings })

test('the address that tokens are issued under is the listener\'s, unless something else is configured', () => {
  assert.equal(portsAt(soon()).address, 'http://[::1]:8200')
})

test('a key that is due rotates once, however many workers see it', async () => {
  await make('many')
  const clock = soon()
  const ports = portsAt(clock)
  const before = await keyOf(ports, 'many')
  await keepUp(ports, rootOrgId)
  assert.deepEqual(await keyOf(ports, 'many'), before, 'not yet')
  clock.now += MINUTE
  await Promise.all(Array.from({ length: 5 }, () => keepUp(ports, rootOrgId)))
  const rotated = await keyOf(ports, 'many')
  assert.equal(rotated.signing, before.next)
  assert.equal(rotated.ring.length, 3)
  assert.deepEqual((await privateOnes(ports)).toSorted(), [rotated.signing, rotated.next].toSorted(), 'the private half of what retired is gone')
  const published = async () => (await keySet(ports, rootOrgId, ['many'])).keys.map((key) => key['kid'])
  assert.ok((await published()).includes(before.signing ?? ''))
  clock.now += 2 * MINUTE
  assert.ok(!(await published()).includes(before.signing ?? ''), 'published for as long as tokens live, and no longer, upkeep or not')
})

test('upkeep that is cut off in the middle has done nothing, and the next one does it', async () => {
  await make('cut')
  const clock = soon()
  clock.now += MINUTE
  const ports = portsAt(clock)
  const [before, kept] = [await keyOf(ports, 'cut'), await privateOnes(ports)]
  const cutOff = (view: SealedView): SealedView => ({ ...view, put: async (key, ...rest) => (key === 'key/cut' ? Promise.reject(new Error('killed')) : view.put(key, ...rest)) })
  await assert.rejects(keepUp({ ...ports, within: (tx, orgId) => cutOff(ports.within(tx, orgId)) }, rootOrgId), /killed/)
  assert.deepEqual(await keyOf(ports, 'cut'), before)
  for (const kid of [before.signing, before.next]) assert.ok((await privateOnes(ports)).includes(kid ?? ''))
  await keepUp(ports, rootOrgId)
  assert.equal((await keyOf(ports, 'cut')).signing, before.next)
  assert.equal((await privateOnes(ports)).length, kept.length)
})

const grant: CodeGrant = { provider: 'p', clientId: 'c', principalId: 'x', redirectUri: 'r', nonce: '', scopes: [], authenticatedAt: null, challenge: null, expiresAt: 0 }

test('codes and access tokens are refused when their time is over, and removed', async () => {
  const clock = soon()
  const ports = portsAt(clock)
  const at = <T>(work: (changing: { view: SealedView; tx: Parameters<OidcPorts['within']>[0] }) => Promise<T>): Promise<T> => pools.app.transaction(rootOrgId, (tx) => work({ tx, view: ports.within(tx, rootOrgId) }))
  const code = await at((changing) => keepCode(changing, rootOrgId, { ...grant, expiresAt: clock.now + 5 * MINUTE }))
  const late = await at((changing) => keepCode(changing, rootOrgId, { ...grant, expiresAt: clock.now + MINUTE }))
  const access = await at((changing) => keepAccess(changing, rootOrgId, { ...grant, expiresAt: clock.now + 20 * MINUTE }))
  clock.now += MINUTE + 1
  assert.equal(await takeCode(ports, rootOrgId, late), undefined)
  assert.equal((await takeCode(ports, rootOrgId, code))?.clientId, 'c')
  assert.equal(await takeCode(ports, rootOrgId, code), undefined)
  assert.equal((await findAccess(ports, rootOrgId, access))?.clientId, 'c')
  assert.equal(await findAccess(ports, rootOrgId, `${access.slice(0, -6)}zzzzzz`), undefined, 'a later end is another token')
  clock.now += 20 * MINUTE
  assert.equal(await findAccess(ports, rootOrgId, access), undefined)
  await keepUp(ports, rootOrgId)
  for (const prefix of ['code/', 'access/']) assert.deepEqual(await namesBelow(ports.view(rootOrgId), prefix), [])
})

test('an organization is looked at when something is due, and not before', async () => {
  const dueAt = async (): Promise<number> => Number((await pools.app.transaction(rootOrgId, (tx) => tx.query<{ at: Date }>('select due_at as at from coffer.oidc_upkeep'))).rows[0]?.at)
  await make('first', { rotation_period: 3600 })
  await keepUp(portsAt({ now: Date.now() }), rootOrgId)
  const due = await dueAt()
  assert.ok(due > Date.now())
  assert.deepEqual(await dueOrganizations(pools.jobs), [])
  await pools.app.transaction(rootOrgId, (tx) => tx.query("update coffer.oidc_upkeep set due_at = now() - interval '1 second'"))
  assert.deepEqual(await dueOrganizations(pools.jobs), [rootOrgId])
})

test('who may only look sees no secret of a client and gets no token; who may not, nothing', async () => {
  await root(writeClient, { name: 'guarded', redirect_uris: ['https://a.example/cb'], assignments: ['allow_all'] })
  await root(writeOidcRole, { name: 'guarded', key: 'default' })
  const { clientSecret: secret = '' } = await root(readClient, { name: 'guarded' })
  assert.match(secret, /^hvo_secret_[0-9A-Za-z]{64}$/)
  const [auditor, developer, admin] = [await as({ role: 'auditor' }), await as({ role: 'developer' }), await as({ role: 'admin' })]
  assert.equal((await auditor.call(listClients)).keys.includes('guarded'), true)
  for (const { call } of [auditor, developer]) {
    await assert.rejects(call(readClient, { name: 'guarded' }), { kind: 'permission_denied' })
    await assert.rejects(call(makeIdentityToken, { name: 'guarded' }), { kind: 'permission_denied' })
    await assert.rejects(call(writeClient, { name: 'guarded' }), { kind: 'permission_denied' })
  }
  assert.match(String((await admin.call(makeIdentityToken, { name: 'guarded' })).token), /^[\w-]+\.[\w-]+\.[\w-]+$/)
  const records = JSON.stringify(await written())
  assert.ok(records.includes('identity.oidc-client-write') && !records.includes(secret))
})
