// A principal's ACL policies as one set. Blocks with the same pattern become one rule: capabilities add up,
// deny erases, the shorter wrapping bounds and the union of parameters hold. Then one rule decides per path.
// Blocks with an expiration are in or out by time, so the set is built for an interval and rebuilt after it.

import type { AclPathRule, AclPolicy, EntityView, ParameterValue, VaultCapability } from '../types.ts'
import type { AclConstraints } from './parameters.ts'
import { comparePriority, matchesPattern, parsePattern, type AclPattern } from './pattern.ts'
import { renderRule } from './template.ts'

export interface AclRule {
  readonly pattern: AclPattern
  /** Which policies grant each capability; `deny` alone when the rule denies. */
  readonly grants: ReadonlyMap<VaultCapability, readonly string[]>
  readonly denies: boolean
  readonly constraints: AclConstraints | undefined
}

/** Immutable: answers for every moment in `[from, until)`. */
export interface AclSet {
  readonly from: number
  readonly until: number
  readonly exact: ReadonlyMap<string, AclRule>
  /** Prefix and segment rules, highest priority first. */
  readonly ranked: readonly AclRule[]
}

/** A block with its policy, rendered for one entity. */
export interface AclBlock {
  readonly policy: string
  readonly rule: AclPathRule
}

export const renderBlocks = (policies: readonly AclPolicy[], entity: EntityView | undefined): readonly AclBlock[] =>
  policies.flatMap((policy) =>
    policy.paths.flatMap((path) => {
      const rule = renderRule(path, entity)
      return rule === undefined ? [] : [{ policy: policy.name, rule }]
    }))

export const buildAclSet = (blocks: readonly AclBlock[], time: number): AclSet => {
  let from = Number.NEGATIVE_INFINITY
  let until = Number.POSITIVE_INFINITY
  const byPattern = new Map<string, AclBlock[]>()
  for (const block of blocks) {
    const { expiresAt, pattern } = block.rule
    if (expiresAt !== undefined) {
      if (expiresAt <= time) from = Math.max(from, expiresAt)
      else until = Math.min(until, expiresAt)
      if (expiresAt <= time) continue
    }
    const same = byPattern.get(pattern)
    if (same === undefined) byPattern.set(pattern, [block])
    else same.push(block)
  }
  const rules = [...byPattern].map(([text, same]) => mergeBlocks(parsePattern(text), same))
  const ranked = rules.filter((rule) => rule.pattern.form !== 'exact').sort((a, b) => comparePriority(a.pattern, b.pattern))
  return {
    from, until, ranked,
    exact: new Map(rules.filter((rule) => rule.pattern.form === 'exact').map((rule) => [rule.pattern.text, rule])),
  }
}

const mergeBlocks = (pattern: AclPattern, blocks: readonly AclBlock[]): AclRule => {
  const grants = new Map<VaultCapability, string[]>()
  for (const { policy, rule } of blocks) {
    for (const capability of rule.capabilities) {
      const policies = grants.get(capability) ?? []
      if (!policies.includes(policy)) grants.set(capability, [...policies, policy])
    }
  }
  const deniers = grants.get('deny')
  if (deniers !== undefined) return { pattern, grants: new Map([['deny', deniers]]), denies: true, constraints: undefined }
  return { pattern, grants, denies: false, constraints: mergeConstraints(blocks.map((block) => block.rule)) }
}

const mergeConstraints = (rules: readonly AclPathRule[]): AclConstraints | undefined => {
  const merged: AclConstraints = {
    allowed: mergeParameters(rules.map((rule) => rule.allowedParameters)),
    denied: mergeParameters(rules.map((rule) => rule.deniedParameters)),
    required: [...new Set(rules.flatMap((rule) => rule.requiredParameters ?? []))],
    minWrappingTtlSeconds: least(rules.map((rule) => rule.minWrappingTtlSeconds)),
    maxWrappingTtlSeconds: least(rules.map((rule) => rule.maxWrappingTtlSeconds)),
  }
  const some = merged.allowed !== undefined || merged.denied !== undefined || merged.required.length > 0
    || merged.minWrappingTtlSeconds > 0 || merged.maxWrappingTtlSeconds > 0
  return some ? merged : undefined
}

type Parameters = ReadonlyMap<string, readonly ParameterValue[]>

/** An empty list stands for every value and swallows the lists of other blocks. */
const mergeParameters = (maps: readonly (Parameters | undefined)[]): Parameters | undefined => {
  const merged = new Map<string, readonly ParameterValue[]>()
  for (const map of maps) {
    for (const [name, values] of map ?? []) {
      const before = merged.get(name)
      merged.set(name, before === undefined ? values : before.length === 0 || values.length === 0 ? [] : [...before, ...values])
    }
  }
  return merged.size === 0 ? undefined : merged
}

const least = (values: readonly (number | undefined)[]): number => {
  const set = values.filter((value) => value !== undefined && value > 0).map(Number)
  return set.length === 0 ? 0 : Math.min(...set)
}

/**
 * The one rule that decides about a path. A list of a folder is looked at with and without its slash, so that
 * `kv/+` covers LIST `kv/a/`: there the best rule that grants it counts, unless a deny outranks that.
 */
export const findAclRule = (set: AclSet, path: string, listing: 'list' | 'scan' | undefined): AclRule | undefined => {
  const exact = set.exact.get(path)
  if (exact !== undefined || listing === undefined) return exact ?? findRanked(set, path)
  if (!path.endsWith('/')) return findRanked(set, path)
  const stripped = path.slice(0, -1)
  return set.exact.get(stripped) ?? findForList(set, path, stripped, listing)
}

const findRanked = (set: AclSet, path: string): AclRule | undefined => {
  for (const rule of set.ranked) {
    if (matchesPattern(rule.pattern, path)) return rule
  }
  return undefined
}

const findForList = (set: AclSet, path: string, stripped: string, listing: 'list' | 'scan'): AclRule | undefined => {
  const candidates = listCandidates(set, path, stripped)
  // Best first, so the first deny or grant is the one of highest priority.
  const decisive = candidates.find((rule) => rule.denies || rule.grants.has(listing))
  return decisive ?? candidates[0]
}

/** As in Vault, of prefix rules only the longest takes part for each spelling of the path. */
const listCandidates = (set: AclSet, path: string, stripped: string): readonly AclRule[] => {
  let prefixForPath = true
  let prefixForStripped = true
  return set.ranked.filter(({ pattern }) => {
    const matchesPath = matchesPattern(pattern, path)
    const matchesStripped = matchesPattern(pattern, stripped)
    if (pattern.form === 'segments') return matchesPath || matchesStripped
    const counts = (matchesPath && prefixForPath) || (matchesStripped && prefixForStripped)
    if (matchesPath) prefixForPath = false
    if (matchesStripped) prefixForStripped = false
    return counts
  })
}
