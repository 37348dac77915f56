// needs: go
// Vault's Go client, unmodified: its own assertions are in go/client_test.go.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDevServer } from '../support/server.ts'

test("Vault's Go client works against the server", async (t) => {
  const { server, rootToken } = await startDevServer(t)
  const go = process.env['COFFER_TEST_GO'] ?? 'go'
  const child = spawn(go, ['test', '-count=1', './...'], {
    cwd: join(import.meta.dirname, 'go'),
    env: { ...process.env, HOME: process.env['HOME'] ?? tmpdir(), GOFLAGS: '-mod=readonly', VAULT_ADDR: server.address, VAULT_TOKEN: rootToken },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(code, 0, output)
})
