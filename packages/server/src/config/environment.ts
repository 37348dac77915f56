// The only place that reads the process's environment.

import { homedir, tmpdir } from 'node:os'
import { env } from 'node:process'

export const processEnvironment = (): Readonly<Record<string, string | undefined>> => ({ ...env })

/** The home directory if the environment names one; never guessed from the user database. */
export const homeDirectory = (): string | undefined => (env['HOME'] ? homedir() : undefined)

/** TMPDIR, or where this system keeps what is temporary. */
export const temporaryDirectory = (): string => tmpdir()

/**
 * What a worker inherits: where things are and how times and certificates are read. Everything else stays behind,
 * because an environment is readable in /proc and is handed on to every child.
 */
const workerVariables = ['HOME', 'LANG', 'LC_ALL', 'NODE_EXTRA_CA_CERTS', 'PATH', 'SSL_CERT_DIR', 'SSL_CERT_FILE', 'TMPDIR', 'TZ']

export const workerEnvironment = (): Record<string, string> =>
  Object.fromEntries(workerVariables.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
