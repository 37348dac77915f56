// Where two answers differ, once what each server makes up itself (ids, tokens, accessors, times) is taken out of both.

export interface Shown {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

export interface Difference {
  /** `status`, `headers.content-type`, `body.data.keys.0` */
  readonly at: string
  readonly coffer: unknown
  readonly vault: unknown
}

export const ABSENT = '(absent)'

const UNIX_TIMES: ReadonlySet<string> = new Set(['creation_time', 'server_time_utc', 'issue_time', 'last_renewal_time'])
const SECONDS: ReadonlySet<string> = new Set(['ttl', 'lease_duration', 'creation_ttl', 'secret_id_ttl'])
const TOLERANCE_SECONDS = 5

const isTime = (text: string): boolean => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) && !text.startsWith('0001-')

const withoutIds = (text: string): string =>
  text
    .replaceAll(/\bhv[sbr]\.[A-Za-z0-9_-]+(\.[A-Za-z0-9]+)?/g, '<token>')
    .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>')
    .replaceAll(/\b([a-z][a-z0-9-]*)_[0-9a-f]{8}\b/g, '$1_<id>')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z/g, '<time>')

const textOf = (key: string, text: string, kept: ReadonlyMap<string, string>): string => {
  const name = kept.get(text)
  if (name !== undefined) return `<${name}>`
  if (isTime(text)) return '<time>'
  if (text !== '' && /(^|_)(accessor|request_id|client_token)$/.test(key) && !/^[a-z-]+_[0-9a-f]{8}$/.test(text)) return `<${key}>`
  return withoutIds(text)
}

/** @param kept what was kept from this server's answers, value → name */
export const normalised = (value: unknown, kept: ReadonlyMap<string, string>, unordered: ReadonlySet<string> = new Set(), key = ''): unknown => {
  if (typeof value === 'string') return textOf(key, value, kept)
  if (typeof value === 'number') return UNIX_TIMES.has(key) && value > 1_600_000_000 ? '<unix time>' : value
  if (Array.isArray(value)) {
    const items = value.map((item) => normalised(item, kept, unordered, key))
    return unordered.has(key) ? items.map((item) => [JSON.stringify(item), item] as const).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item) : items
  }
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [withoutIds(kept.get(name) ?? name), normalised(inner, kept, unordered, name)]))
}

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value)

const isLoose = (at: string, loose: readonly RegExp[]): boolean => loose.some((pattern) => pattern.test(at))

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> => value !== null && typeof value === 'object' && !Array.isArray(value)

const isNear = (at: string, coffer: unknown, vault: unknown): boolean =>
  SECONDS.has(at.slice(at.lastIndexOf('.') + 1)) && typeof coffer === 'number' && typeof vault === 'number' && Math.abs(coffer - vault) <= TOLERANCE_SECONDS && (coffer > 0) === (vault > 0)

const DURATION = /"((?:\d+[hms])+)"/g
const UNIT_SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 }

const secondsOf = (duration: string): number => [...duration.matchAll(/(\d+)([hms])/g)].reduce((sum, [, count, unit = 's']) => sum + Number(count) * (UNIT_SECONDS[unit] ?? 0), 0)

const durationsIn = (text: string): readonly number[] => [...text.matchAll(DURATION)].map(([, duration = '']) => secondsOf(duration))

/** What is left of a time to live is said in texts, too, and each server counts it at its own moment. */
const saysNear = (coffer: unknown, vault: unknown): boolean => {
  if (typeof coffer !== 'string' || typeof vault !== 'string' || coffer.replaceAll(DURATION, '') !== vault.replaceAll(DURATION, '')) return false
  const theirs = durationsIn(vault)
  return durationsIn(coffer).every((seconds, index) => Math.abs(seconds - (theirs[index] ?? Number.NaN)) <= TOLERANCE_SECONDS)
}

export const differences = (coffer: unknown, vault: unknown, loose: readonly RegExp[], at: string): readonly Difference[] => {
  if (isLoose(at, loose) && kindOf(coffer) === kindOf(vault)) return []
  if (isMap(coffer) && isMap(vault)) {
    return [...new Set([...Object.keys(coffer), ...Object.keys(vault)])].sort().flatMap((name) => {
      const inner = `${at}.${name}`
      if (!Object.hasOwn(coffer, name)) return [{ at: inner, coffer: ABSENT, vault: vault[name] }]
      if (!Object.hasOwn(vault, name)) return [{ at: inner, coffer: coffer[name], vault: ABSENT }]
      return differences(coffer[name], vault[name], loose, inner)
    })
  }
  if (Array.isArray(coffer) && Array.isArray(vault) && coffer.length === vault.length) return coffer.flatMap((item, index) => differences(item, vault[index], loose, `${at}.${index}`))
  return JSON.stringify(coffer) === JSON.stringify(vault) || isNear(at, coffer, vault) || saysNear(coffer, vault) ? [] : [{ at, coffer, vault }]
}

const patternOf = (place: string): RegExp => new RegExp(`^${place.split('.').map((part) => (part === '*' ? '[^.]+' : part.replaceAll(/[^\w-]/g, '\\$&'))).join('\\.')}$`)

export const compare = (coffer: Shown, vault: Shown, loose: readonly string[] = []): readonly Difference[] => {
  const patterns = loose.map((place) => patternOf(`body.${place}`))
  return [
    ...(coffer.status === vault.status ? [] : [{ at: 'status', coffer: coffer.status, vault: vault.status }]),
    ...differences(coffer.headers, vault.headers, [], 'headers'),
    ...differences(coffer.body, vault.body, patterns, 'body'),
  ]
}
