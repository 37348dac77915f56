// The product's commands over the test worker: `node start.ts server|start ...` is what main.ts does with the real one.

import { fileURLToPath } from 'node:url'
import { makeServiceToken } from '../../crypto/token-format.ts'
import { createOrganizationKeys } from '../../keyring/lifecycle.ts'
import { runMain } from '../command.ts'

await runMain({
  loadPlatform: async () => async (tx, { root, rootOrgId }, { rootToken }) => {
    await createOrganizationKeys(tx, root, rootOrgId, { platform: true })
    return { rootToken: rootToken ?? makeServiceToken() }
  },
  workerProgram: fileURLToPath(new URL('./worker.ts', import.meta.url)),
})
