// What a login remembers of its token is what the database says of it.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { testPlatform } from '../../../compose/testing/platform.ts'
import { sha256 } from '../../../crypto/digest.ts'
import { makeUuidV7 } from '../../../crypto/random.ts'
import { noTokenSettings, type TokenSettings } from '../../../kernel/auth/token-settings.ts'
import type { WrittenRecord } from '../../../kernel/audited-write.ts'
import type { Call } from '../../../kernel/call.ts'
import type { LoadedToken } from '../../../kernel/identity.ts'
import type { Mount } from '../../../kernel/tenancy.ts'
import { SharedRoom } from '../../../lib/bounded-queue.ts'
import { lookup, principalGrants } from '../token-repository.ts'
import { load } from '../tokens.ts'
import { mint, type LoginPorts } from './login.ts'
import { makeLoginWriter } from './writing.ts'

const { database, keyring, rootOrgId } = await testPlatform({ after })
const keys = await keyring.organization(rootOrgId)
const { mountId, path } = (await database.superuser.query<Pick<Mount, 'mountId' | 'path'>>('select mount_id as "mountId", path from coffer.mounts where org_id = $1 limit 1', [rootOrgId])).rows[0] ?? { mountId: '', path: '' }
const mount: Mount = { mountId, class: 'auth', path, type: 'jwt', description: '', options: {}, config: {}, createdAt: 0, rowVersion: 1 }

const kept: { readonly text: string; readonly loaded: LoadedToken }[] = []
let ended = 0
const writer = makeLoginWriter(database.app, new SharedRoom(5))
const ports: LoginPorts = {
  database: database.app,
  keys: () => Promise.resolve(keys),
  dropState: () => Promise.resolve(),
  organizationOf: () => Promise.resolve({ orgId: rootOrgId, shortId: undefined }),
  batch: { isRole: () => Promise.resolve(true), now: () => Date.now(), grants: (orgId, principalId) => principalGrants(database.app, orgId, principalId, keys.purposeVersions('rows')) },
  lookup: (orgId, key, versions) => lookup(database.app, orgId, key, versions),
  shortIdOf: () => Promise.resolve(undefined),
  alias: (orgId, id, name) => writer.alias(orgId, keys, { mountId: id, name }),
  fillsGroups: () => Promise.resolve(false),
  writer,
  fill: () => ({ keep: (_orgId, text, loaded) => void kept.push({ text, loaded }), end: () => void (ended += 1) }),
}

const recorded = (): WrittenRecord => {
  const id = makeUuidV7()
  return { id, at: Date.now(), record: id, digest: sha256(id), fields: { eventType: 'AUTH', action: 'auth.login', decision: 'ALLOW', principal: null, project: null, environment: null, path: null, requestId: 'req_1' } }
}

/** Only what a login asks of a call. */
const call = { orgId: rootOrgId, audit: {}, sourceIp: '10.1.2.3', now: () => Date.now(), writeRecord: recorded, dropKeptRecords: () => undefined } as unknown as Call

const login = (alias: string, settings: Partial<TokenSettings>, secondStepOf?: string) =>
  mint(ports, call, {
    mount, secondStepOf, issuePath: 'auth/made/login', limits: { defaultTtlSeconds: 600, maxTtlSeconds: 6000 },
    verdict: { alias, kind: 'workload', displayName: alias, metadata: { team: 'a "b"', role: 'ü' }, token: { ...noTokenSettings, ...settings }, role: { key: 'role/x', uid: 'u' } },
  })

for (const [what, settings] of [
  ['a service token', { policies: ['b', 'a'] }],
  ['a batch token', { type: 'batch', policies: ['a'], noDefaultPolicy: true }],
  ['a periodic token of bounded addresses', { periodSeconds: 300, explicitMaxTtlSeconds: 900, boundCidrs: ['10.0.0.0/8'] }],
] as const) {
  for (const time of ['first', 'second']) {
    test(`${what} of a ${time} login`, async () => {
      const before = [kept.length, ended]
      await login(`app-${what}`, settings)
      assert.deepEqual([kept.length, ended], [Number(before[0]) + 1, Number(before[1]) + 1])
      const last = kept.at(-1)
      const found = await load(ports, rootOrgId, last?.text ?? '')
      assert.ok(last !== undefined && found !== undefined)
      // Nothing is left of uses that are not counted.
      assert.deepEqual({ ...last.loaded, token: { usesLeft: undefined, ...last.loaded.token } }, { ...found, token: { usesLeft: undefined, ...found.token } })
    })
  }
}

for (const type of ['service', 'batch'] as const) {
  test(`a ${type} token knows of its holder's second step, and of nobody else's`, async () => {
    const entityOf = async (secondStepOf?: string): Promise<string> => (await login(`stepping-${type}`, { type }, secondStepOf)).entityId
    const mfaOf = async (): Promise<readonly (boolean | undefined)[]> => [kept.at(-1)?.loaded.token.mfa, (await load(ports, rootOrgId, kept.at(-1)?.text ?? ''))?.token.mfa]
    const entityId = await entityOf()
    assert.deepEqual(await mfaOf(), [false, false])
    assert.equal(await entityOf(entityId), entityId)
    assert.deepEqual(await mfaOf(), [true, true])
    await entityOf(makeUuidV7())
    assert.deepEqual(await mfaOf(), [false, false])
  })
}

test('a login that is refused remembers nothing, and ends its fill', async () => {
  const before = [kept.length, ended]
  await assert.rejects(login('app', { policies: ['root'] }), { code: 'auth.root' })
  assert.deepEqual([kept.length, ended], [before[0], Number(before[1]) + 1])
})
