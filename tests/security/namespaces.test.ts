// Vault's namespaces as path prefixes: whoever may not enter an organization must not learn that it is there.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { exchange } from '../support/http.ts'
import { startDevServer } from '../support/server.ts'

const { server, root, rootToken } = await startDevServer({ after })
const owner = async (slug: string): Promise<string> => (await root.expect('POST', '/api/v1/organizations', { slug })).data.token
const acme = await owner('acme')
const globex = await owner('globex')
const limited = (await root.expect('POST', '/api/v1/tokens', { name: 'limited', project: 'secret', role: 'reader' })).data.token

const get = (path: string, token?: string) => exchange(server.address, 'GET', path, token === undefined ? {} : { token })

for (const [who, token] of [['another organization\'s owner', globex], ['a limited token of root', limited], ['nobody', undefined]] as const) {
  test(`${who} sees no difference between a path that begins with an organization and one that does not`, async () => {
    for (const path of ['secret/data/x', 'secret/metadata/x', 'sys/mounts', 'nope/x']) {
      const there = await get(`/v1/acme/${path}`, token)
      const nowhere = await get(`/v1/acmx/${path}`, token)
      assert.deepEqual([there.status, there.text.replaceAll('acme', 'acmx')], [nowhere.status, nowhere.text])
      assert.notEqual(there.status, 200)
    }
  })
}

test('a project called like somebody else\'s organization is reached by its name', async () => {
  await exchange(server.address, 'POST', '/api/v1/projects', { token: globex, body: { name: 'acme' } })
  assert.equal((await exchange(server.address, 'POST', '/v1/acme/data/x', { token: globex, body: { data: { a: '1' } } })).status, 200)
  assert.equal((await get('/v1/acme/data/x', globex)).json.data.data.a, '1')
})

test('its own owner and root enter it by the prefix', async () => {
  assert.equal((await exchange(server.address, 'POST', '/v1/acme/secret/data/y', { token: acme, body: { data: { b: '2' } } })).status, 200)
  for (const token of [acme, rootToken]) assert.equal((await get('/v1/acme/secret/data/y', token)).json.data.data.b, '2')
})
