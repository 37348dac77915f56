// needs: vault
// The same requests to Coffer and to Vault: what differs is in the list of known differences, with its reason, or fails.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { startDevServer } from '../../support/server.ts'
import { areas } from './areas/all.ts'
import { judge, known } from './known.ts'
import { describeOutcome } from './report.ts'
import { runAreas } from './run.ts'
import { startVault } from './vault-server.ts'

const scope = { after }
const [vault, { server, rootToken }] = await Promise.all([startVault(scope, process.env['COFFER_TEST_VAULT'] ?? 'vault', 'root-of-the-tests'), startDevServer(scope)])
const outcomes = await runAreas(areas, { coffer: { address: server.address, rootToken }, vault })
const { unexplained, outlived } = judge(outcomes, known)

describe('answered as Vault answers', () => {
  for (const { name, steps } of areas) {
    test(`${name}: ${steps.length} requests`, () => {
      const differing = unexplained.filter(({ area }) => area === name)
      assert.equal(differing.length, 0, `\n${differing.map(describeOutcome).join('\n')}`)
    })
  }
})

test('every difference that the documentation names still exists', () => {
  assert.deepEqual(outlived.map(({ area, step, at, what }) => ({ area, step: String(step), at: String(at), what })), [])
})
