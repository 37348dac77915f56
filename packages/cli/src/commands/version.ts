// coffer secret history | rollback | propose | promote | disable | enable | destroy: the versions of a secret

import type { VersionsSetStateInput } from '@coffer/sdk'
import type { Cli } from '../cli.ts'
import type { Invocation, Run } from '../command.ts'
import { misuse } from '../failure.ts'
import { readValue } from '../input.ts'
import { confirm } from '../prompt.ts'
import { allPages, atPlace } from '../scope.ts'
import { nameArgument, typeOf } from './secret.ts'

export const history: Run = async (invocation, cli) => {
  const session = await cli.session()
  const items = await atPlace(session, cli.terminal, nameArgument(invocation.args), (place) => allPages((after) => session.client.secrets.history({ ...place, after, limit: 500 })))
  cli.terminal.show(items, () => cli.terminal.table(['VERSION', 'STATE', 'TYPE', 'CREATED', 'BY', 'EXPIRES'], items.map((item) => [item.version, item.state, item.type, item.createdAt, item.createdBy, item.expiresAt])))
  return undefined
}

export const rollback: Run = async (invocation, cli) => {
  const name = nameArgument(invocation.args)
  const session = await cli.session()
  const to = invocation.text('to') ?? 'previous'
  const written = await atPlace(session, cli.terminal, name, (place) => session.client.secrets.rollback({ ...place, version: to, expectedPreviousVersion: invocation.whole('expect-version') }))
  cli.terminal.show(written, () => cli.terminal.line(`${name}: version ${written.version} is current, with the value of ${to}`))
  return undefined
}

export const propose: Run = async (invocation, cli) => {
  const name = nameArgument(invocation.args)
  const session = await cli.session()
  const value = await readValue(invocation, `Proposed value of ${name} (not shown): `)
  if (value === '') throw misuse('The value is empty.')
  const written = await atPlace(session, cli.terminal, name, (place) => session.client.versions.propose({ ...place, value, type: typeOf(invocation.text('type')), expiresAt: invocation.text('expires-at') }))
  cli.terminal.show(written, () => cli.terminal.line(`${name}: version ${written.version} is proposed; \`coffer secret promote ${name}\` makes it current`))
  return undefined
}

export const promote: Run = async (invocation, cli) => {
  const name = nameArgument(invocation.args)
  const session = await cli.session()
  const alias = invocation.text('alias') ?? 'current'
  const set = await atPlace(session, cli.terminal, name, async (place) => {
    const { aliases } = await session.client.secrets.get(place)
    const version = invocation.whole('version') ?? (alias === 'next' ? undefined : aliases['next'])
    if (version === undefined) throw misuse(`No version of ${name} is proposed.`, 'Propose one with `coffer secret propose`, or name one with --version.')
    return session.client.aliases.set({ ...place, alias, version, expectedPreviousVersion: invocation.whole('expect-version') ?? aliases[alias] ?? 0 })
  })
  cli.terminal.show(set, () => cli.terminal.line(`${name}: ${set.alias} is version ${set.version}`))
  return undefined
}

const changeState = async (invocation: Invocation, cli: Cli, state: VersionsSetStateInput['state']): Promise<void> => {
  const name = nameArgument(invocation.args)
  const version = invocation.whole('version')
  if (version === undefined) throw misuse('--version is missing.', `\`coffer secret history ${name}\` lists the versions.`)
  const session = await cli.session()
  if (state === 'DESTROYED' && !(await confirm(`Erase version ${version} of ${name} for good?`, invocation.has('yes')))) throw misuse('Nothing was erased.')
  const set = await atPlace(session, cli.terminal, name, (place) => session.client.versions.setState({ ...place, version, state, force: invocation.has('force') }))
  cli.terminal.show(set, () => cli.terminal.line(`${name}: version ${set.version} is ${set.state.toLowerCase()}`))
}

export const disable: Run = async (invocation, cli) => {
  await changeState(invocation, cli, 'DISABLED')
  return undefined
}

export const enable: Run = async (invocation, cli) => {
  await changeState(invocation, cli, 'ENABLED')
  return undefined
}

export const destroy: Run = async (invocation, cli) => {
  await changeState(invocation, cli, 'DESTROYED')
  return undefined
}
