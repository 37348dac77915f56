// coffer audit tail | search | verify

import { setTimeout as wait } from 'node:timers/promises'
import type { AuditSearchInput, AuditSearchOutput } from '@coffer/sdk'
import type { Cli } from '../cli.ts'
import type { Invocation, Run } from '../command.ts'

type Event = AuditSearchOutput['items'][number]

const filterOf = (invocation: Invocation): AuditSearchInput => ({
  principal: invocation.text('principal'),
  action: invocation.text('action'),
  path: invocation.text('path'),
  // Checked by the flag's choices.
  decision: invocation.text('decision') as AuditSearchInput['decision'],
})

const place = (event: Event): string => [event.project, event.environment, event.path].filter((part) => part !== undefined && part !== '').join('/')

const rowOf = (event: Event): readonly (string | undefined)[] => [event.createdAt, event.decision, event.action, event.principal, event.version === undefined ? place(event) : `${place(event)} v${event.version}`, event.sourceIp]

const headings = ['TIME', 'DECISION', 'ACTION', 'PRINCIPAL', 'WHAT', 'FROM']

const search_ = async (cli: Cli, filter: AuditSearchInput, limit: number): Promise<readonly Event[]> => {
  const session = await cli.session()
  // Project and environment of flags and context narrow the search only when named in this command's filter.
  const items: Event[] = []
  let after: string | undefined
  do {
    const page = await session.client.audit.search({ ...filter, after, limit: Math.min(500, limit - items.length) })
    items.push(...page.items)
    after = page.next
  } while (after !== undefined && items.length < limit)
  return items
}

export const search: Run = async (invocation, cli) => {
  const filter = {
    ...filterOf(invocation),
    project: invocation.text('project'),
    environment: invocation.text('env'),
    from: invocation.text('from'),
    to: invocation.text('to'),
    eventType: invocation.text('type'),
    requestId: invocation.text('request'),
  }
  const items = await search_(cli, filter, invocation.whole('limit') ?? 100)
  cli.terminal.show(items, () => {
    if (items.length === 0) cli.terminal.note('No such events.')
    else cli.terminal.table(headings, items.map(rowOf))
  })
  return undefined
}

/** Asking is recorded too; a tail that showed its own questions would never be quiet. */
const isOwnQuestion = (event: Event): boolean => event.action === 'audit.search'

const POLL_MILLISECONDS = 1000

export const tail: Run = async (invocation, cli) => {
  const filter = { ...filterOf(invocation), project: invocation.text('project'), environment: invocation.text('env') }
  const lines = invocation.whole('lines') ?? 20
  const first = (await search_(cli, filter, lines)).toReversed()
  const print = (events: readonly Event[]): void => {
    for (const event of events) {
      if (cli.terminal.json) cli.terminal.raw(`${JSON.stringify(event)}\n`)
      else cli.terminal.line(rowOf(event).map((text) => (text === undefined || text === '' ? '-' : text)).join('  '))
    }
  }
  print(first)
  if (!invocation.has('follow')) return undefined
  const seen = new Set(first.map(({ id }) => id))
  let from = first.at(-1)?.createdAt
  for (;;) {
    await wait(POLL_MILLISECONDS)
    // Records arrive from several workers, so a little of what was there already is asked for again.
    const fresh = (await search_(cli, { ...filter, ...(from === undefined ? {} : { from: earlier(from) }) }, 500)).filter((event) => !seen.has(event.id) && !isOwnQuestion(event)).toReversed()
    print(fresh)
    for (const { id } of fresh) seen.add(id)
    from = fresh.at(-1)?.createdAt ?? from
  }
}

const OVERLAP_MILLISECONDS = 30_000

const earlier = (time: string): string => new Date(Date.parse(time) - OVERLAP_MILLISECONDS).toISOString()

export const verify: Run = async (_invocation, cli) => {
  const session = await cli.session()
  const found = await session.client.audit.verify()
  cli.terminal.show(found, () => {
    cli.terminal.raw(`${found.intact ? cli.terminal.good('intact') : cli.terminal.bad('NOT INTACT')}: ${found.records} records in ${found.frames} frames of ${found.streams} ${found.streams === 1 ? 'stream' : 'streams'}\n`)
    if (found.findings.length > 0) cli.terminal.table(['STREAM', 'SEQUENCE', 'KIND', 'WHAT'], found.findings.map((finding) => [finding.stream, finding.seq, finding.kind, finding.message]))
    for (const limit of found.cannotSee) cli.terminal.note(`This check cannot see: ${limit}`)
  })
  return found.intact ? undefined : 1
}
