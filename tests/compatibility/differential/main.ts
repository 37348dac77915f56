// Prints where Coffer answers otherwise than Vault: `tools/node tests/compatibility/differential/main.ts [AREA…]`, with
// COFFER_TEST_VAULT naming a vault binary. Areas are chosen by a part of their names; explained differences are left out.

import { startDevServer } from '../../support/server.ts'
import { areas } from './areas/all.ts'
import { judge, known } from './known.ts'
import { describeOutcome } from './report.ts'
import { runAreas } from './run.ts'
import { startVault } from './vault-server.ts'

const binary = process.env['COFFER_TEST_VAULT'] ?? '.cache/peers/vault'
const wanted = process.argv.slice(2)
const chosen = areas.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
const ends: (() => void | Promise<void>)[] = []
const scope = { after: (end: () => void | Promise<void>) => void ends.push(end) }
try {
  const [vault, { server, rootToken }] = await Promise.all([startVault(scope, binary, 'root-of-the-tests'), startDevServer(scope)])
  const outcomes = await runAreas(chosen, { coffer: { address: server.address, rootToken }, vault })
  const { unexplained } = judge(outcomes, known)
  for (const outcome of unexplained) console.log(describeOutcome(outcome))
  console.log(`${outcomes.length} requests, ${outcomes.length - unexplained.length} answered alike or explained`)
} finally {
  for (const end of ends.toReversed()) await end()
}
