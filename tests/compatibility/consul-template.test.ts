// needs: consul-template
// consul-template, unmodified: a file that follows a secret, and a program that is told of it.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratchDirectory, startDevServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

test('a rendered file changes when the secret does, and the token is renewed meanwhile', async (t) => {
  const { server, root } = await startDevServer(t)
  const folder = scratchDirectory(t)
  await root.expect('PUT', '/v1/sys/policies/acl/app', { policy: 'path "secret/data/dev/*" { capabilities = ["read"] }\npath "secret/metadata/dev/" { capabilities = ["list"] }' }, { status: 204 })
  const { client_token: token } = (await root.expect('POST', '/v1/auth/token/create', { policies: ['app'], ttl: '20s', explicit_max_ttl: '1h' })).json.auth
  for (const name of ['db', 'cache']) await root.expect('POST', `/v1/secret/data/dev/${name}`, { data: { password: `${name}-one` } })
  const [template, rendered, told] = ['app.ctmpl', 'app.conf', 'told'].map((name) => join(folder, name)) as [string, string, string]
  writeFileSync(template, '{{ range secrets "secret/metadata/dev" }}{{ . }}={{ with secret (printf "secret/data/dev/%s" .) }}{{ .Data.data.password }}{{ end }}\n{{ end }}')
  const config = join(folder, 'config.hcl')
  writeFileSync(config, `
    vault { address = "${server.address}" renew_token = true default_lease_duration = "1s" }
    template { source = "${template}" destination = "${rendered}" command = "echo told >> ${told}" }
  `)
  const child = spawn(process.env['COFFER_TEST_CONSUL_TEMPLATE'] ?? 'consul-template', [`-config=${config}`], { env: { PATH: process.env['PATH'] ?? '', HOME: folder, VAULT_TOKEN: token as string }, stdio: 'ignore' })
  const ended = once(child, 'exit')
  t.after(() => child.kill('SIGKILL'))
  const holds = (text: string) => () => existsSync(rendered) && readFileSync(rendered, 'utf8') === text
  await until(holds('cache=cache-one\ndb=db-one\n'), 'the file was rendered')
  const accessor = (await root.expect('POST', '/v1/auth/token/lookup', { token })).json.data
  await root.expect('POST', '/v1/secret/data/dev/db', { data: { password: 'db-two' } })
  await until(holds('cache=cache-one\ndb=db-two\n'), 'the file followed the secret')
  assert.ok(readFileSync(told, 'utf8').split('\n').filter((line) => line === 'told').length >= 2)
  await until(async () => (await root.expect('POST', '/v1/auth/token/lookup', { token })).json.data.last_renewal !== accessor.last_renewal, 'the token was renewed')
  child.kill('SIGKILL')
  await ended
})
