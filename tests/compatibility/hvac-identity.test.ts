// needs: python-clients
// hvac's identity engine, unmodified: its own assertions are in python/hvac_identity.py.

import { join } from 'node:path'
import { test } from 'node:test'
import { runPythonTests } from '../support/python.ts'
import { startDevServer } from '../support/server.ts'

test('hvac makes, reads and merges entities, aliases and groups', async (t) => {
  const { server, rootToken } = await startDevServer(t)
  await runPythonTests(join(import.meta.dirname, 'python', 'hvac_identity.py'), { VAULT_ADDR: server.address, TEST_ROOT_TOKEN: rootToken })
})
