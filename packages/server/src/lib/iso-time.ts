/** Times as text (RFC 3339, in UTC, with milliseconds), as `Date.prototype.toISOString` writes them: a list has hundreds, and that makes each from its parts in C++. */

const DAY_MS = 86_400_000
/** From 0000-01-01 to 9999-12-31: four digits of a year. */
const [FIRST_MS, END_MS] = [-62_167_219_200_000, 253_402_300_800_000]

const two: readonly string[] = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'))

/** @throws RangeError for what is no time */
export const formatIsoTime = (ms: number): string => {
  if (!(ms >= FIRST_MS && ms < END_MS) || !Number.isInteger(ms)) return new Date(ms).toISOString()
  const days = Math.floor(ms / DAY_MS)
  const rest = ms - days * DAY_MS
  const seconds = Math.floor(rest / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const thousandths = rest - seconds * 1000
  return `${formatDay(days)}T${two[hours]}:${two[minutes - hours * 60]}:${two[seconds - minutes * 60]}.${Math.floor(thousandths / 100)}${two[thousandths % 100]}Z`
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
  return `${two[Math.floor(year / 100)]}${two[year % 100]}-${two[month]}-${two[day]}`
}
