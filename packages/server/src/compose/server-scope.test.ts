// What is of the whole server belongs to no organization on it: walked over every operation of sys and of the platform,
// with the greatest rights that an organization can give.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { isCofferError } from '../kernel/errors.ts'
import type { Operation } from '../kernel/operation.ts'
import { wholeServerOnly } from '../kernel/tenancy.ts'
import { allContracts } from '../platform/contracts.ts'
import { organizations, tokens } from './testing/contracts.ts'
import { testPlatform } from './testing/platform.ts'

const { root, rootToken, as, withToken, platform } = await testPlatform({ after })

const everything = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }'
const { token: ownerToken } = await root(organizations.create, { slug: 'acme' })
const owner = withToken(ownerToken)
await owner(tokens.putPolicy, { name: 'everything', kind: 'acl', body: everything })
const { token: almighty } = await owner(tokens.createToken, { name: 'almighty', role: 'owner', policies: ['everything'] })

const isOfServer = ({ path, tag }: Operation): boolean => path.startsWith('/v1/sys/') || path.startsWith('/api/v1/system/') || path.startsWith('/api/v1/seal/') || tag === 'system' || tag === 'operator'
const all: readonly Operation[] = [...platform.vaultBackend.fixed.map(({ operation }) => operation), ...allContracts.map(({ operation }) => operation)]
const ofServer = all.filter(({ scope }) => scope === 'server')

/** These act within the organization that they are asked in, or say what is alike for everybody. A new one is the server's, or is added here after a thought. */
const WITHIN_AN_ORGANIZATION: ReadonlySet<string> = new Set([
  'listMounts readMount enableMount disableMount readMountTuning tuneMount remount remountStatus visibleMount visibleMounts',
  'listAuth readAuthMount enableAuth disableAuth readAuthTuning tuneAuth readAuthMountTuning tuneAuthMount listLockedUsers unlockUser',
  'listPolicies readPolicy writePolicy deletePolicy listOldPolicies readOldPolicies readOldPolicy writeOldPolicy deleteOldPolicy listPasswordPolicies readPasswordPolicy writePasswordPolicy deletePasswordPolicy generatePassword',
  'capabilities capabilitiesAccessor capabilitiesSelf resultantAcl openApi openApiByPost',
  'lookupLease listLeases listLeasesBelow countLeases irrevocableLeases tidyLeases renewLease renewLeaseOld renewNamedLease renewNamedLeaseOld revokeLease revokeLeaseOld revokeNamedLease revokeNamedLeaseOld revokePrefix revokePrefixOld revokeForce revokeForceOld',
  'listRateLimits readRateLimit writeRateLimit deleteRateLimit listLeaseCounts readLeaseCount writeLeaseCount deleteLeaseCount',
  // Namespaces below this one.
  'listNamespaces readNamespace createNamespace patchNamespace deleteNamespace uiNamespaces',
  // Answers are wrapped in their own organization.
  'wrap unwrap rewrap lookupWrapping lookupOwnWrapping',
  // Its own key, its own counts, the name of a value in its own records.
  'keyStatus rotate rotateKeyring tokenCounters entityCounters auditHash',
  // Nothing that is not printed in the documentation.
  'random randomOf randomFrom hash hashWith plugins pluginsOf plugin leader replicationStatus activity monthlyActivity activityConfig requestCounters',
].flatMap((line) => line.split(' ').map((id) => `system.${id}`)).concat('operator.rotationRule', 'operator.setRotationRule', 'identity.validateMfa', 'vault.unknownPath'))

const NOWHERE = wholeServerOnly()
const NOT_HERE = 'not here'

/** What comes of a call: the kind and code of its refusal, or `done`. */
const outcome = async (operation: Operation, token: string | undefined, namespace?: string): Promise<string> => {
  try {
    await withToken(token)(operation, {}, namespace === undefined ? {} : { namespace })
    return 'done'
  } catch (error) {
    if (!isCofferError(error)) throw error
    return error.message === NOWHERE.message ? NOT_HERE : `${error.kind} ${error.code}`
  }
}

const DENIED = 'permission_denied policy.denied'

test('every operation of the server is the server\'s alone, or is known to act within an organization', () => {
  assert.ok(ofServer.length > 50)
  assert.deepEqual(all.filter((each) => isOfServer(each) && each.scope === undefined && !WITHIN_AN_ORGANIZATION.has(each.id)).map(({ id }) => id).toSorted(), [])
  assert.deepEqual([...WITHIN_AN_ORGANIZATION].filter((id) => !all.some((each) => each.id === id && each.scope === undefined)), [])
})

for (const operation of ofServer) {
  describe(operation.id, () => {
    test('an organization\'s owner with every capability does not get it', async () => {
      const [refused, hidden] = operation.access === 'public' ? [undefined, NOT_HERE] : [DENIED, DENIED]
      if (refused !== undefined) assert.equal(await outcome(operation, almighty), refused)
      for (const namespace of ['acme', 'nowhere']) assert.equal(await outcome(operation, almighty, namespace), hidden)
    })
    test('nobody gets it in the name of an organization, whether there is such a one or not', async () => {
      const expected = operation.access === 'public' ? NOT_HERE : 'unauthenticated token.invalid'
      for (const namespace of ['acme', 'nowhere']) assert.equal(await outcome(operation, undefined, namespace), expected)
      for (const namespace of ['acme', 'nowhere']) assert.equal(await outcome(operation, rootToken, namespace), NOT_HERE)
    })
    test('root gets it', async () => {
      for (const namespace of [undefined, '', 'root']) assert.ok(![NOT_HERE, DENIED].includes(await outcome(operation, rootToken, namespace)), String(namespace))
    })
  })
}

test('an organization does nothing to the one beside it by its name', async () => {
  await root(organizations.create, { slug: 'beside' })
  const mighty = withToken(almighty)
  for (const namespace of [undefined, 'acme']) {
    const options = namespace === undefined ? {} : { namespace }
    await assert.rejects(mighty(organizations.suspend, { slug: 'beside' }, options), { kind: 'not_found' })
    await assert.rejects(mighty(organizations.shred, { slug: 'beside', confirm: 'beside' }, options), { kind: 'not_found' })
    assert.deepEqual((await mighty(organizations.list, {}, options)).items, [])
  }
})

test('sealing needs sudo, in root, too', async () => {
  await root(tokens.putPolicy, { name: 'sealer', kind: 'acl', body: 'path "sys/seal" { capabilities = ["update"] }' })
  await root(tokens.putPolicy, { name: 'sudo-sealer', kind: 'acl', body: 'path "sys/seal" { capabilities = ["update", "sudo"] }' })
  const [seal] = ofServer.filter(({ id }) => id === 'system.seal')
  assert.ok(seal !== undefined)
  const tried = await Promise.all(['sealer', 'sudo-sealer'].map(async (policy) => outcome(seal, (await as({ policies: [policy] })).token)))
  assert.deepEqual(tried, [DENIED, 'done'])
})

test('headers that carry a credential are chosen for records as an HMAC only', async () => {
  const [write] = ofServer.filter(({ id }) => id === 'system.writeAuditedHeader')
  assert.ok(write !== undefined)
  for (const header of ['Authorization', 'X-Vault-MFA', 'X-Vault-Inline-Auth-Parameter-Password', 'X-API-Key']) {
    await assert.rejects(root(write, { header, hmac: false }), { code: 'config.secret_header' }, header)
    await root(write, { header, hmac: true })
  }
})

/** What Vault's documentation lists as paths that need sudo, as far as they are here. */
const SUDO = /^\/v1\/sys\/(auth\/.*|remount|audit(\/.*)?|rotate|config\/cors|config\/auditing\/.*|config\/ui\/headers\/.*|plugins\/catalog\/.*|plugins\/runtimes\/catalog\/.*|(leases\/)?revoke-(prefix|force)\/.*|leases\/lookup\/.*|leases|seal|step-down)$/

for (const operation of all.filter(({ path }) => SUDO.test(path))) {
  test(`${operation.method} ${operation.path} needs sudo`, async () => {
    await root(tokens.putPolicy, { name: 'no-sudo', kind: 'acl', body: everything.replace(', "sudo"', '') })
    const { call } = await as({ policies: ['no-sudo'] })
    const input = Object.fromEntries([...operation.path.matchAll(/:([A-Za-z]+)/g)].map(([, name]) => [name ?? '', 'x']))
    const given = operation.id === 'system.remount' ? { from: 'a', to: 'b' } : input
    await assert.rejects(call(operation, given), { kind: 'permission_denied' })
  })
}
