// Over the wire: the owner of an organization, with every capability that a policy can give, does nothing to the server.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { exchange } from '../support/http.ts'
import { startDevServer } from '../support/server.ts'

const { server, root, rootToken } = await startDevServer({ after })
const owner = (await root.expect('POST', '/api/v1/organizations', { slug: 'acme' })).data.token as string
const asOwner = (method: string, path: string, body?: object) => exchange(server.address, method, path, { token: owner, ...(body === undefined ? {} : { body }) })

await asOwner('PUT', '/v1/sys/policies/acl/everything', { policy: 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }' })
const made = await asOwner('POST', '/v1/auth/token/create', { policies: ['everything'] })
const almighty = made.json.auth.client_token as string

/** With nothing that names the organization, by header and by prefix. */
const ways = [['', {}], ['', { 'x-vault-namespace': 'acme' }], ['', { 'x-coffer-organization': 'acme' }], ['acme/', {}]] as const
const paths = [['PUT', 'sys/seal'], ['POST', 'sys/seal'], ['PUT', 'sys/step-down'], ['GET', 'sys/metrics'], ['GET', 'sys/host-info'], ['GET', 'sys/in-flight-req'], ['GET', 'sys/loggers'], ['POST', 'sys/loggers'], ['DELETE', 'sys/loggers'], ['GET', 'sys/ha-status'], ['GET', 'sys/config/state/sanitized'], ['POST', 'sys/config/reload/audit'], ['PUT', 'sys/config/cors'], ['GET', 'sys/audit'], ['PUT', 'sys/audit/file'], ['GET', 'sys/monitor'], ['GET', 'sys/pprof/heap'], ['GET', 'sys/version-history?list=true']] as const

for (const [method, path] of paths) {
  test(`${method} ${path}`, async () => {
    for (const [prefix, headers] of ways) {
      for (const token of [owner, almighty]) {
        const answer = await exchange(server.address, method, `/v1/${prefix}${path}`, { token, headers, ...(method === 'PUT' || method === 'POST' ? { body: { level: 'trace', type: 'file' } } : {}) })
        // The door of seals knows no prefix: there is no such path.
        assert.equal(answer.status, prefix !== '' && path === 'sys/seal' ? 404 : 403, `${prefix} ${JSON.stringify(headers)}: ${answer.text}`)
      }
    }
  })
}

for (const [method, path] of [['GET', 'system/doctor'], ['GET', 'seal/slots'], ['POST', 'seal/slots'], ['POST', 'seal/rotate']] as const) {
  test(`${method} ${path}, natively`, async () => {
    for (const [, headers] of ways) assert.equal((await exchange(server.address, method, `/api/v1/${path}`, { token: almighty, headers, ...(method === 'POST' ? { body: {} } : {}) })).status, 403)
  })
}

test('the server goes on, and root has all of it', async () => {
  assert.equal((await exchange(server.address, 'GET', '/v1/sys/health', {})).status, 200)
  for (const path of ['sys/metrics', 'sys/host-info', 'sys/in-flight-req', 'sys/loggers', 'sys/audit']) assert.equal((await exchange(server.address, 'GET', `/v1/${path}`, { token: rootToken })).status, 200)
})

test('a policy of root that does not say sudo does not seal', async () => {
  await root.expect('PUT', '/v1/sys/policies/acl/sealer', { policy: 'path "sys/seal" { capabilities = ["update"] }' }, { status: 204 })
  const { client_token: token } = (await exchange(server.address, 'POST', '/v1/auth/token/create', { token: rootToken, body: { policies: ['sealer'] } })).json.auth
  for (const method of ['PUT', 'POST']) assert.equal((await exchange(server.address, method, '/v1/sys/seal', { token })).status, 403)
  assert.equal((await exchange(server.address, 'GET', '/v1/sys/health', {})).status, 200)
})
