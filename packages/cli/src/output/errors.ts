// Failures on standard error: what is wrong, what to do next, and the number to ask the operator about.

import { isCofferError, type CofferError, type ErrorKind } from '@coffer/sdk'
import { CliFailure, exitCodes } from '../failure.ts'
import { plain, writeAll } from './write.ts'

const hints: Partial<Record<ErrorKind, string>> = {
  unauthenticated: 'Log in with `coffer login`, or set COFFER_TOKEN.',
  permission_denied: '`coffer explain ACTION PATH` shows which rule decides.',
  sealed: 'An operator opens it with `coffer operator unseal` (or `coffer operator init` the first time).',
}

const hintsByCode: Readonly<Record<string, string>> = {
  'client.unreachable': 'Is the server running, and is the address right? Set it with --address, COFFER_ADDR or `coffer context set --address`.',
  'client.answer': 'Set the address with --address, COFFER_ADDR or `coffer context set --address`.',
  'client.pin': 'If the server got a new key, set the new pin with `coffer context set --pin sha256/…`; if not, somebody is in between.',
  'client.pin_form': '`coffer doctor` prints the one of the server at the address.',
  'client.pin_plain': 'Use an https:// address, or remove the pin with `coffer context set --pin ""`.',
  'client.cacert': 'Check --cacert, COFFER_CACERT or VAULT_CACERT.',
  'environment.unnamed': 'Name it with --env NAME, or once for all with `coffer context set --env NAME`.',
  'environment.not_found': '`coffer env list` shows the environments of the project.',
  'project.not_found': '`coffer project list` shows the projects.',
  'inject.same_name': 'Use --prefix-path, or take fewer with --prefix FOLDER.',
  'secret.not_found': '`coffer secret list` shows what there is.',
}

const hintOf = (error: CofferError): string | undefined => {
  if (error.kind === 'rate_limited') return error.retryAfterSeconds === undefined ? 'Try again in a moment.' : `Try again in ${Math.ceil(error.retryAfterSeconds)} seconds.`
  if (/CERT|SELF_SIGNED|ALTNAME|SIGNATURE/.test(causeOf(error) ?? '')) return 'Its certificate is not trusted. Name the authority that signed it with --cacert FILE or COFFER_CACERT.'
  return hintsByCode[error.code] ?? hints[error.kind]
}

/** The code below a connection that failed: a certificate, a refused port. No text of others. */
const causeOf = ({ code, cause }: CofferError): string | undefined =>
  code === 'client.unreachable' && cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined

const messageOf = (error: CofferError): string => {
  const cause = causeOf(error)
  return cause === undefined ? error.message : `${error.message.replace(/\.$/, '')} (${cause}).`
}

/** Prints the failure and returns the exit code. */
export const reportFailure = (error: unknown, json: boolean): number => {
  const { kind, message, code, field, requestId, hint } = describe(error)
  if (json) writeAll(2, `${JSON.stringify({ error: true, message, data: { kind, code, field, requestId, hint } }, null, 2)}\n`)
  else {
    writeAll(2, `coffer: ${plain(message)}\n`)
    if (hint !== undefined) writeAll(2, `        ${plain(hint)}\n`)
    if (requestId !== undefined && (kind === 'internal' || kind === 'permission_denied')) writeAll(2, `        Request ${plain(requestId)}\n`)
  }
  return exitCodes[kind]
}

interface Described {
  readonly kind: ErrorKind
  readonly message: string
  readonly code?: string | undefined
  readonly field?: string | undefined
  readonly requestId?: string | undefined
  readonly hint?: string | undefined
}

const describe = (error: unknown): Described => {
  if (error instanceof CliFailure) return { kind: error.kind, message: error.message, hint: error.hint }
  if (isCofferError(error)) {
    const { kind, code, field, requestId } = error
    return { kind, code, field, requestId, message: messageOf(error), hint: hintOf(error) }
  }
  // A message of the operating system names a path or a call; anything else could hold what it was working on.
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const message = error instanceof Error && 'syscall' in error ? error.message : `Something went wrong${code === undefined ? '' : ` (${code})`}.`
  return { kind: 'internal', message, code }
}
