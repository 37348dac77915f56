/** Times as text (RFC 3339, in UTC, with milliseconds), as `Date.prototype.toISOString` writes them: a list has hundreds, and that makes each from its parts in C++. */

const DAY_MS = 86_400_000
/** From 0000-01-01 to 9999-12-31: four digits of a year. */
const [FIRST_MS, END_MS] = [-62_167_219_200_000, 253_402_300_800_000]

const digits = (number: number, width: number): string => String(number).padStart(width, '0')
const table = (size: number, of: (index: number) => string): readonly string[] => Array.from({ length: size }, (_, index) => of(index))

// Few pieces, because each that is joined to another is an object of its own.
const minutes = table(24 * 60, (minute) => `T${digits(Math.floor(minute / 60), 2)}:${digits(minute % 60, 2)}:`)
const seconds = table(60, (second) => `${digits(second, 2)}.`)
const thousandths = table(1000, (thousandth) => `${digits(thousandth, 3)}Z`)

/** Of the day that was asked for last: times that are shown together are often of one. */
let [lastDay, lastDate] = [0, '1970-01-01']

/** @throws RangeError for what is no time */
export const formatIsoTime = (ms: number): string => {
  if (!(ms >= FIRST_MS && ms < END_MS) || !Number.isInteger(ms)) return new Date(ms).toISOString()
  const day = Math.floor(ms / DAY_MS)
  if (day !== lastDay) {
    lastDate = formatDay(day)
    lastDay = day
  }
  const rest = ms - day * DAY_MS
  const minute = Math.floor(rest / 60_000)
  const ofMinute = rest - minute * 60_000
  const second = Math.floor(ofMinute / 1000)
  return `${lastDate}${minutes[minute]}${seconds[second]}${thousandths[ofMinute - second * 1000]}`
}

/** The Gregorian calendar counts best in eras of 400 years that begin on the first of March, so that a leap day is the last of its year. */
const formatDay = (daysSince1970: number): string => {
  const days = daysSince1970 + 719_468
  const era = Math.floor(days / 146_097)
  const dayOfEra = days - era * 146_097
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`
}
