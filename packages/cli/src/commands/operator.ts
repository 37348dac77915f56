// coffer operator init | unseal | seal | status

import type { SealStatus } from '@coffer/sdk'
import type { Cli } from '../cli.ts'
import type { Run } from '../command.ts'
import { exitCodes, misuse } from '../failure.ts'
import { readLineOrAll } from '../input.ts'
import { askHidden, confirm, isInteractive } from '../prompt.ts'

const showStatus = (cli: Cli, status: SealStatus): void =>
  cli.terminal.show(status, () =>
    cli.terminal.fields([
      ['seal', status.type], ['initialised', status.initialized], ['sealed', status.sealed], ['shares', status.n], ['threshold', status.t],
      ...(status.sealed && status.initialized ? [['given so far', `${status.progress} of ${status.t}`] as const] : []), ['version', status.version], ['cluster', status.cluster_name],
    ]),
  )

export const init: Run = async (invocation, cli) => {
  const session = await cli.session()
  const made = await session.client.system.init({ secretShares: invocation.whole('shares') ?? 5, secretThreshold: invocation.whole('threshold') ?? 3 })
  cli.terminal.show(made, () => {
    for (const [index, key] of made.keys_base64.entries()) cli.terminal.line(`Unseal share ${index + 1}: ${key}`)
    cli.terminal.line(`First token: ${made.root_token}`)
    cli.terminal.note('')
    cli.terminal.note('These are shown this once and stored nowhere. Give each share to another person; the threshold of them opens the server after every start.')
  })
  return undefined
}

export const unseal: Run = async (invocation, cli) => {
  const session = await cli.session()
  if (invocation.has('reset')) {
    showStatus(cli, await session.client.system.unseal({ reset: true }))
    return undefined
  }
  const share = (isInteractive() ? await askHidden('Unseal share (not shown): ') : await readLineOrAll()).trim()
  if (share === '') throw misuse('The share is empty.', 'Type it, or pipe it in.')
  showStatus(cli, await session.client.system.unseal({ key: share }))
  return undefined
}

export const seal: Run = async (invocation, cli) => {
  const session = await cli.session()
  if (!(await confirm(`Seal ${session.address}? Nothing can be read there until it is unsealed.`, invocation.has('yes')))) throw misuse('Nothing was sealed.')
  await session.client.system.seal()
  cli.terminal.show({ sealed: true }, () => cli.terminal.line('Sealed'))
  return undefined
}

/** Scripts wait for the exit code: 0 when secrets can be read. */
export const status: Run = async (_invocation, cli) => {
  const session = await cli.session()
  const found = await session.client.system.sealStatus()
  showStatus(cli, found)
  return found.sealed || !found.initialized ? exitCodes.sealed : undefined
}
