// coffer operator slots list | add | remove, rotate, rotate-root: the ways in which the root key can be opened.

import type { Run } from '../command.ts'
import { misuse } from '../failure.ts'
import { readLineOrAll } from '../input.ts'
import { askHidden, confirm, isInteractive } from '../prompt.ts'
import { readPgpKeys } from './operator.ts'

export const list: Run = async (_invocation, cli) => {
  const { slots } = await (await cli.session()).client.seal.listSlots({})
  cli.terminal.show(slots, () => cli.terminal.table(['SLOT', 'KIND', 'SHARES', 'ROOT KEY', ''], slots.map((slot) => [slot.id, slot.kind, slot.threshold === null ? undefined : `${slot.threshold} of ${slot.shares}`, slot.generation, slot.replaced ? 'replaced; rekey again' : undefined])))
  return undefined
}

export const add: Run = async (invocation, cli) => {
  const { client } = await cli.session()
  const keyFile = invocation.text('key-file')
  const made = keyFile === undefined
    ? await client.seal.addSlot({ kind: 'shamir', shares: invocation.whole('shares') ?? 5, threshold: invocation.whole('threshold') ?? 3, pgpKeys: [...(await readPgpKeys(invocation))] })
    : await client.seal.addSlot({ kind: 'keyfile', keyFile })
  cli.terminal.show(made, () => {
    cli.terminal.line(`Slot: ${made.id}`)
    for (const [index, share] of made.shares.entries()) cli.terminal.line(`Share ${index + 1}: ${share}`)
    if (made.shares.length > 0) cli.terminal.note('Shown this once and stored nowhere. Give each share to another person.')
  })
  return undefined
}

/** One a line on standard input, or typed unseen until an empty one. */
const readShares = async (): Promise<string[]> => {
  if (!isInteractive()) return (await readLineOrAll()).split('\n').map((line) => line.trim()).filter((line) => line !== '')
  const shares: string[] = []
  for (;;) {
    const share = (await askHidden(`Share ${shares.length + 1} of a slot that stays (not shown; empty: no more): `)).trim()
    if (share === '') return shares
    shares.push(share)
  }
}

export const remove: Run = async (invocation, cli) => {
  const { client } = await cli.session()
  const [id = ''] = invocation.args
  if (!(await confirm(`Remove slot ${id}? What opens it now opens nothing afterwards, and the root key is rotated.`, invocation.has('yes')))) throw misuse('Nothing was removed.')
  const { generation } = await client.seal.removeSlot({ id, shares: await readShares(), keyFiles: [...invocation.list('key-file')] })
  cli.terminal.show({ generation }, () => cli.terminal.line(`Removed. Generation ${generation} of the root key is in force.`))
  return undefined
}

export const rotateRoot: Run = async (invocation, cli) => {
  const { client } = await cli.session()
  const { generation } = await client.seal.rotateRoot({ shares: await readShares(), keyFiles: [...invocation.list('key-file')] })
  cli.terminal.show({ generation }, () => cli.terminal.line(`Generation ${generation} of the root key is in force.`))
  return undefined
}

export const rotate: Run = async (invocation, cli) => {
  const { kekVersion } = await (await cli.session()).client.keys.rotate({ rewrap: invocation.has('rewrap') })
  cli.terminal.show({ kekVersion }, () => cli.terminal.line(`Version ${kekVersion} of the key-encryption key is active.`))
  return undefined
}
