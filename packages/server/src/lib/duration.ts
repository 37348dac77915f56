/**
 * Durations as Vault's clients write them: whole seconds as a number or digits, or Go's notation
 * ("1h30m", "1.5h") with days ("2d") added as Vault does. The result is whole seconds; a fraction
 * rounds up, because zero often means "the default" and "500ms" must not become that.
 */

/** The longest duration that Go's time.Duration holds (int64 nanoseconds), in seconds. */
export const MAX_DURATION_SECONDS = 9_223_372_036

export class InvalidDuration extends Error {
  readonly code = 'invalid_duration'
  constructor(why: string) {
    super(`Not a duration: ${why}`)
  }
}

const NANOSECONDS_PER_UNIT = new Map<string, bigint>([
  ['ns', 1n],
  ['us', 1_000n],
  ['\u00b5s', 1_000n], // micro sign
  ['\u03bcs', 1_000n], // Greek mu
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
  ['d', 86_400_000_000_000n],
])
const NANOSECONDS_PER_SECOND = 1_000_000_000n
const PART = /(\d{1,19})?(?:\.(\d{0,19}))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h|d)/y

/** Seconds. The empty string is 0, as for Vault, whose clients send it for "not set". */
export function parseDuration(input: string | number): number {
  if (typeof input === 'number') {
    if (!Number.isFinite(input)) throw new InvalidDuration('it is not a finite number')
    return checkRange(Math.ceil(input))
  }
  const text = input.trim()
  if (text === '') return 0
  if (text.startsWith('-')) throw new InvalidDuration('it is negative')
  const unsigned = text.startsWith('+') ? text.slice(1) : text
  if (/^\d{1,19}$/.test(unsigned)) return checkRange(Number(unsigned))
  if (unsigned.length > 128) throw new InvalidDuration('it is too long')
  const nanoseconds = parseParts(unsigned)
  return checkRange(Number((nanoseconds + NANOSECONDS_PER_SECOND - 1n) / NANOSECONDS_PER_SECOND))
}

function parseParts(text: string): bigint {
  let total = 0n
  PART.lastIndex = 0
  if (text === '') throw new InvalidDuration('it has no number')
  for (let at = 0; at < text.length; at = PART.lastIndex) {
    PART.lastIndex = at
    const match = PART.exec(text)
    if (match === null) throw new InvalidDuration('expected numbers with units, such as 90s, 1h30m or 2d')
    const [, whole, fraction, unitName = ''] = match
    const unit = NANOSECONDS_PER_UNIT.get(unitName)
    if (unit === undefined || (!whole && !fraction)) throw new InvalidDuration('a unit has no number')
    total += BigInt(whole ?? '0') * unit
    // Go truncates below a nanosecond; so does the integer division.
    if (fraction) total += (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length)
  }
  return total
}

function checkRange(seconds: number): number {
  if (seconds < 0) throw new InvalidDuration('it is negative')
  if (seconds > MAX_DURATION_SECONDS) throw new InvalidDuration('it is longer than 292 years')
  return seconds === 0 ? 0 : seconds
}

/** The shortest Go notation: 5400 is "1h30m", 0 is "0s". `parseDuration` reads it back. */
export function formatDuration(seconds: number): string {
  if (!Number.isSafeInteger(seconds) || seconds < 0) throw new RangeError('A duration is a whole number of seconds')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = seconds % 60
  const text = (hours ? `${hours}h` : '') + (minutes ? `${minutes}m` : '') + (rest ? `${rest}s` : '')
  return text === '' ? '0s' : text
}

/** Seconds as Go prints them, as Vault's answers have it: 5400 is "1h30m0s". */
export function formatGoDuration(seconds: number): string {
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = `${seconds % 60}s`
  if (hours > 0) return `${hours}h${minutes}m${rest}`
  return minutes > 0 ? `${minutes}m${rest}` : rest
}
