// The conditions of a JSON statement as written: strict about names and types, so that a misspelt
// condition refuses the policy instead of leaving the statement unconditional.

import { quote } from '../../../kernel/errors.ts'
import { parseCidr } from '../../../lib/cidr.ts'
import type { Conditions, TimeWindow } from '../types.ts'

type Wrong = (field: string, message: string) => Error
type Draft = { -readonly [Field in keyof Conditions]?: Conditions[Field] }
type Reader = (draft: Draft, value: unknown, field: string, wrong: Wrong) => void

const maxEntries = 100

const readers: Readonly<Record<string, Reader>> = Object.freeze({
  mfa: flag('mfa'),
  ticketRequired: flag('ticketRequired'),
  reasonRequired: flag('reasonRequired'),
  sourceCluster: (draft, value, field, wrong) => { draft.sourceCluster = names(value, field, wrong) },
  sourceCidr: (draft, value, field, wrong) => {
    draft.sourceCidr = names(value, field, wrong).map((each) => {
      if (parseCidr(each) === undefined) throw wrong(field, `holds no address range: ${quote(each)}; write one as 10.0.0.0/8`)
      return each
    })
  },
  timeWindow: (draft, value, field, wrong) => { draft.timeWindow = timeWindow(value, field, wrong) },
  notBefore: (draft, value, field, wrong) => { draft.notBefore = instant(value, field, wrong) },
  notAfter: (draft, value, field, wrong) => { draft.notAfter = instant(value, field, wrong) },
  environment: (draft, value, field, wrong) => { draft.environment = names(value, field, wrong) },
})

export const parseConditions = (value: unknown, at: string, effect: 'allow' | 'deny', wrong: Wrong): Conditions => {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(at, 'must be an object')
  const draft: Draft = {}
  for (const [name, each] of Object.entries(value)) {
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined
    const field = `${at}.${name.slice(0, 60)}`
    if (read === undefined) throw wrong(field, `is not a known condition; known are ${Object.keys(readers).join(', ')}`)
    read(draft, each, field, wrong)
  }
  if (draft.notBefore !== undefined && draft.notAfter !== undefined && draft.notAfter <= draft.notBefore) throw wrong(`${at}.notAfter`, 'must be later than notBefore')
  // "Deny with mfa: true" reads as "deny unless there is MFA" and would do the opposite.
  const proof = draft.mfa ? 'mfa' : draft.ticketRequired ? 'ticketRequired' : draft.reasonRequired ? 'reasonRequired' : undefined
  if (effect === 'deny' && proof !== undefined) throw wrong(`${at}.${proof}`, 'cannot stand in a deny; require it in the statement that allows')
  return draft
}

/** `true` requires; `false` is no condition. */
function flag(name: 'mfa' | 'ticketRequired' | 'reasonRequired'): Reader {
  return (draft, value, field, wrong) => {
    if (typeof value !== 'boolean') throw wrong(field, 'must be true or false')
    if (value) draft[name] = true
  }
}

const names = (value: unknown, field: string, wrong: Wrong): readonly string[] => {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0 || list.length > maxEntries) throw wrong(field, `must have 1 to ${maxEntries} entries`)
  return list.map((each) => {
    if (typeof each !== 'string' || each === '' || each.length > 256) throw wrong(field, 'must be a string, or a list of strings')
    return each
  })
}

const timestamp = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/

const instant = (value: unknown, field: string, wrong: Wrong): number => {
  const milliseconds = typeof value === 'string' && timestamp.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(milliseconds)) throw wrong(field, 'must be a time with its zone, such as 2030-01-31T12:00:00Z')
  return milliseconds
}

const dayNames: readonly string[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const timeWindow = (value: unknown, field: string, wrong: Wrong): TimeWindow => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(field, 'must be an object')
  const given = new Map<string, unknown>(Object.entries(value))
  for (const key of given.keys()) {
    if (!['from', 'to', 'days', 'utcOffset'].includes(key)) throw wrong(`${field}.${key.slice(0, 60)}`, 'is not known; a time window has from, to, days and utcOffset')
  }
  const fromMinute = clock(given.get('from'), `${field}.from`, wrong)
  const toMinute = clock(given.get('to'), `${field}.to`, wrong)
  if (fromMinute === toMinute) throw wrong(`${field}.to`, 'must differ from from')
  return { fromMinute, toMinute, days: weekdays(given.get('days'), `${field}.days`, wrong), offsetMinutes: offset(given.get('utcOffset'), `${field}.utcOffset`, wrong) }
}

const clock = (value: unknown, field: string, wrong: Wrong): number => {
  const found = typeof value === 'string' ? /^([01]\d|2[0-3]):([0-5]\d)$|^24:00$/.exec(value) : null
  if (found === null) throw wrong(field, 'must be a time of day such as 09:00')
  return found[1] === undefined ? 1440 : Number(found[1]) * 60 + Number(found[2])
}

const weekdays = (value: unknown, field: string, wrong: Wrong): readonly number[] => {
  if (value === undefined) return dayNames.map((_, index) => index)
  return names(value, field, wrong).map((each) => {
    const index = dayNames.indexOf(each)
    if (index < 0) throw wrong(field, `must be days out of ${dayNames.join(', ')}`)
    return index
  })
}

const offset = (value: unknown, field: string, wrong: Wrong): number => {
  if (value === undefined || value === 'Z') return 0
  const found = typeof value === 'string' ? /^([+-])(0\d|1[0-4]):([0-5]\d)$/.exec(value) : null
  if (found === null) throw wrong(field, 'must be an offset from UTC such as +02:00')
  return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3]))
}
