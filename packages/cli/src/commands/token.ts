// coffer token create | list | revoke

import type { TokensCreateInput } from '@coffer/sdk'
import type { Run } from '../command.ts'
import { misuse } from '../failure.ts'
import { allPages } from '../scope.ts'
import { seconds } from './secret.ts'

export const create: Run = async (invocation, cli) => {
  const session = await cli.session()
  const isEverywhere = invocation.has('everywhere')
  if (isEverywhere && (invocation.text('project') ?? invocation.text('env')) !== undefined) throw misuse('--everywhere and --project or --env contradict each other.')
  // A lock needs both or the project alone: an environment is one of a project.
  const lock = isEverywhere ? {} : { project: session.project ?? (session.env === undefined ? undefined : 'secret'), environment: session.env }
  const made = await session.client.tokens.create({
    name: invocation.args[0] ?? '',
    ...lock,
    // Both checked by the flags' choices.
    kind: invocation.text('kind') as TokensCreateInput['kind'],
    role: invocation.text('role') as TokensCreateInput['role'],
    policies: invocation.list('policy').length === 0 ? undefined : invocation.list('policy'),
    ttl: seconds(invocation.text('ttl'), 'ttl'),
    maxTtl: seconds(invocation.text('max-ttl'), 'max-ttl'),
    numUses: invocation.whole('uses'),
    boundCidrs: invocation.list('cidr').length === 0 ? undefined : invocation.list('cidr'),
  })
  cli.terminal.show(made, () => {
    const scope = made.project === undefined ? 'the whole organization' : [made.project, made.environment].filter((part) => part !== undefined).join('/')
    cli.terminal.note(`For ${made.principal ?? made.displayName}, ${scope}; accessor ${made.accessor}; ends ${made.expiresAt ?? 'when it is revoked'}. Shown this once:`)
    // Alone on standard output, so that `TOKEN=$(coffer token create …)` holds the token and nothing else.
    cli.terminal.line(made.token)
  })
  return undefined
}

export const list: Run = async (_invocation, cli) => {
  const session = await cli.session()
  const items = await allPages((after) => session.client.tokens.list({ after, limit: 500 }))
  cli.terminal.show(items, () =>
    cli.terminal.table(['ACCESSOR', 'PRINCIPAL', 'POLICIES', 'LOCKED TO', 'CREATED', 'EXPIRES'], items.map((item) => [item.accessor, item.principal ?? item.displayName, item.root ? 'root' : item.policies.join(','), [item.project, item.environment].filter((part) => part !== undefined).join('/'), item.createdAt, item.expiresAt])),
  )
  return undefined
}

export const revoke: Run = async (invocation, cli) => {
  const session = await cli.session()
  const done = await session.client.tokens.revoke({ accessor: invocation.args[0] ?? '' })
  cli.terminal.show(done, () => cli.terminal.line(`${done.revoked} ${done.revoked === 1 ? 'token' : 'tokens'} ended`))
  return undefined
}
