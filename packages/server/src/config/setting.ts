// How one setting is read: its form in words, its parser and its default. A parser answers undefined for a value that
// is not of the form, so that an error can name the form without quoting the value, which may be a misplaced secret.

import { isIP } from 'node:net'
import { resolve } from 'node:path'

export interface Shape<T> {
  /** The form expected, in words that finish the sentence "must be ...". */
  readonly form: string
  parse(raw: unknown): T | undefined
}

export interface Setting<T> {
  readonly summary: string
  readonly shape: Shape<NonNullable<T>>
  /** The default as a user would write it; undefined when the setting is optional. */
  readonly fallback: string | number | boolean | undefined
}

export interface SettingTree {
  readonly [key: string]: Setting<unknown> | SettingTree
}

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S

/** The typed configuration that a tree of settings yields: camelCase names, parsed values. */
export type Infer<T> = {
  readonly [K in keyof T & string as Camel<K>]: T[K] extends Setting<infer V> ? V : Infer<T[K]>
}

export const setting = <T>(summary: string, shape: Shape<NonNullable<T>>, fallback: string | number | boolean): Setting<T> => ({ summary, shape, fallback })

export const optional = <T>(summary: string, shape: Shape<NonNullable<T>>): Setting<T | undefined> => ({ summary, shape, fallback: undefined })

export const isSetting = (node: Setting<unknown> | SettingTree): node is Setting<unknown> => typeof node.summary === 'string'

/** Every setting of a tree with its dotted key, in order of declaration. */
export const settingsOf = (tree: SettingTree, prefix = ''): readonly (readonly [string, Setting<unknown>])[] =>
  Object.entries(tree).flatMap(([name, node]) => (isSetting(node) ? [[`${prefix}${name}`, node] as const] : settingsOf(node, `${prefix}${name}.`)))

const camel = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Builds the typed configuration: each dotted key's value under its camelCase name. */
export const assemble = <T extends SettingTree>(tree: T, valueOf: (key: string) => unknown): Infer<T> => {
  const build = (node: SettingTree, prefix: string): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(node).map(([name, child]) => [camel(name), isSetting(child) ? valueOf(`${prefix}${name}`) : build(child, `${prefix}${name}.`)]),
    )
  // The tree gives names and parsers, and Infer computes the same names and their types; the compiler cannot follow the recursion.
  return build(tree, '') as Infer<T>
}

// ---- shapes

export interface Address {
  readonly host: string
  readonly port: number
}

/** HOST:PORT as it goes into a URL; IPv6 in brackets. */
export const formatAddress = ({ host, port }: Address): string => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`

/** Only what cannot leave the machine: 127.0.0.0/8, ::1, and the name that RFC 6761 (6.3) reserves for them. */
export const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

const hostName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i

export const address: Shape<Address> = {
  form: 'HOST:PORT, for example 127.0.0.1:8200 or [::1]:8200',
  parse(raw) {
    if (typeof raw !== 'string') return undefined
    const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/i.exec(raw)
    const [, six, other, digits] = match ?? []
    const port = Number(digits)
    if (digits === undefined || port > 65_535) return undefined
    if (six !== undefined) return isIP(six) === 6 ? { host: six, port } : undefined
    // A name of digits and dots that is no IPv4 address is a mistyped one, not a host.
    if (other === undefined || !hostName.test(other) || (/^[0-9.]+$/.test(other) && isIP(other) !== 4)) return undefined
    return { host: other.toLowerCase(), port }
  },
}

const hasControlCharacter = /\p{Cc}/u

export const text: Shape<string> = {
  form: 'a text without control characters, at most 1,024 characters',
  parse: (raw) => (typeof raw === 'string' && raw !== '' && raw.length <= 1024 && !hasControlCharacter.test(raw) ? raw : undefined),
}

/** A path relative to the working directory becomes absolute here, so that it means the same in every process. */
export const path: Shape<string> = {
  form: 'a path',
  parse: (raw) => (typeof raw === 'string' && raw !== '' && !raw.includes('\0') ? resolve(raw) : undefined),
}

/** Absolute, with a colon between each two, as in PATH. */
export const directories: Shape<readonly string[]> = {
  form: 'absolute paths, with a colon between each two',
  parse: (raw) => {
    const all = typeof raw === 'string' && raw.length <= 4096 && !hasControlCharacter.test(raw) ? raw.split(':') : []
    return all.length > 0 && all.every((each) => each.startsWith('/')) ? all.map((each) => resolve(each)) : undefined
  },
}

export const choice = <const V extends string>(...values: readonly V[]): Shape<V> => ({
  form: values.length === 1 ? String(values[0]) : `one of ${values.join(', ')}`,
  parse: (raw) => values.find((value) => value === String(raw)),
})

export const boolean: Shape<boolean> = {
  form: 'true or false',
  parse: (raw) => (raw === true || raw === 'true' ? true : raw === false || raw === 'false' ? false : undefined),
}

interface Range {
  readonly min: number
  readonly max: number
}

const inRange = (value: number, { min, max }: Range): number | undefined => (Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined)

const wholeNumber = (raw: unknown): number | undefined => {
  if (typeof raw === 'number') return raw
  return typeof raw === 'string' && /^[0-9]{1,15}$/.test(raw) ? Number(raw) : undefined
}

export const integer = (range: Range): Shape<number> => ({
  form: `a whole number from ${range.min} to ${range.max}`,
  parse: (raw) => inRange(wholeNumber(raw) ?? Number.NaN, range),
})

const units: Readonly<Record<string, number>> = Object.freeze({ B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 })

/** The shortest exact way to write a number of bytes. */
export const formatBytes = (bytes: number): string => {
  const unit = ['GiB', 'MiB', 'KiB'].find((name) => bytes >= (units[name] ?? 1) && bytes % (units[name] ?? 1) === 0) ?? 'B'
  return unit === 'B' ? String(bytes) : `${bytes / (units[unit] ?? 1)}${unit}`
}

export const bytes = (range: Range): Shape<number> => ({
  form: `a number of bytes from ${formatBytes(range.min)} to ${formatBytes(range.max)}, for example ${formatBytes(range.min)}`,
  parse(raw) {
    const match = typeof raw === 'string' ? /^([0-9]{1,15})(B|KiB|MiB|GiB)$/.exec(raw) : undefined
    const value = match ? Number(match[1]) * (units[match[2] ?? ''] ?? Number.NaN) : wholeNumber(raw)
    return inRange(value ?? Number.NaN, range)
  },
})

const secondsPer: Readonly<Record<string, number>> = Object.freeze({ s: 1, m: 60, h: 3600 })

/** Whole seconds: a number, or a number with s, m or h. */
export const seconds = (range: Range): Shape<number> => ({
  form: `a time from ${range.min} to ${range.max} seconds, for example ${range.max} or ${range.max}s`,
  parse(raw) {
    const match = typeof raw === 'string' ? /^([0-9]{1,9})([smh])$/.exec(raw) : undefined
    const value = match ? Number(match[1]) * (secondsPer[match[2] ?? ''] ?? Number.NaN) : wholeNumber(raw)
    return inRange(value ?? Number.NaN, range)
  },
})

/** The URL may hold a password: it is kept as it is, and nothing that prints settings prints it. */
export const databaseUrl: Shape<string> = {
  form: 'a URL that starts with postgres:// or postgresql:// and names a database',
  parse(raw) {
    if (typeof raw !== 'string' || !/^postgres(ql)?:\/\//.test(raw) || !URL.canParse(raw)) return undefined
    const { pathname } = new URL(raw)
    return pathname.length > 1 ? raw : undefined
  },
}
