// coffer context set | show

import type { Run } from '../command.ts'
import { contextFields, type Context } from '../credentials/store.ts'
import { misuse } from '../failure.ts'
import { parseAddress } from '@coffer/sdk'
import { parsePin } from '../transport.ts'

export const set: Run = async (invocation, cli) => {
  const given = contextFields.flatMap((field) => {
    const text = invocation.text(field)
    return text === undefined ? [] : [[field, text] as const]
  })
  if (given.length === 0) throw misuse('There is nothing to set.', `Give one or more of ${contextFields.map((field) => `--${field}`).join(', ')}.`)
  const merged: Record<string, string> = { ...definedOf(await cli.store.readContext()) }
  for (const [field, text] of given) {
    if (text === '') delete merged[field]
    else merged[field] = field === 'address' ? parseAddress(text) : text
  }
  if (merged['pin'] !== undefined) parsePin(merged['pin'])
  await cli.store.writeContext(merged)
  cli.terminal.show(merged, () => cli.terminal.fields(contextFields.map((field) => [field, merged[field]])))
  return undefined
}

const definedOf = (context: Context): Record<string, string> => Object.fromEntries(contextFields.flatMap((field) => (context[field] === undefined ? [] : [[field, context[field]]])))

export const show: Run = async (invocation, cli) => {
  const stored = await cli.store.readContext()
  const used = await cli.settings()
  const token = await cli.token()
  const source = (field: (typeof contextFields)[number]): string | undefined => {
    if (used[field] === undefined) return undefined
    if (invocation.text(field) !== undefined) return 'flag'
    if (used[field] === (field === 'address' && stored.address !== undefined ? parseAddress(stored.address) : stored[field])) return 'context'
    return field === 'address' && used.address === 'http://127.0.0.1:8200' ? 'default' : 'environment variable'
  }
  const rows = contextFields.map((field) => ({ name: field, value: used[field] ?? null, from: source(field) ?? null }))
  cli.terminal.show({ ...Object.fromEntries(rows.map(({ name, value }) => [name, value])), tokenFrom: token?.from ?? null }, () =>
    cli.terminal.table(['SETTING', 'VALUE', 'FROM'], [...rows.map(({ name, value, from }) => [name, value, from]), ['token', token === undefined ? undefined : '(stored)', token?.from]]),
  )
  return undefined
}
