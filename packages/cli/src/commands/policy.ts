// coffer policy put | get | list | rm, and explain

import type { AccessExplainInput, PoliciesPutInput } from '@coffer/sdk'
import type { Invocation, Run } from '../command.ts'
import { misuse } from '../failure.ts'
import { readText } from '../input.ts'
import { confirm } from '../prompt.ts'
import { atPlace } from '../scope.ts'

type Kind = NonNullable<PoliciesPutInput['kind']>

const kindOf = (invocation: Invocation, file = ''): Kind => {
  const given = invocation.text('kind')
  // Checked by the flag's choices.
  if (given !== undefined) return given as Kind
  return /\.(hcl|acl)$/i.test(file) ? 'acl' : 'json'
}

export const put: Run = async (invocation, cli) => {
  const [name = '', file = ''] = invocation.args
  const session = await cli.session()
  const written = await session.client.policies.put({ name, kind: kindOf(invocation, file), body: await readText(file) })
  cli.terminal.show(written, () => cli.terminal.line(`Policy ${written.name} (${written.kind}) is written`))
  if (!cli.terminal.json) for (const warning of written.warnings ?? []) cli.terminal.warn(warning)
  return undefined
}

export const get: Run = async (invocation, cli) => {
  const session = await cli.session()
  const found = await session.client.policies.get({ name: invocation.args[0] ?? '', kind: kindOf(invocation) })
  cli.terminal.show(found, () => cli.terminal.raw(found.body.endsWith('\n') ? found.body : `${found.body}\n`))
  return undefined
}

export const list: Run = async (_invocation, cli) => {
  const session = await cli.session()
  const { items } = await session.client.policies.list()
  cli.terminal.show(items, () => cli.terminal.table(['POLICY', 'KIND', 'UPDATED'], items.map((item) => [item.name, item.kind, item.updatedAt])))
  return undefined
}

export const remove: Run = async (invocation, cli) => {
  const name = invocation.args[0] ?? ''
  const session = await cli.session()
  if (!(await confirm(`Delete the policy ${name}?`, invocation.has('yes')))) throw misuse('Nothing was deleted.')
  const removed = await session.client.policies.delete({ name, kind: kindOf(invocation) })
  cli.terminal.show(removed, () => cli.terminal.line(`Policy ${name} is deleted`))
  return undefined
}

/** Every token has the policy `default`, which is about the token itself: its rules are shown when they decide something, and always in JSON. */
export const explain: Run = async (invocation, cli) => {
  const [action = '', path] = invocation.args
  const session = await cli.session()
  // The server checks the action and lists those there are.
  const asked = { action: action as AccessExplainInput['action'], accessor: invocation.text('accessor') }
  const said = await atPlace(session, cli.terminal, path ?? '', ({ project, environment, key }) => session.client.access.explain({ ...asked, project, environment, path: key === '' ? undefined : key }))
  cli.terminal.show(said, () => {
    cli.terminal.raw(`${said.allow ? cli.terminal.good('allowed') : cli.terminal.bad('denied')}\n`)
    cli.terminal.line(said.reason)
    cli.terminal.fields([['rule', said.rule]])
    const telling = said.considered.filter(({ rule, matched }) => matched || !rule.startsWith('acl:default '))
    if (telling.length > 0) cli.terminal.table(['RULE', 'EFFECT', 'APPLIED', 'WHY'], telling.map((rule) => [rule.rule, rule.effect, rule.matched, rule.why]))
  })
  return undefined
}
