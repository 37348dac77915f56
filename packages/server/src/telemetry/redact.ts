// What a log entry may hold. Redaction goes by name (a field called `password`), by form (one of our tokens, a URL with
// credentials, a private key) and by type (bytes, errors): an entry that slips past one is caught by another.
// Messages of foreign errors are dropped, because parsers, drivers and V8 itself quote values in them.

import { isCofferError } from '../kernel/errors.ts'
import { StatementError } from '../kernel/storage.ts'

export const mask = '[REDACTED_SECRET]'

const sensitiveWord = /token|password|passwd|passphrase|secret|authorization|cookie|credential|plaintext|ciphertext|private_?key|api_?key|root_?key|unseal_?key|encryption_?key/i
const sensitiveName = /^(value|values|share|shares|key|keys|dek|kek|body|payload|sql|query|parameters)$/i
/** Facts about a sensitive thing rather than the thing: secretId, token_count, secretPath. */
const harmlessEnding = /(_?id|_?ids|count|kind|type|ttl|seconds|version|path|bytes|epoch)$/i

export const isSensitiveName = (name: string): boolean => sensitiveName.test(name) || (sensitiveWord.test(name) && !harmlessEnding.test(name))

const patterns: readonly (readonly [RegExp, string])[] = [
  [/\bhv[sbr]\.[\w-]{6,}(?:\.[\w-]+)?/g, mask],
  [/\b([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#@]*@/gi, `$1${mask}@`],
  [/\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${mask}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, mask],
]

const maxText = 4096

/** Masks what looks like a credential inside a text, and bounds its length. */
export const redactText = (text: string): string => {
  const clipped = text.length > maxText ? `${text.slice(0, maxText)}...` : text
  return patterns.reduce((current, [pattern, replacement]) => current.replace(pattern, replacement), clipped)
}

const maxDepth = 6
const maxItems = 64

/** A copy of a value that is fit for the log: plain JSON, bounded, without secrets. */
export const redact = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return '[too deep]'
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return mask
  if (value instanceof Error) return redactError(value, depth)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => redact(item, depth + 1))
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`
  // A Secret serialises as the mask; its own toJSON says so.
  if ('toJSON' in value && typeof value.toJSON === 'function') return redact(value.toJSON(), depth + 1)
  return redactObject(value, depth)
}

const redactObject = (value: object, depth: number): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(value)
      .slice(0, maxItems)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [redactText(name), isSensitiveName(name) && field !== null ? mask : redact(field, depth + 1)]),
  )

interface SystemError extends Error {
  readonly code: string
  readonly syscall: string
  readonly path?: unknown
}

const isSystemError = (error: Error): error is SystemError =>
  'syscall' in error && typeof error.syscall === 'string' && 'errno' in error && typeof error.errno === 'number' && 'code' in error

/** Name, code, where it was thrown and what caused it; the message only where its author promises that it is safe. */
const redactError = (error: Error, depth: number): Record<string, unknown> => {
  const described: Record<string, unknown> = { name: redactText(error.name) }
  if ('code' in error && typeof error.code === 'string') described['code'] = redactText(error.code)
  if (isCofferError(error)) described['kind'] = error.kind
  if (isCofferError(error) || error instanceof StatementError) described['message'] = redactText(error.message)
  else if (isSystemError(error)) described['message'] = redactText(`${error.code} from ${error.syscall}${typeof error.path === 'string' ? ` of ${error.path}` : ''}`)
  const stack = framesOf(error)
  if (stack.length > 0) described['stack'] = stack
  if (error.cause !== undefined) described['cause'] = error.cause instanceof Error ? redact(error.cause, depth + 1) : '[not an error]'
  if (error instanceof AggregateError) described['errors'] = error.errors.slice(0, 8).map((one: unknown) => (one instanceof Error ? redact(one, depth + 1) : '[not an error]'))
  return described
}

const frame = /^ {4}at .*$/gm

/** Only lines of the stack's own form, so that a message over several lines cannot come along. */
const framesOf = (error: Error): readonly string[] => {
  const stack = error.stack ?? ''
  const rest = stack.startsWith(`${error.name}: ${error.message}`) ? stack.slice(error.name.length + 2 + error.message.length) : stack
  return (rest.match(frame) ?? []).slice(0, 12).filter((line) => error.message === '' || !error.message.includes(line.trim())).map((line) => redactText(line.slice(7)))
}
