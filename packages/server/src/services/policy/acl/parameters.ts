// allowed_parameters, denied_parameters, required_parameters and the bounds of response wrapping, with
// Vault's meaning: lists and comma-separated strings are looked at element by element, string values
// match with `*` at either end, and policy names compare in lower case.

import type { ParameterValue, RequestContext, VaultCapability } from '../types.ts'

export interface AclConstraints {
  readonly allowed: ReadonlyMap<string, readonly ParameterValue[]> | undefined
  readonly denied: ReadonlyMap<string, readonly ParameterValue[]> | undefined
  readonly required: readonly string[]
  readonly minWrappingTtlSeconds: number
  readonly maxWrappingTtlSeconds: number
}

/** `denied` is an explicit no; `unmet` only means that this rule does not allow. */
export interface ConstraintVerdict {
  readonly outcome: 'met' | 'unmet' | 'denied'
  readonly why: string
}

const met: ConstraintVerdict = { outcome: 'met', why: 'its constraints are met' }
const unmet = (why: string): ConstraintVerdict => ({ outcome: 'unmet', why })

const checked: ReadonlySet<VaultCapability> = new Set<VaultCapability>(['read', 'update', 'create', 'patch', 'recover'])

export const checkConstraints = (constraints: AclConstraints, capability: VaultCapability, context: RequestContext): ConstraintVerdict => {
  const { minWrappingTtlSeconds: min, maxWrappingTtlSeconds: max } = constraints
  const ttl = context.wrapTtlSeconds
  if (max > 0 && (ttl === undefined || ttl > max)) return unmet(`the response must be wrapped for at most ${max} s`)
  if (min > 0 && (ttl === undefined || ttl < min)) return unmet(`the response must be wrapped for at least ${min} s`)
  if (!checked.has(capability)) return met
  const given = context.parameters === undefined ? [] : Object.entries(context.parameters)
  const names = new Set(given.map(([name]) => name.toLowerCase()))
  const missing = constraints.required.find((name) => !names.has(name))
  if (missing !== undefined) return unmet(`the parameter ${JSON.stringify(missing)} is required`)
  if (given.length === 0) return met
  return checkDenied(constraints, given) ?? checkAllowed(constraints, given) ?? met
}

type Given = readonly (readonly [string, unknown])[]

const checkDenied = ({ denied }: AclConstraints, given: Given): ConstraintVerdict | undefined => {
  if (denied === undefined || denied.size === 0) return undefined
  if (denied.has('*')) return { outcome: 'denied', why: 'all parameters are denied' }
  for (const [name, value] of given) {
    const values = denied.get(name.toLowerCase())
    if (values !== undefined && (values.length === 0 || anyIn(normal(name, value), values))) {
      return { outcome: 'denied', why: `the parameter ${JSON.stringify(name.slice(0, 60))} is denied` }
    }
  }
  return undefined
}

const checkAllowed = ({ allowed }: AclConstraints, given: Given): ConstraintVerdict | undefined => {
  if (allowed === undefined || allowed.size === 0) return undefined
  const others = allowed.has('*')
  if (others && allowed.size === 1) return undefined
  for (const [name, value] of given) {
    const values = allowed.get(name.toLowerCase())
    const fine = values === undefined ? others : values.length === 0 || allIn(normal(name, value), values)
    if (!fine) return unmet(`the parameter ${JSON.stringify(name.slice(0, 60))} is not allowed, or not with this value`)
  }
  return undefined
}

/** Vault stores policy names in lower case; without this a mixed-case spelling would slip past a denied value. */
const normal = (name: string, value: unknown): unknown => {
  const key = name.toLowerCase()
  if (key !== 'policies' && key !== 'token_policies') return value
  if (Array.isArray(value)) return value.map((each: unknown) => (typeof each === 'string' ? each.toLowerCase() : each))
  return typeof value === 'string' ? value.toLowerCase() : value
}

const elements = (value: unknown): readonly unknown[] | undefined => {
  if (Array.isArray(value)) return value
  // Many fields take a comma-separated string for a list, and which ones is not known here.
  return typeof value === 'string' ? value.split(',').map((each) => each.trim()) : undefined
}

const anyIn = (value: unknown, list: readonly ParameterValue[]): boolean =>
  isIn(value, list) || (elements(value)?.some((each) => isIn(each, list)) ?? false)

const allIn = (value: unknown, list: readonly ParameterValue[]): boolean =>
  isIn(value, list) || (elements(value)?.every((each) => isIn(each, list)) ?? false)

const isIn = (value: unknown, list: readonly ParameterValue[]): boolean =>
  list.some((each) => (typeof each === 'string' ? typeof value === 'string' && matchesGlob(each, value) : sameValue(each, value, 0)))

/** `*` at the start, at the end, or both, as Vault's GlobbedStringsMatch. */
const matchesGlob = (pattern: string, value: string): boolean => {
  if (pattern === '*') return true
  const start = pattern.startsWith('*')
  const end = pattern.length > 1 && pattern.endsWith('*')
  const core = pattern.slice(start ? 1 : 0, end ? -1 : undefined)
  if (start && end) return value.includes(core)
  if (start) return value.endsWith(core)
  return end ? value.startsWith(core) : value === core
}

const sameValue = (a: unknown, b: unknown, depth: number): boolean => {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || depth > 32) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const left = Object.entries(a)
  const right = new Map<string, unknown>(Object.entries(b))
  return left.length === right.size && left.every(([key, value]) => right.has(key) && sameValue(value, right.get(key), depth + 1))
}
