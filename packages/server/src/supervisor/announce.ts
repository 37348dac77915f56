// What the server says on standard output: that it is ready, and to a newcomer how to go on. Everything else is log.

import { join, relative } from 'node:path'
import type { Config } from '../config/config.ts'
import { formatAddress } from '../config/setting.ts'
import type { SealStatus } from '../kernel/ports/seal-control.ts'

export interface Announcement {
  readonly config: Config
  readonly status: SealStatus
  /** The first token, when this start made it. */
  readonly rootToken: string | undefined
}

export const baseUrl = ({ tls, listen }: Config): string => `${tls.cert === undefined ? 'http' : 'https'}://${formatAddress(listen)}`

const sealState = ({ initialized, sealed }: SealStatus): string => (initialized ? (sealed ? 'sealed' : 'unsealed') : 'not initialised')

/** One line that scripts may wait for. */
export const readyLine = ({ config, status }: Announcement): string => `coffer: ready at ${baseUrl(config)} (${sealState(status)})\n`

/** The token itself is for a terminal only: output that is kept somewhere must not hold it. */
export const newcomersGuide = ({ config, rootToken }: Announcement, isTerminal: boolean): string => {
  const shown = relative(process.cwd(), config.dataDir)
  const directory = shown === '' || shown.startsWith('..') ? config.dataDir : `./${shown}`
  const lines = ['', 'Log in, in another terminal:', `  bin/coffer login --data-dir ${directory}`]
  if (rootToken !== undefined) {
    lines.push(`The first token is in ${join(directory, 'login')}, readable by this account only.`)
    if (isTerminal) lines.push(`It is ${rootToken}`)
  }
  lines.push(
    '',
    'Then try:',
    "  printf %s 's3cret' | bin/coffer secret set dev/db/password",
    '  bin/coffer secret get dev/db/password',
    '  bin/coffer run --env dev -- printenv PASSWORD',
    '',
    'Stop the server with Ctrl-C. Data stays where it is.',
    '',
  )
  return lines.join('\n')
}

/** A throw-away server: where, and with which token. The token is given by the caller or shown here only. */
export const devGuide = ({ config, rootToken }: Announcement, isTerminal: boolean): string => {
  const token = isTerminal && rootToken !== undefined ? rootToken : `(as given, or in ${join(config.dataDir, 'login')})`
  return `\nA throw-away server: everything is removed when it ends.\n  address     ${baseUrl(config)}\n  root token  ${token}\n`
}
