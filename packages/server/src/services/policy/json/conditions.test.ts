// Conditions: what each asks of the request, and what an unknown fact does to an allow and to a deny.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Conditions, RequestContext } from '../types.ts'
import { compileConditions, forBreakGlass, unmetForAllow, unmetForDeny } from './conditions.ts'
import { parseConditions } from './parse-conditions.ts'

const parse = (written: unknown, effect: 'allow' | 'deny' = 'allow'): Conditions =>
  parseConditions(written, 'conditions', effect, (field, message) => new Error(`${field} ${message}`))

const base: RequestContext = { mfa: false, time: 0, door: 'rest' }

const unmet = (written: unknown, facts: Partial<RequestContext> = {}): readonly string[] => {
  const compiled = compileConditions(parse(written))
  return compiled === undefined ? [] : unmetForAllow(compiled, { ...base, ...facts })
}

const unmetDeny = (written: unknown, facts: Partial<RequestContext> = {}): readonly string[] => {
  const compiled = compileConditions(parse(written, 'deny'))
  return compiled === undefined ? [] : unmetForDeny(compiled, { ...base, ...facts })
}

for (const written of [undefined, {}, { mfa: false }, { ticketRequired: false }, { reasonRequired: false, mfa: false, ticketRequired: false }]) {
  test(`${JSON.stringify(written)} is no condition`, () => assert.equal(compileConditions(parse(written)), undefined))
}

test('the environment is a fact of the resource and leaves nothing to ask of the request', () => {
  assert.deepEqual(parse({ environment: 'prod' }), { environment: ['prod'] })
  assert.equal(compileConditions(parse({ environment: ['prod', 'dev'] })), undefined)
})

for (const [written, facts, expected] of [
  [{ mfa: true }, {}, ['mfa']],
  [{ mfa: true }, { mfa: true }, []],
  [{ ticketRequired: true }, {}, ['ticketRequired']],
  [{ ticketRequired: true }, { ticket: '  ' }, ['ticketRequired']],
  [{ ticketRequired: true }, { ticket: 'INC-1' }, []],
  [{ reasonRequired: true }, {}, ['reasonRequired']],
  [{ reasonRequired: true }, { reason: 'an incident' }, []],
  [{ sourceCluster: 'prod-us-east-1' }, {}, ['sourceCluster']],
  [{ sourceCluster: 'prod-us-east-1' }, { sourceCluster: 'prod-us-east-2' }, ['sourceCluster']],
  [{ sourceCluster: 'prod-us-east-1' }, { sourceCluster: 'PROD-US-EAST-1' }, ['sourceCluster']],
  [{ sourceCluster: ['a', 'b'] }, { sourceCluster: 'b' }, []],
  [{ sourceCidr: '10.0.0.0/8' }, {}, ['sourceCidr']],
  [{ sourceCidr: '10.0.0.0/8' }, { sourceIp: '10.2.4.17' }, []],
  [{ sourceCidr: '10.0.0.0/8' }, { sourceIp: '::ffff:10.2.4.17' }, []],
  [{ sourceCidr: '10.0.0.0/8' }, { sourceIp: '11.0.0.1' }, ['sourceCidr']],
  [{ sourceCidr: '10.0.0.0/8' }, { sourceIp: 'nonsense' }, ['sourceCidr']],
  [{ sourceCidr: ['192.0.2.7', '2001:db8::/32'] }, { sourceIp: '2001:db8::1' }, []],
  [{ sourceCidr: ['192.0.2.7', '2001:db8::/32'] }, { sourceIp: '192.0.2.7' }, []],
  [{ sourceCidr: '0.0.0.0/0' }, { sourceIp: '2001:db8::1' }, ['sourceCidr']],
  [{ notBefore: '1970-01-01T00:00:10Z' }, { time: 9_999 }, ['notBefore']],
  [{ notBefore: '1970-01-01T00:00:10Z' }, { time: 10_000 }, []],
  [{ notAfter: '1970-01-01T00:00:10Z' }, { time: 9_999 }, []],
  [{ notAfter: '1970-01-01T00:00:10Z' }, { time: 10_000 }, ['notAfter']],
  [{ mfa: true, ticketRequired: true, sourceCluster: 'a' }, { sourceCluster: 'a' }, ['mfa', 'ticketRequired']],
] as const) {
  test(`${JSON.stringify(written)} given ${JSON.stringify(facts)} lacks ${JSON.stringify(expected)}`, () => assert.deepEqual(unmet(written, facts), expected))
}

for (const [written, facts, applies] of [
  [{ sourceCluster: 'staging' }, { sourceCluster: 'staging' }, true],
  [{ sourceCluster: 'staging' }, { sourceCluster: 'prod' }, false],
  [{ sourceCluster: 'staging' }, {}, true],
  [{ sourceCidr: '10.0.0.0/8' }, { sourceIp: '10.0.0.1' }, true],
  [{ sourceCidr: '10.0.0.0/8' }, { sourceIp: '192.0.2.1' }, false],
  [{ sourceCidr: '10.0.0.0/8' }, {}, true],
  [{ notBefore: '1970-01-01T00:00:10Z' }, { time: 0 }, false],
  [{ notBefore: '1970-01-01T00:00:10Z' }, { time: 10_000 }, true],
] as const) {
  test(`a deny with ${JSON.stringify(written)} ${applies ? 'applies' : 'does not apply'} given ${JSON.stringify(facts)}`, () => {
    assert.equal(unmetDeny(written, facts).length === 0, applies)
  })
}

// 1 January 2024 was a Monday.
const at = (text: string): number => Date.parse(text)

for (const [name, window, time, open] of [
  ['before it opens', { from: '09:00', to: '17:30' }, '2024-01-01T08:59:59Z', false],
  ['as it opens', { from: '09:00', to: '17:30' }, '2024-01-01T09:00:00Z', true],
  ['in its last second', { from: '09:00', to: '17:30' }, '2024-01-01T17:29:59Z', true],
  ['as it closes', { from: '09:00', to: '17:30' }, '2024-01-01T17:30:00Z', false],
  ['on a listed day', { from: '00:00', to: '24:00', days: ['mon'] }, '2024-01-01T23:59:59Z', true],
  ['on the day after', { from: '00:00', to: '24:00', days: ['mon'] }, '2024-01-02T00:00:00Z', false],
  ['on the day before', { from: '00:00', to: '24:00', days: ['mon'] }, '2023-12-31T23:59:59Z', false],
  ['past midnight, in the evening', { from: '22:00', to: '06:00', days: ['mon'] }, '2024-01-01T22:00:00Z', true],
  ['past midnight, in the next morning', { from: '22:00', to: '06:00', days: ['mon'] }, '2024-01-02T05:59:00Z', true],
  ['past midnight, in the same morning', { from: '22:00', to: '06:00', days: ['mon'] }, '2024-01-01T05:59:00Z', false],
  ['past midnight, at noon', { from: '22:00', to: '06:00' }, '2024-01-01T12:00:00Z', false],
  ['east of UTC', { from: '09:00', to: '17:00', utcOffset: '+02:00' }, '2024-01-01T07:00:00Z', true],
  ['east of UTC, too late', { from: '09:00', to: '17:00', utcOffset: '+02:00' }, '2024-01-01T15:00:00Z', false],
  ['west of UTC, on the day before there', { from: '20:00', to: '23:00', days: ['sun'], utcOffset: '-05:00' }, '2024-01-01T02:00:00Z', true],
  ['with half an hour of offset', { from: '09:00', to: '10:00', utcOffset: '+05:30' }, '2024-01-01T03:30:00Z', true],
  ['before 1970', { from: '00:00', to: '24:00', days: ['wed'] }, '1969-12-31T12:00:00Z', true],
] as const) {
  test(`a time window ${name} is ${open ? 'open' : 'shut'}`, () => {
    assert.deepEqual(unmet({ timeWindow: window }, { time: at(time) }), open ? [] : ['timeWindow'])
    assert.equal(unmetDeny({ timeWindow: window }, { time: at(time) }).length === 0, open)
  })
}

test('break-glass needs a reason and a ticket, whatever else is asked', () => {
  assert.deepEqual(unmetForAllow(forBreakGlass(undefined), base), ['ticketRequired', 'reasonRequired'])
  assert.deepEqual(unmetForAllow(forBreakGlass(compileConditions(parse({ mfa: true }))), { ...base, ticket: 'T', reason: 'r' }), ['mfa'])
})

for (const [name, written, message, effect] of [
  ['an unknown condition', { sourceIp: '10.0.0.1' }, /conditions\.sourceIp is not a known condition/],
  ['a misspelt condition', { MFA: true }, /conditions\.MFA is not a known condition/],
  ['a condition named like a prototype', JSON.parse('{"__proto__": true}'), /__proto__ is not a known condition/],
  ['conditions that are a list', [], /conditions must be an object/],
  ['conditions that are null', null, /conditions must be an object/],
  ['a flag as text', { mfa: 'true' }, /conditions\.mfa must be true or false/],
  ['a flag as a number', { ticketRequired: 1 }, /conditions\.ticketRequired must be true or false/],
  ['an empty list', { sourceCluster: [] }, /1 to 100 entries/],
  ['an empty name', { sourceCluster: '' }, /must be a string/],
  ['a number as a name', { environment: 5 }, /must be a string/],
  ['too many entries', { environment: Array.from({ length: 101 }, (_, index) => `e${index}`) }, /1 to 100 entries/],
  ['a range that is none', { sourceCidr: '10.0.0.0/33' }, /no address range/],
  ['a host name as a range', { sourceCidr: 'localhost' }, /no address range/],
  ['a moment without a zone', { notAfter: '2030-01-01T00:00:00' }, /a time with its zone/],
  ['a moment that does not exist', { notAfter: '2030-13-01T00:00:00Z' }, /a time with its zone/],
  ['an end before its beginning', { notBefore: '2030-01-02T00:00:00Z', notAfter: '2030-01-01T00:00:00Z' }, /later than notBefore/],
  ['a window that is text', { timeWindow: '9-5' }, /timeWindow must be an object/],
  ['a window with an unknown field', { timeWindow: { from: '09:00', to: '10:00', zone: 'x' } }, /timeWindow\.zone is not known/],
  ['a window without an end', { timeWindow: { from: '09:00' } }, /timeWindow\.to must be a time of day/],
  ['an hour that does not exist', { timeWindow: { from: '24:30', to: '10:00' } }, /timeWindow\.from must be a time of day/],
  ['an empty window', { timeWindow: { from: '09:00', to: '09:00' } }, /must differ/],
  ['a day that does not exist', { timeWindow: { from: '09:00', to: '10:00', days: ['Monday'] } }, /days out of/],
  ['an offset that is a name', { timeWindow: { from: '09:00', to: '10:00', utcOffset: 'Europe/Berlin' } }, /offset from UTC/],
  ['a deny that asks for MFA', { mfa: true }, /cannot stand in a deny/, 'deny'],
  ['a deny that asks for a ticket', { ticketRequired: true }, /cannot stand in a deny/, 'deny'],
] as const) {
  test(`${name} is refused`, () => assert.throws(() => parse(written, effect), message))
}
