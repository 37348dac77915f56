// The github method over the wire.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startGithub } from '../fakes/github.ts'
import { authServer, errorsOf } from './support.ts'

const { root, mount, login } = await authServer({ after })
const github = await startGithub({ after })
github.organization('acme')

const configured = async (config: object = {}): Promise<string> => {
  const at = await mount('github')
  await root.expect('POST', `/v1/auth/${at}/config`, { organization: 'acme', base_url: github.address, token_ttl: '10m', ...config }, { status: 204 })
  return at
}

test('a member logs in; teams by name and slug, the user, and what holds for all give policies', async () => {
  const at = await configured({ token_policies: 'everybody' })
  for (const [path, value] of [['teams/dev-ops', 'ops'], ['teams/Core', 'core,Extra'], ['teams/other', 'never'], ['teams/default', 'all-teams'], ['users/Octocat', 'of-octocat'], ['users/default', 'all-users']] as const) await root.expect('POST', `/v1/auth/${at}/map/${path}`, { value }, { status: 204 })
  const answer = await login(`${at}/login`, { token: github.token('octocat', ['other', 'acme'], ['acme/Dev Ops', 'acme/core', 'other/other']) })
  assert.equal(answer.status, 200, answer.text)
  const { auth } = answer.json
  assert.deepEqual(auth.policies, ['all-teams', 'all-users', 'core', 'default', 'everybody', 'extra', 'of-octocat', 'ops'])
  assert.deepEqual([auth.metadata, auth.lease_duration], [{ username: 'octocat', org: 'acme' }, 600])
  assert.equal((await root.as(auth.client_token).expect('GET', '/v1/auth/token/lookup-self')).data.display_name, `${at}-octocat`)
})

test('whoever is in no such organization, or has no such token, stays out', async () => {
  const at = await configured()
  assert.deepEqual(errorsOf(await login(`${at}/login`, { token: github.token('eve', ['other']) })), ['user is not part of required org'])
  for (const body of [{ token: 'ghp_none' }, {}, { token: '' }, { token: 'a\r\nx-y: z' }, { token: 'a b' }]) assert.equal((await login(`${at}/login`, body)).status, 400, JSON.stringify(body))
})

test('an organization is known by its number: another that takes its old name is another', async () => {
  github.organization('moving')
  const at = await configured({ organization: 'moving' })
  const token = github.token('mover', ['moving'])
  github.rename('moving', 'moved')
  github.organization('moving')
  assert.equal((await login(`${at}/login`, { token })).json.auth.metadata.org, 'moved')
  assert.equal((await login(`${at}/login`, { token: github.token('squatter', ['moving']) })).status, 400)
})

test('pages are read to the end, and to no more than a bound', async () => {
  const at = await configured()
  const many = Array.from({ length: 250 }, (_, index) => `org-${index}`)
  await root.expect('POST', `/v1/auth/${at}/map/teams/t-249`, { value: 'last' })
  const answer = await login(`${at}/login`, { token: github.token('busy', [...many, 'acme'], many.map((_, index) => `acme/t-${index}`)) })
  assert.deepEqual(answer.json.auth.policies, ['default', 'last'])
  assert.equal((await login(`${at}/login`, { token: github.token('endless', Array.from({ length: 2100 }, (_, index) => `o-${index}`)) })).status, 502)
})

test('a number that is given is not asked for; one that cannot be found must be given', async () => {
  const before = github.requests().length
  const at = await configured({ organization: 'hidden', organization_id: 4711 })
  assert.equal(github.requests().length, before)
  const { data } = await root.expect('GET', `/v1/auth/${at}/config`)
  assert.deepEqual([data.organization, data.organization_id, data.base_url, data.token_ttl], ['hidden', 4711, `${github.address}/`, 600])
  const other = await mount('github')
  const refused = await root.call('POST', `/v1/auth/${other}/config`, { organization: 'nowhere', base_url: github.address })
  assert.equal(refused.status, 400)
  assert.match(errorsOf(refused)[0] ?? '', /^unable to fetch the organization_id, you must manually set it in the config/)
  for (const bad of [{}, { organization: 'acme', base_url: 'https://user:x@host/' }, { organization: 'acme', base_url: 'http://192.0.2.1/' }, { organization: 'acme', base_url: 'file:///etc' }, { organization: '../user', base_url: github.address }]) assert.equal((await root.call('POST', `/v1/auth/${other}/config`, bad)).status, 400, JSON.stringify(bad))
  assert.deepEqual(errorsOf(await login(`${other}/login`, { token: 'x' })), ['configuration has not been set'])
})

test('broken answers are failures of the other side', async () => {
  const at = await configured()
  const token = github.token('late', ['acme'])
  for (const [status, body] of [[500, ''], [200, 'nonsense'], [200, '[]'], [200, '{"login": 3}'], [302, '']] as const) {
    github.break(status, body)
    assert.equal((await login(`${at}/login`, { token })).status, 502, `${status} ${body}`)
  }
  github.break(undefined)
  assert.equal((await login(`${at}/login`, { token })).status, 200)
})

test('mappings are listed, read and deleted', async () => {
  const at = await configured()
  assert.equal((await root.call('LIST', `/v1/auth/${at}/map/teams`)).status, 404)
  await root.expect('POST', `/v1/auth/${at}/map/teams/Dev`, { value: 'a,b' })
  await root.expect('POST', `/v1/auth/${at}/map/users/ann`, { value: 'c' })
  for (const method of ['LIST', 'GET'] as const) assert.deepEqual((await root.expect(method, `/v1/auth/${at}/map/teams`)).data, { keys: ['dev'] })
  assert.deepEqual((await root.expect('GET', `/v1/auth/${at}/map/teams/dev`)).data, { key: 'dev', value: 'a,b' })
  assert.deepEqual((await root.expect('GET', `/v1/auth/${at}/map/users/ann`)).data, { key: 'ann', value: 'c' })
  await root.expect('DELETE', `/v1/auth/${at}/map/users/ann`, undefined, { status: 204 })
  assert.equal((await root.call('GET', `/v1/auth/${at}/map/users/ann`)).status, 404)
})
