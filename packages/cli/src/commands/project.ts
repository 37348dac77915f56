// coffer project list | create

import type { Run } from '../command.ts'

export const list: Run = async (_invocation, cli) => {
  const session = await cli.session()
  const { items } = await session.client.projects.list()
  cli.terminal.show(items, () => cli.terminal.table(['PROJECT', 'ENVIRONMENTS', 'DESCRIPTION'], items.map((item) => [item.name, item.environments.map(({ slug, protected: isProtected }) => (isProtected ? `${slug}*` : slug)).join(' '), item.description])))
  return undefined
}

export const create: Run = async (invocation, cli) => {
  const session = await cli.session()
  const made = await session.client.projects.create({ name: invocation.args[0] ?? '', description: invocation.text('description') })
  cli.terminal.show(made, () => cli.terminal.line(`Project ${made.name} has the environments ${made.environments.map(({ slug }) => slug).join(', ')}`))
  return undefined
}
