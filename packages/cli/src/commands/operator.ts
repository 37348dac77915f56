// coffer operator init | unseal | seal | status

import type { SealStatus } from '@coffer/sdk'
import type { Cli } from '../cli.ts'
import type { Invocation, Run } from '../command.ts'
import { exitCodes, misuse } from '../failure.ts'
import { readBytes, readLineOrAll } from '../input.ts'
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
  const shares = invocation.whole('shares') ?? 5
  const threshold = invocation.whole('threshold') ?? 3
  const pgpKeys = await readPgpKeys(invocation)
  // Where the server opens by itself, shares are for recovery.
  const opensByItself = (await session.client.system.sealStatus()).recovery_seal === true
  const made = await session.client.system.init(opensByItself ? { recoveryShares: shares, recoveryThreshold: threshold, recoveryPgpKeys: pgpKeys } : { secretShares: shares, secretThreshold: threshold, pgpKeys })
  cli.terminal.show(made, () => {
    for (const [index, key] of made.keys_base64.entries()) cli.terminal.line(`Unseal share ${index + 1}: ${key}`)
    for (const [index, key] of (made.recovery_keys_base64 ?? []).entries()) cli.terminal.line(`Recovery share ${index + 1}: ${key}`)
    cli.terminal.line(`First token: ${made.root_token}`)
    cli.terminal.note('')
    cli.terminal.note(opensByItself
      ? 'These are shown this once and stored nowhere. Give each share to another person: the threshold of them makes a new root token, and opens the server if its key file is lost.'
      : 'These are shown this once and stored nowhere. Give each share to another person; the threshold of them opens the server after every start.')
  })
  return undefined
}

/** Binary, or armoured as people mail them around; the server takes base64 of the binary form. */
export const readPgpKeys = async (invocation: Invocation): Promise<readonly string[]> => {
  const keys: string[] = []
  for (const file of invocation.list('pgp-key')) {
    const bytes = await readBytes(file)
    const text = bytes.toString('latin1')
    const armoured = /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n([A-Za-z0-9+/=\s]+?)(?:\r?\n=[A-Za-z0-9+/]{4})?\r?\n-----END/.exec(text)
    keys.push(armoured?.[1] === undefined ? bytes.toString('base64') : armoured[1].replace(/\s+/g, ''))
  }
  return keys
}

/** Typed unseen, or from standard input: never an argument. */
export const readShare = async (question: string): Promise<string> => {
  const share = (isInteractive() ? await askHidden(question) : await readLineOrAll()).trim()
  if (share === '') throw misuse('The share is empty.', 'Type it, or pipe it in.')
  return share
}

export const unseal: Run = async (invocation, cli) => {
  const session = await cli.session()
  if (invocation.has('reset')) {
    showStatus(cli, await session.client.system.unseal({ reset: true }))
    return undefined
  }
  showStatus(cli, await session.client.system.unseal({ key: await readShare('Unseal share (not shown): ') }))
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
