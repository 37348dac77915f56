// coffer import and export: a whole environment as a .env, JSON or YAML document. The server reads and writes the
// documents, so every client agrees on what they mean.

import { open } from 'node:fs/promises'
import type { SyncPushOutput } from '@coffer/sdk'
import type { Cli } from '../cli.ts'
import type { Run } from '../command.ts'
import { CliFailure, misuse } from '../failure.ts'
import { readText } from '../input.ts'
import { confirm } from '../prompt.ts'

type Format = 'env' | 'json' | 'yaml'

const formatOf = (given: string | undefined, file: string): Format => {
  // Checked by the flag's choices.
  if (given !== undefined) return given as Format
  if (/\.json$/i.test(file)) return 'json'
  if (/\.ya?ml$/i.test(file)) return 'yaml'
  if (/(^|[./])env(\.|$)/i.test(file)) return 'env'
  throw misuse('The form of the document cannot be told from its name.', 'Name it with --format env, json or yaml.')
}

const signs: Readonly<Record<string, string>> = { create: '+', update: '~', unchanged: '=', 'remote-only': ' ', error: '!' }

const showChanges = ({ terminal }: Cli, { changes, created, updated, unchanged, errors }: SyncPushOutput): void => {
  for (const { path, change, message } of changes) {
    if (change === 'unchanged' || change === 'remote-only') continue
    const text = `${signs[change] ?? ' '} ${path}${message === undefined ? '' : `: ${message}`}`
    terminal.note(text)
  }
  terminal.note(`${created} to create, ${updated} to update, ${unchanged} unchanged${errors === 0 ? '' : `, ${errors} wrong`}`)
}

export const importDocument: Run = async (invocation, cli) => {
  const file = invocation.args[0] ?? ''
  const format = formatOf(invocation.text('format'), file)
  const session = await cli.session()
  const request = { ...session.scope, format, content: await readText(file), prefix: invocation.text('prefix') }
  const planned = await session.client.sync.push({ ...request, confirm: false })
  if (!cli.terminal.json) showChanges(cli, planned)
  if (planned.errors > 0) {
    if (cli.terminal.json) cli.terminal.show(planned, () => undefined)
    throw new CliFailure('invalid_request', 'Nothing was written: some entries are wrong.', 'Mend the lines with "!" and import again.')
  }
  const isNeeded = planned.created + planned.updated > 0
  if (isNeeded && !(await confirm('Write this?', invocation.has('yes')))) throw misuse('Nothing was written.')
  const done = isNeeded ? await session.client.sync.push({ ...request, confirm: true }) : planned
  cli.terminal.show(done, () => cli.terminal.line(`${done.created} created, ${done.updated} updated, ${done.unchanged} unchanged`))
  return done.errors > 0 ? 1 : undefined
}

const writeNew = async (path: string, content: string): Promise<void> => {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(content)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw new CliFailure('conflict', `${path} is there already and is not overwritten.`, undefined, error)
    throw error
  }
}

export const exportDocument: Run = async (invocation, cli) => {
  const session = await cli.session()
  const file = invocation.text('file')
  const given = invocation.text('format')
  const format = given === undefined && file === undefined ? 'env' : formatOf(given, file ?? '')
  const pulled = await session.client.sync.pull({ ...session.scope, format, prefix: invocation.text('prefix'), prefixPath: invocation.has('prefix-path') })
  if (pulled.withheld > 0) cli.terminal.note(`coffer: ${pulled.withheld} secrets were left out: you may not reveal them`)
  if (file === undefined) {
    cli.terminal.show(pulled, () => cli.terminal.raw(pulled.content.endsWith('\n') || pulled.content === '' ? pulled.content : `${pulled.content}\n`))
    return undefined
  }
  await writeNew(file, pulled.content)
  cli.terminal.show({ file, secrets: pulled.secrets, withheld: pulled.withheld }, () => cli.terminal.line(`${pulled.secrets} secrets are in ${file}, readable by you only`))
  return undefined
}
