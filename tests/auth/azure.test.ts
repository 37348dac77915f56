// The azure method over the wire, with tokens as Azure makes them.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startIssuer } from '../fakes/issuer.ts'
import { authServer, errorsOf } from './support.ts'

const { root, mount, login } = await authServer({ after })
const issuer = await startIssuer({ after }, 'RS256')
const TENANT = '11111111-2222-3333-4444-555555555555'
const SUBSCRIPTION = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'
const ISSUER = `https://sts.windows.net/${TENANT}/`
const resource = (type: string, name: string, group = 'prod'): string => `/subscriptions/${SUBSCRIPTION}/resourcegroups/${group}/providers/${type}/${name}`
const VM = resource('Microsoft.Compute/virtualMachines', 'web1')

const sign = (claims: object = {}): Promise<string> => issuer.sign({ iss: ISSUER, aud: 'https://vault.example', oid: 'object-1', nbf: Math.floor(Date.now() / 1000) - 10, ...claims } as Record<string, unknown>)
const configured = async (role: object, config: object = {}): Promise<string> => {
  const at = await mount('azure')
  await root.expect('POST', `/v1/auth/${at}/config`, { tenant_id: TENANT, resource: 'https://vault.example', jwks_url: `${issuer.address}/keys`, client_secret: 'never-kept', ...config }, { status: 204 })
  await root.expect('POST', `/v1/auth/${at}/role/app`, { token_policies: 'app', ...role }, { status: 204 })
  return at
}
const enter = async (at: string, claims: object, said: object = {}) => login(`${at}/login`, { role: 'app', jwt: await sign(claims), ...said })

test('an identity logs in by its object id; groups of the token come along', async () => {
  const at = await configured({ bound_service_principal_ids: 'object-1', token_ttl: '10m' })
  const answer = await enter(at, { appid: 'app-1', groups: ['g1'] })
  assert.equal(answer.status, 200, answer.text)
  const { auth } = answer.json
  assert.deepEqual([auth.policies, auth.lease_duration, auth.metadata], [['app', 'default'], 600, { role: 'app', resource_group_name: '', subscription_id: '', app_id: 'app-1' }])
  assert.equal((await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).data.display_name, `${at}-object-1`)
  assert.match(errorsOf(await enter(at, { oid: 'object-2' }))[0] ?? '', /service principal not authorized: object-2/)
})

test('groups can be bound; everybody cannot', async () => {
  const at = await configured({ bound_group_ids: 'g1,g2' })
  assert.equal((await enter(at, { groups: ['g0', 'g2'] })).status, 200)
  for (const claims of [{ groups: ['g3'] }, {}, { groups: 'g1' }]) assert.equal((await enter(at, claims)).status, 400, JSON.stringify(claims))
  const all = await configured({ bound_group_ids: '*', bound_service_principal_ids: '*' })
  assert.equal((await enter(all, { groups: ['g1'] })).status, 400)
  const onlyResource = await configured({ bound_resource_groups: 'prod' })
  assert.equal((await enter(onlyResource, { xms_mirid: VM }, { subscription_id: SUBSCRIPTION, resource_group_name: 'prod', vm_name: 'web1' })).status, 400)
})

test('tokens of others, for others, or out of time are refused', async () => {
  const at = await configured({ bound_service_principal_ids: 'object-1' })
  const past = Math.floor(Date.now() / 1000) - 60
  for (const claims of [{ iss: 'https://sts.windows.net/other/' }, { iss: `https://login.microsoftonline.com/${TENANT}/v2.0` }, { aud: 'https://management.azure.com' }, { exp: past }, { exp: undefined }, { nbf: past + 600 }, { oid: undefined }, { oid: 5 }]) assert.equal((await enter(at, claims)).status, 400, JSON.stringify(claims))
  const stranger = await startIssuer({ after }, 'RS256')
  const forged = await stranger.sign({ iss: ISSUER, aud: 'https://vault.example', oid: 'object-1' }, { kid: 'key-1' })
  for (const jwt of [forged, 'x', 'a.b.c', '']) assert.equal((await login(`${at}/login`, { role: 'app', jwt })).status, 400)
  assert.equal((await login(`${at}/login`, { jwt: await sign() })).status, 400)
  assert.equal((await login(`${at}/login`, { role: 'none', jwt: await sign() })).status, 400)
})

test('a resource is what the signed claims say, and nothing else', async () => {
  const at = await configured({ bound_service_principal_ids: 'object-1', bound_subscription_ids: SUBSCRIPTION, bound_resource_groups: 'Prod' })
  const said = { subscription_id: SUBSCRIPTION, resource_group_name: 'prod', vm_name: 'web1' }
  const answer = await enter(at, { xms_mirid: VM }, said)
  assert.equal(answer.status, 200, answer.text)
  assert.deepEqual(answer.json.auth.metadata, { role: 'app', ...said })
  assert.equal((await enter(at, { xms_mirid: VM }, { ...said, vm_name: 'WEB1', resource_group_name: 'PROD' })).status, 200)
  // With an identity of its own kind the machine is in the other claim.
  assert.equal((await enter(at, { xms_mirid: resource('Microsoft.ManagedIdentity/userAssignedIdentities', 'id', 'identities'), xms_az_rid: VM }, said)).status, 200)
  assert.equal((await enter(at, { xms_mirid: VM }, { ...said, vm_name: '', resource_id: VM })).status, 200)
  const bad: readonly (readonly [object, object])[] = [
    [{}, said], [{ xms_mirid: VM }, {}], [{ xms_mirid: VM }, { ...said, vm_name: 'web2' }], [{ xms_mirid: VM }, { ...said, vm_name: 'web' }], [{ xms_mirid: VM }, { ...said, resource_group_name: 'dev' }], [{ xms_mirid: VM }, { ...said, vm_name: '' }],
    [{ xms_mirid: resource('Microsoft.Compute/virtualMachines', 'web1', 'dev') }, { ...said, resource_group_name: 'dev' }], [{ xms_mirid: resource('Evil.Provider/virtualMachines', 'web1') }, said],
    [{ xms_mirid: `${VM}x` }, said], [{ xms_mirid: resource('Microsoft.Compute/virtualMachines', 'web1', 'prod-evil') }, said], [{ xms_mirid: VM }, { ...said, vm_name: '', resource_id: `${VM}/x` }], [{ xms_mirid: VM.slice(1) }, said],
  ]
  for (const [claims, given] of bad) assert.equal((await enter(at, claims, given)).status, 400, JSON.stringify([claims, given]))
  const free = await configured({ bound_service_principal_ids: 'object-1' })
  assert.equal((await enter(free, { xms_mirid: VM }, said)).status, 200)
  assert.equal((await enter(free, { xms_mirid: VM }, { ...said, vm_name: 'web2' })).status, 400, 'what becomes metadata must be so')
  assert.equal((await enter(free, {}, said)).status, 400)
})

test('scale sets: uniform ones prove themselves, flexible ones do not', async () => {
  const said = { subscription_id: SUBSCRIPTION, resource_group_name: 'prod', vmss_name: 'pool' }
  const at = await configured({ bound_service_principal_ids: 'object-1', bound_scale_sets: 'pool' })
  const uniform = await enter(at, { xms_mirid: resource('Microsoft.Compute/virtualMachineScaleSets', 'pool') }, said)
  assert.equal(uniform.status, 200, uniform.text)
  assert.equal(uniform.json.auth.metadata.vmss_name, 'pool')
  const flexible = { xms_mirid: resource('Microsoft.Compute/virtualMachines', 'pool_1a2b') }
  assert.equal((await enter(at, flexible, said)).status, 400)
  const free = await configured({ bound_service_principal_ids: 'object-1', bound_resource_groups: 'prod' })
  assert.equal((await enter(free, flexible, said)).json.auth.metadata.vmss_name, undefined)
})

test('configuration and roles are read as written; a client secret is not even kept', async () => {
  const at = await configured({ bound_service_principal_ids: 'a,b', bound_scale_sets: 's' }, { client_id: 'c', environment: 'AzureChinaCloud' })
  const config = await root.expect('GET', `/v1/auth/${at}/config`)
  assert.deepEqual([config.data.tenant_id, config.data.client_id, config.data.environment, config.data.max_retries, config.data.root_password_ttl], [TENANT, 'c', 'AzureChinaCloud', 3, 15_768_000])
  assert.ok(!config.text.includes('never-kept'))
  const { data } = await root.expect('GET', `/v1/auth/${at}/role/app`)
  assert.deepEqual([data.bound_service_principal_ids, data.bound_scale_sets, data.bound_locations], [['a', 'b'], ['s'], []])
  assert.deepEqual((await root.expect('LIST', `/v1/auth/${at}/role`)).data, { keys: ['app'] })
  for (const role of [{}, { bound_locations: 'x', bound_group_ids: 'g' }]) assert.equal((await root.call('POST', `/v1/auth/${at}/role/bad`, role)).status, 400)
  const other = await mount('azure')
  for (const bad of [{}, { tenant_id: TENANT }, { resource: 'x' }, { tenant_id: '../x', resource: 'x' }, { tenant_id: TENANT, resource: 'x', environment: 'x' }]) assert.equal((await root.call('POST', `/v1/auth/${other}/config`, bad)).status, 400, JSON.stringify(bad))
  await root.expect('DELETE', `/v1/auth/${at}/config`, undefined, { status: 204 })
  assert.deepEqual(errorsOf(await enter(at, {})), ['could not load backend configuration'])
})
