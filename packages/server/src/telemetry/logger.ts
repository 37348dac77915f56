// Structured log: one JSON object a line, or text for people, to standard error. Everything passes the redaction of
// redact.ts; an entry never fails the request that wrote it.

import { writeSync } from 'node:fs'
import { redact, redactText } from './redact.ts'

const levels = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof levels)[number]

export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  /** The same log with fields that every entry carries. */
  child(fields: LogFields): Logger
}

/** Can be turned while the log is in use, for it and all its children. */
export interface LogControl {
  level: LogLevel
}

export interface LoggerOptions {
  /** In place of `level`. */
  readonly control?: LogControl
  readonly level?: LogLevel
  readonly format?: 'auto' | 'json' | 'text'
  /** Takes one whole line with its end. Standard error by default. */
  readonly write?: (line: string) => void
  readonly now?: () => Date
}

type Format = (at: Date, level: LogLevel, message: string, fields: LogFields) => string

/** Makes the log of a process. `format: 'auto'` is text when standard error is a terminal. */
export const createLogger = (options: LoggerOptions = {}): Logger => {
  const wanted = options.format ?? 'auto'
  const isText = wanted === 'text' || (wanted === 'auto' && options.write === undefined && process.stderr.isTTY === true)
  return makeLogger({
    control: options.control ?? { level: options.level ?? 'info' },
    format: isText ? formatText : formatJson,
    write: options.write ?? writeToStandardError,
    now: options.now ?? ((): Date => new Date()),
    bound: {},
  })
}

/** A log that keeps nothing, for code under test that is not about its log. */
export const silentLogger: Logger = Object.freeze({
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silentLogger,
})

interface State {
  readonly control: LogControl
  readonly format: Format
  readonly bound: LogFields
  write(line: string): void
  now(): Date
}

const makeLogger = (state: State): Logger => {
  const at = (level: LogLevel): ((message: string, fields?: LogFields) => void) =>
    (message, fields = {}) => {
      if (levels.indexOf(level) <= levels.indexOf(state.control.level)) emit(state, level, message, fields)
    }
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    child: (fields) => makeLogger({ ...state, bound: { ...state.bound, ...fields } }),
  }
}

const emit = (state: State, level: LogLevel, message: string, fields: LogFields): void => {
  let line: string
  try {
    const clean = redact({ ...state.bound, ...fields }) as LogFields // an object's copy is an object
    line = state.format(state.now(), level, redactText(message), clean)
  } catch {
    // A getter or toJSON that throws: the entry is kept, its fields are not.
    line = state.format(state.now(), level, redactText(message), { logError: 'fields could not be written' })
  }
  try {
    state.write(`${line}\n`)
  } catch {
    // A closed or full standard error must not take the server down, and there is nowhere else to say it.
  }
}

/** The three fixed names come first and cannot be replaced by a field of the same name. */
const formatJson: Format = (at, level, message, fields) => {
  const fixed = { time: at.toISOString(), level, message }
  return JSON.stringify({ ...fixed, ...fields, ...fixed })
}

/** Escapes what a terminal would act on (C0, DEL, C1, bidi controls), so that an entry cannot rewrite what stands before it. */
// oxlint-disable-next-line no-control-regex -- control characters are what this looks for
const unsafe = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const printable = (text: string): string => text.replace(unsafe, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

const formatText: Format = (at, level, message, fields) => {
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value)}`)
  return printable(`${at.toISOString().slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${message}${pairs.join('')}`)
}

/**
 * Synchronous, so that the last entry before an exit is not lost. A pipe that is full for a moment (EAGAIN) drops the
 * entry rather than holding up requests.
 */
const writeToStandardError = (line: string): void => {
  writeSync(2, line)
}
