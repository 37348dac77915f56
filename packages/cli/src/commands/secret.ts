// coffer secret set | get | list | rm | restore | purge

import type { SecretsGetOutput } from '@coffer/sdk'
import type { Run } from '../command.ts'
import { CliFailure, misuse } from '../failure.ts'
import { readValue } from '../input.ts'
import { confirm } from '../prompt.ts'
import { allPages, atPlace } from '../scope.ts'

/** The one argument of a command that takes a NAME. */
export const nameArgument = (args: readonly string[]): string => args[0] ?? ''

const refuseValue = (name: string): void => {
  // Not quoted back: it holds the value.
  if (name.includes('=')) throw misuse('A value does not go on the command line: every process can read it there, and the shell keeps it.', 'Write `coffer secret set NAME` and type it, or pipe it in: printf %s "$VALUE" | coffer secret set NAME')
}

export const set: Run = async (invocation, cli) => {
  const name = nameArgument(invocation.args)
  refuseValue(name)
  const session = await cli.session()
  const value = await readValue(invocation, `Value of ${name} (not shown): `)
  if (value === '') throw misuse('The value is empty.', 'Nothing came from standard input. To delete a secret: `coffer secret rm NAME`.')
  const written = await atPlace(session, cli.terminal, name, (place) =>
    session.client.secrets.put({
      ...place,
      value,
      type: typeOf(invocation.text('type')),
      expectedPreviousVersion: invocation.whole('expect-version'),
      expiresAt: invocation.text('expires-at'),
      ttl: seconds(invocation.text('ttl'), 'ttl'),
      ownerTeam: invocation.text('owner'),
      description: invocation.text('description'),
      rotationStrategy: invocation.text('rotation'),
    }),
  )
  cli.terminal.show(written, () => cli.terminal.line(`${name}: version ${written.version} is current`))
  return undefined
}

type ValueType = SecretsGetOutput['type']

// Checked by the flag's choices.
export const typeOf = (text: string | undefined): ValueType | undefined => text as ValueType | undefined

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400 }

/** `90`, `90s`, `15m`, `24h`, `30d`, `1h30m` as seconds. @throws CliFailure */
export const seconds = (text: string | undefined, flag: string): number | undefined => {
  if (text === undefined) return undefined
  if (/^\d{1,10}$/.test(text)) return Number(text)
  const parts = [...text.matchAll(/(\d{1,8})([smhd])/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) throw misuse(`--${flag} must be a time like 30m, 24h or 30d.`)
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0)
}

export const get: Run = async (invocation, cli) => {
  const name = nameArgument(invocation.args)
  const session = await cli.session()
  const reveal = !invocation.has('metadata')
  const found = await atPlace(session, cli.terminal, name, (place) => session.client.secrets.get({ ...place, reveal, version: invocation.text('version'), alias: invocation.text('alias') }))
  if (reveal && found.value === undefined) throw new CliFailure('not_found', `${name} has no current version yet.`, 'Promote one with `coffer secret promote`.')
  cli.terminal.show(found, () => {
    // To a file or a pipe go exactly the bytes that were stored.
    if (reveal) cli.terminal.raw(cli.terminal.isTerminal ? `${found.value ?? ''}\n` : (found.value ?? ''))
    else showMetadata(found)
  })
  return undefined

  function showMetadata(secret: SecretsGetOutput): void {
    const { metadata, aliases, value: _value, ...plain } = secret
    cli.terminal.fields([
      ...Object.entries(plain),
      ...Object.entries(aliases).map(([alias, version]) => [`alias ${alias}`, version] as const),
      ...Object.entries(metadata).map(([key, text]) => [`metadata ${key}`, text] as const),
    ])
  }
}

export const list: Run = async (invocation, cli) => {
  const session = await cli.session()
  const folder = invocation.args[0] ?? ''
  const deleted = invocation.has('deleted')
  const items = await atPlace(session, cli.terminal, folder === '' || folder.endsWith('/') ? folder : `${folder}/`, ({ project, environment, key }) =>
    allPages((after) => session.client.secrets.list({ project, environment, prefix: key === '' ? undefined : key, deleted, after, limit: 500 })),
  )
  cli.terminal.show(items, () => {
    if (items.length === 0) cli.terminal.note(deleted ? 'No deleted secrets here.' : 'No secrets here that you may see.')
    else cli.terminal.table(['PATH', 'TYPE', 'VERSION', 'OWNER', 'UPDATED'], items.map((item) => [item.path, item.type, item.currentVersion === 0 ? undefined : item.currentVersion, item.ownerTeam, item.updatedAt]))
  })
  return undefined
}

export const remove: Run = async (invocation, cli) => {
  const name = nameArgument(invocation.args)
  const session = await cli.session()
  const removed = await atPlace(session, cli.terminal, name, (place) => session.client.secrets.delete(place))
  cli.terminal.show(removed, () => cli.terminal.line(`${name} is deleted; \`coffer secret restore\` brings it back`))
  return undefined
}

export const restore: Run = async (invocation, cli) => {
  const name = nameArgument(invocation.args)
  const session = await cli.session()
  const restored = await atPlace(session, cli.terminal, name, (place) => session.client.secrets.restore(place))
  cli.terminal.show(restored, () => cli.terminal.line(`${name} is back`))
  return undefined
}

export const purge: Run = async (invocation, cli) => {
  const name = nameArgument(invocation.args)
  const session = await cli.session()
  if (!(await confirm(`Remove ${name} and all its versions for good?`, invocation.has('yes')))) throw misuse('Nothing was removed.')
  const purged = await atPlace(session, cli.terminal, name, (place) => session.client.secrets.purge(place))
  cli.terminal.show(purged, () => cli.terminal.line(`${name} is gone for good`))
  return undefined
}
