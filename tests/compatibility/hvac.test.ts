// needs: python-clients
// hvac, unmodified: its own assertions are in python/hvac_client.py.

import { join } from 'node:path'
import { test } from 'node:test'
import { runPythonTests } from '../support/python.ts'
import { startDevServer } from '../support/server.ts'

test('hvac works against the server', async (t) => {
  const { server, rootToken } = await startDevServer(t)
  await runPythonTests(join(import.meta.dirname, 'python', 'hvac_client.py'), { VAULT_ADDR: server.address, VAULT_TOKEN: rootToken })
})
