// coffer group list | create | show | add | remove

import type { Invocation, Run } from '../command.ts'
import { allPages } from '../scope.ts'

const group = (invocation: Invocation): string => invocation.args[0] ?? ''
const membership = (invocation: Invocation): { readonly group: string; readonly member: string } => ({ group: group(invocation), member: invocation.args[1] ?? '' })

export const list: Run = async (_invocation, cli) => {
  const session = await cli.session()
  const items = await allPages((after) => session.client.groups.list({ after, limit: 500 }))
  cli.terminal.show(items, () => cli.terminal.table(['NAME', 'KIND', 'MEMBERS', 'POLICIES', 'ID'], items.map((item) => [item.name, item.kind, String(item.members.length), item.policies.join(','), item.id])))
  return undefined
}

export const create: Run = async (invocation, cli) => {
  const session = await cli.session()
  const policies = invocation.list('policy')
  const made = await session.client.groups.create({ name: group(invocation), ...(policies.length === 0 ? {} : { policies }) })
  cli.terminal.show(made, () => cli.terminal.line(`${made.name}: ${made.id}`))
  return undefined
}

export const show: Run = async (invocation, cli) => {
  const session = await cli.session()
  const found = await session.client.groups.get({ group: group(invocation) })
  cli.terminal.show(found, () => {
    for (const id of [...found.members, ...(found.memberGroups ?? [])]) cli.terminal.line(id)
  })
  return undefined
}

export const add: Run = async (invocation, cli) => {
  const session = await cli.session()
  const done = await session.client.groups.addMember(membership(invocation))
  cli.terminal.show(done, () => cli.terminal.line(done.changed ? 'added' : 'was in it already'))
  return undefined
}

export const remove: Run = async (invocation, cli) => {
  const session = await cli.session()
  const done = await session.client.groups.removeMember(membership(invocation))
  cli.terminal.show(done, () => cli.terminal.line(done.changed ? 'removed' : 'was not in it'))
  return undefined
}
