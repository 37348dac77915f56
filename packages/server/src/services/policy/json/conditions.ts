// Conditions of JSON policies. A fact that is not known fails an allow and does not save from a deny:
// leaving something out of a request must never be to the caller's advantage.

import { anyCidrContains, parseCidr, type Cidr } from '../../../lib/cidr.ts'
import type { ConditionName, Conditions, RequestContext, TimeWindow } from '../types.ts'

/** Ready to be evaluated. `environment` is not here: it is a fact of the resource and settled with it. */
export interface CompiledConditions {
  readonly mfa: boolean
  readonly ticketRequired: boolean
  readonly reasonRequired: boolean
  readonly sourceCluster: ReadonlySet<string> | undefined
  readonly sourceCidr: readonly Cidr[] | undefined
  readonly timeWindow: TimeWindow | undefined
  readonly notBefore: number | undefined
  readonly notAfter: number | undefined
}

/** Undefined when nothing depends on the request. */
export const compileConditions = (conditions: Conditions): CompiledConditions | undefined => {
  const { environment: _settledWithTheResource, ...rest } = conditions
  if (Object.values(rest).every((value) => value === undefined)) return undefined
  return {
    mfa: rest.mfa ?? false,
    ticketRequired: rest.ticketRequired ?? false,
    reasonRequired: rest.reasonRequired ?? false,
    sourceCluster: rest.sourceCluster === undefined ? undefined : new Set(rest.sourceCluster),
    sourceCidr: rest.sourceCidr?.map(parseCidr).filter((cidr) => cidr !== undefined),
    timeWindow: rest.timeWindow,
    notBefore: rest.notBefore,
    notAfter: rest.notAfter,
  }
}

/** Break-glass always needs a reason and a ticket, whether its statement says so or not. */
export const forBreakGlass = (conditions: CompiledConditions | undefined): CompiledConditions => ({
  ...(conditions ?? nothing), ticketRequired: true, reasonRequired: true,
})

const nothing: CompiledConditions = {
  mfa: false, ticketRequired: false, reasonRequired: false, sourceCluster: undefined, sourceCidr: undefined,
  timeWindow: undefined, notBefore: undefined, notAfter: undefined,
}

type Met = 'yes' | 'no' | 'unknown'

const yes = (value: boolean): Met => (value ? 'yes' : 'no')

type Check = (conditions: CompiledConditions, context: RequestContext) => Met

const checks: readonly (readonly [ConditionName, Check])[] = [
  ['mfa', ({ mfa }, context) => yes(!mfa || context.mfa)],
  ['ticketRequired', ({ ticketRequired }, context) => yes(!ticketRequired || hasText(context.ticket))],
  ['reasonRequired', ({ reasonRequired }, context) => yes(!reasonRequired || hasText(context.reason))],
  ['sourceCluster', ({ sourceCluster: wanted }, { sourceCluster }) =>
    wanted === undefined ? 'yes' : sourceCluster === undefined ? 'unknown' : yes(wanted.has(sourceCluster))],
  ['sourceCidr', ({ sourceCidr: wanted }, { sourceIp }) =>
    wanted === undefined ? 'yes' : sourceIp === undefined ? 'unknown' : yes(anyCidrContains(wanted, sourceIp))],
  ['timeWindow', ({ timeWindow }, { time }) => yes(timeWindow === undefined || isWithin(timeWindow, time))],
  ['notBefore', ({ notBefore }, { time }) => yes(notBefore === undefined || time >= notBefore)],
  ['notAfter', ({ notAfter }, { time }) => yes(notAfter === undefined || time < notAfter)],
]

const hasText = (text: string | undefined): boolean => text !== undefined && text.trim() !== ''

const none: readonly ConditionName[] = []

/** Which conditions keep an allow from applying; empty when it applies. */
export const unmetForAllow = (conditions: CompiledConditions, context: RequestContext): readonly ConditionName[] => {
  let names: ConditionName[] | undefined
  for (const [name, check] of checks) if (check(conditions, context) !== 'yes') (names ??= []).push(name)
  return names ?? none
}

/** Which conditions keep a deny from applying; empty when it applies. */
export const unmetForDeny = (conditions: CompiledConditions, context: RequestContext): readonly ConditionName[] => {
  let names: ConditionName[] | undefined
  for (const [name, check] of checks) if (check(conditions, context) === 'no') (names ??= []).push(name)
  return names ?? none
}

const minutesPerDay = 1440

/** From inclusive, to exclusive. A window past midnight belongs to the day on which it began. */
const isWithin = ({ fromMinute, toMinute, days, offsetMinutes }: TimeWindow, time: number): boolean => {
  const minutes = Math.floor(time / 60_000) + offsetMinutes
  const day = Math.floor(minutes / minutesPerDay)
  const minute = minutes - day * minutesPerDay
  const open = (ofDay: number): boolean => days.includes(weekday(ofDay))
  if (fromMinute < toMinute) return open(day) && minute >= fromMinute && minute < toMinute
  return (open(day) && minute >= fromMinute) || (open(day - 1) && minute < toMinute)
}

/** 1 January 1970 was a Thursday. */
const weekday = (day: number): number => (((day + 4) % 7) + 7) % 7
