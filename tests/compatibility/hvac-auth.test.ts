// needs: python-clients
// hvac's auth methods, unmodified: its own assertions are in python/hvac_auth.py.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { startIssuer } from '../fakes/issuer.ts'
import { startDevServer } from '../support/server.ts'

test('hvac logs in by every method that it and the server have', async (t) => {
  const python = process.env['COFFER_TEST_PYTHON_CLIENTS']
  assert.ok(python !== undefined, 'the runner gives a Python with the clients installed')
  const { server, rootToken } = await startDevServer(t)
  const issuer = await startIssuer(t)
  const env = { PATH: process.env['PATH'] ?? '', VAULT_ADDR: server.address, TEST_ROOT_TOKEN: rootToken, TEST_PUBLIC_KEY: await issuer.publicPem(), TEST_JWT: await issuer.sign({ sub: 'job', env: 'prod' }) }
  const child = spawn(python, [join(import.meta.dirname, 'python', 'hvac_auth.py')], { env })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(code, 0, output)
  assert.match(output, /Ran [1-9]\d* tests/)
})
