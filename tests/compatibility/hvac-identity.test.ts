// needs: python-clients
// hvac's identity engine, unmodified: its own assertions are in python/hvac_identity.py.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDevServer } from '../support/server.ts'

test('hvac makes, reads and merges entities, aliases and groups', async (t) => {
  const python = process.env['COFFER_TEST_PYTHON_CLIENTS']
  assert.ok(python !== undefined, 'the runner gives a Python with the clients installed')
  const { server, rootToken } = await startDevServer(t)
  const child = spawn(python, [join(import.meta.dirname, 'python', 'hvac_identity.py')], { env: { PATH: process.env['PATH'] ?? '', VAULT_ADDR: server.address, TEST_ROOT_TOKEN: rootToken } })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(code, 0, output)
  assert.match(output, /Ran [1-9]\d* tests/)
})
