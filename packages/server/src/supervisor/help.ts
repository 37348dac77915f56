// `coffer server --help` and `coffer start --help`.

import { describeFlags } from '../config/document.ts'

const usage: Readonly<Record<'server' | 'start', string>> = Object.freeze({
  start: `Usage: coffer start [flags]

Starts Coffer with everything in ./data: its own database, a key file, initialised and unsealed. The first start writes
the first token to ./data/login; the next ones find everything again.
`,
  server: `Usage: coffer server --listen HOST:PORT --data-dir DIR --seal shamir|keyfile [flags]
       coffer server --dev [--dev-root-token-id=TOKEN] [flags]

Starts a server, sealed and not initialised until told otherwise. With --dev: a throw-away server, unsealed, with fresh
data that is removed when it ends.
`,
})

export const describeCommand = (command: 'server' | 'start'): string => `${usage[command]}
Flags (also in a file with --config FILE, and in the environment; docs/guides/configuration.md has the details):

${describeFlags()}
`

export const describeCommands = (): string => `${usage.start}\n${usage.server}`
