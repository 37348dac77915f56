// An audit device: a further place to which every durable record goes in Vault's form. It is an asynchronous sink with a
// cursor of its own; nothing waits for it. Which options there are, and what they may say, is decided here.

import { fail, quote } from '../../../kernel/errors.ts'
import { InvalidDuration, parseDuration } from '../../../lib/duration.ts'

export type DeviceType = 'file' | 'socket' | 'syslog'

export interface Device {
  /** Names its cursor and its key. */
  readonly id: string
  /** Without slashes at its ends. */
  readonly path: string
  readonly type: DeviceType
  readonly description: string
  readonly options: Readonly<Record<string, string>>
  readonly local: boolean
  /** Milliseconds: older records are not for it. */
  readonly enabledAt: number
}

export type DeviceTarget =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number | undefined }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'discard' }
  | { readonly kind: 'socket'; readonly protocol: 'tcp' | 'udp'; readonly host: string; readonly port: number; readonly timeoutMs: number }
  | { readonly kind: 'unix'; readonly path: string; readonly timeoutMs: number }
  | { readonly kind: 'syslog'; readonly priority: number; readonly tag: string; readonly to: { readonly kind: 'local'; readonly path: string } | { readonly kind: 'tcp' | 'udp'; readonly host: string; readonly port: number } }

export interface DeviceSettings {
  readonly target: DeviceTarget
  readonly format: 'json' | 'jsonx'
  readonly prefix: string
  readonly skipTest: boolean
}

export interface OptionRules {
  /** Whether file devices may begin their lines with a text of the administrator's. */
  readonly allowFilePrefix: boolean
}

type Options = Readonly<Record<string, string>>

const bad = (message: string, option: string): Error => fail('invalid_request', 'audit.bad_option', message, { field: `options.${option}` })

const COMMON: readonly string[] = ['format', 'prefix', 'hmac_accessor', 'log_raw', 'elide_list_responses', 'skip_test']
const KNOWN: Readonly<Record<DeviceType, readonly string[]>> = {
  file: [...COMMON, 'file_path', 'path', 'mode'],
  socket: [...COMMON, 'address', 'socket_type', 'write_timeout'],
  syslog: [...COMMON, 'facility', 'tag', 'address'],
}
const ENTERPRISE: readonly string[] = ['exclude', 'fallback', 'filter']

const booleanOf = (options: Options, name: string, fallback: boolean): boolean => {
  const text = options[name]
  if (text === undefined || text === '') return fallback
  if (/^(1|t|true)$/i.test(text)) return true
  if (/^(0|f|false)$/i.test(text)) return false
  throw bad(`unable to create new audit backend: unable to parse "${name}": invalid configuration`, name)
}

/** What a device's options say. @throws invalid_request naming the option */
export const settingsOf = (type: DeviceType, options: Options, rules: OptionRules): DeviceSettings => {
  for (const name of Object.keys(options)) {
    if (ENTERPRISE.includes(name)) throw bad('enterprise-only options supplied: invalid configuration', name)
    if (!KNOWN[type].includes(name)) throw bad(`A ${type} device has no option ${quote(name)}.`, name)
  }
  const format = options['format'] === undefined || options['format'] === '' ? 'json' : options['format']
  if (format !== 'json' && format !== 'jsonx') throw bad(`unable to create new audit backend: unsupported "format": invalid configuration`, 'format')
  if (booleanOf(options, 'log_raw', false)) throw bad('log_raw is refused: no record of this server holds a value, so there is nothing that could be written raw.', 'log_raw')
  if (!booleanOf(options, 'hmac_accessor', true)) throw bad('hmac_accessor=false is refused: records hold accessors as an HMAC only, because an accessor can revoke its token.', 'hmac_accessor')
  booleanOf(options, 'elide_list_responses', false)
  const prefix = options['prefix'] ?? ''
  if (prefix.length > 256 || /[\u0000-\u001f\u007f]/.test(prefix)) throw bad('A prefix has at most 256 characters, none of them a control character.', 'prefix') // oxlint-disable-line no-control-regex -- control characters are what this looks for
  if (prefix !== '' && type === 'file' && !rules.allowFilePrefix) throw bad('audit prefixing is not enabled in configuration, audit prefixing may not be configured for file sinks', 'prefix')
  return { target: targets[type](options), format, prefix, skipTest: booleanOf(options, 'skip_test', false) }
}

const modeOf = (text: string | undefined): number | undefined => {
  if (text === undefined || text.trim() === '') return undefined
  if (!/^[0-7]{1,5}$/.test(text)) throw bad(`unable to create new audit backend: invalid mode: ${text.slice(0, 32)}`, 'mode')
  const mode = Number.parseInt(text, 8)
  // A file of text that we write must not be one that the machine runs.
  if ((mode & 0o111) !== 0) throw bad(`unable to create new audit backend: file mode may not be executable: ${text}`, 'mode')
  if (mode > 0o777) throw bad(`unable to create new audit backend: invalid mode: ${text}`, 'mode')
  return mode
}

const fileTarget = (options: Options): DeviceTarget => {
  const path = (options['file_path'] ?? options['path'] ?? '').trim()
  if (path === '') throw bad('unable to create new audit backend: "file_path" is required: invalid configuration', 'file_path')
  if (path.toLowerCase() === 'stdout') return { kind: 'stdout' }
  if (path.toLowerCase() === 'discard' || path === '/dev/null') return { kind: 'discard' }
  if (!path.startsWith('/') || path.length > 1024 || /\p{Cc}/u.test(path) || path.endsWith('/')) throw bad('file_path must be an absolute path of a file without control characters, stdout or discard.', 'file_path')
  return { kind: 'file', path, mode: modeOf(options['mode']) }
}

/** `host:port`, with brackets around an address of IPv6. */
const hostAndPort = (text: string, fallbackPort?: number): { readonly host: string; readonly port: number } => {
  const match = /^(?:\[([0-9a-fA-F:.]{2,64})\]|([^:/\s[\]]{1,253}))(?::(\d{1,5}))?$/.exec(text)
  const port = match?.[3] === undefined ? fallbackPort : Number(match[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || port === undefined || port < 1 || port > 65_535) throw bad(`The address ${quote(text.slice(0, 200))} is not a host and a port.`, 'address')
  return { host, port }
}

const socketPath = (path: string): string => {
  if (!path.startsWith('/') || path.length > 107 || path.includes('\u0000')) throw bad('A unix socket is named by an absolute path of at most 107 bytes.', 'address')
  return path
}

const timeoutOf = (text: string | undefined): number => {
  if (text === undefined || text === '') return 2000
  try {
    const seconds = parseDuration(text)
    if (seconds >= 1 && seconds <= 300) return seconds * 1000
  } catch (error) {
    if (!(error instanceof InvalidDuration)) throw error
  }
  throw bad('failed to parse write_timeout: it is a duration from 1s to 5m', 'write_timeout')
}

const socketTarget = (options: Options): DeviceTarget => {
  const address = (options['address'] ?? '').trim()
  if (address === '') throw bad('unable to create new audit backend: "address" is required: invalid configuration', 'address')
  const protocol = options['socket_type'] ?? 'tcp'
  const timeoutMs = timeoutOf(options['write_timeout'])
  if (protocol === 'unix') return { kind: 'unix', path: socketPath(address), timeoutMs }
  if (protocol !== 'tcp' && protocol !== 'udp') throw bad('socket_type is tcp, udp or unix.', 'socket_type')
  return { kind: 'socket', protocol, ...hostAndPort(address), timeoutMs }
}

/** Codes of RFC 5424, 6.2.1. */
export const FACILITIES: Readonly<Record<string, number>> = { KERN: 0, USER: 1, MAIL: 2, DAEMON: 3, AUTH: 4, SYSLOG: 5, LPR: 6, NEWS: 7, UUCP: 8, CRON: 9, AUTHPRIV: 10, FTP: 11, LOCAL0: 16, LOCAL1: 17, LOCAL2: 18, LOCAL3: 19, LOCAL4: 20, LOCAL5: 21, LOCAL6: 22, LOCAL7: 23 }
const INFO = 6

const syslogTarget = (options: Options): DeviceTarget => {
  const name = (options['facility'] ?? 'AUTH').toUpperCase()
  const facility = Object.hasOwn(FACILITIES, name) ? FACILITIES[name] : undefined
  if (facility === undefined) throw bad(`invalid syslog facility: ${quote(name.slice(0, 32))}`, 'facility')
  const tag = options['tag'] ?? 'vault'
  if (!/^[\x21-\x39\x3b-\x5a\x5c\x5e-\x7e]{1,32}$/.test(tag)) throw bad('A tag has 1 to 32 printable characters, none of them a space, a colon or a bracket.', 'tag')
  const address = options['address'] ?? '/dev/log'
  const scheme = /^(udp|tcp):\/\/(.*)$/.exec(address)
  const to = scheme === null ? { kind: 'local' as const, path: socketPath(address.replace(/^unix:(\/\/)?/, '')) } : { kind: scheme[1] === 'udp' ? ('udp' as const) : ('tcp' as const), ...hostAndPort(scheme[2] ?? '', 514) }
  return { kind: 'syslog', priority: facility * 8 + INFO, tag, to }
}

const targets: Readonly<Record<DeviceType, (options: Options) => DeviceTarget>> = { file: fileTarget, socket: socketTarget, syslog: syslogTarget }
