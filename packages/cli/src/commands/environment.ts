// coffer env list | create | protect

import type { Session } from '../cli.ts'
import type { Run } from '../command.ts'

/** The server's default project, when nothing names one. */
const projectOf = (session: Session): string => session.project ?? 'secret'

export const list: Run = async (_invocation, cli) => {
  const session = await cli.session()
  const { items } = await session.client.environments.list({ project: projectOf(session) })
  cli.terminal.show(items, () => cli.terminal.table(['ENVIRONMENT', 'NAME', 'PROTECTED'], items.map((item) => [item.slug, item.name, item.protected])))
  return undefined
}

export const create: Run = async (invocation, cli) => {
  const session = await cli.session()
  const made = await session.client.environments.create({ project: projectOf(session), slug: invocation.args[0] ?? '', protected: invocation.has('protected'), absorb: invocation.has('absorb') })
  cli.terminal.show(made, () => cli.terminal.line(`Environment ${made.slug} is registered${made.protected ? ' and protected' : ''}`))
  return undefined
}

export const protect: Run = async (invocation, cli) => {
  const session = await cli.session()
  const changed = await session.client.environments.update({ project: projectOf(session), environment: invocation.args[0] ?? '', protected: !invocation.has('off') })
  cli.terminal.show(changed, () => cli.terminal.line(`Environment ${changed.slug} is ${changed.protected ? 'protected' : 'not protected any more'}`))
  return undefined
}
