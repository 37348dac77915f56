// 100,000 random policies and requests against an evaluator written from Vault's documentation, without any
// of the engine's code: no sorting beforehand, no merging, no compilation. Where the two differ, one is wrong.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compilePrincipal } from '../compiled.ts'
import { decide } from '../decide.ts'
import type { AclPolicy, PolicyResource, RequestContext, VaultCapability } from '../types.ts'

interface Block {
  readonly policy: number
  readonly pattern: string
  readonly capabilities: readonly VaultCapability[]
  readonly expiresAt: number | undefined
}

type Asked = 'create' | 'read' | 'update' | 'delete' | 'list'

// ── The naive evaluator ─────────────────────────────────────────────────────

const isGlob = (pattern: string): boolean => pattern.endsWith('*')
const body = (pattern: string): string => (isGlob(pattern) ? pattern.slice(0, -1) : pattern)

/** As a regular expression, so that it shares no code with the engine's matcher. */
const matcher = (pattern: string): RegExp => {
  const segments = body(pattern).split('/').map((segment) => (segment === '+' ? '[^/]*' : segment.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')))
  return new RegExp(`^${segments.join('/')}${isGlob(pattern) ? '.*' : ''}$`, 's')
}

const hasWildcard = (pattern: string): boolean => isGlob(pattern) || pattern.split('/').includes('+')

/** Vault's documentation, rule by rule: true when `one` has lower priority than `other`. */
const isLower = (one: string, other: string): boolean => {
  const first = (pattern: string): number => {
    const plus = pattern.split('/').includes('+') ? pattern.indexOf('+') : Number.POSITIVE_INFINITY
    return Math.min(plus, isGlob(pattern) ? pattern.length - 1 : Number.POSITIVE_INFINITY)
  }
  const pluses = (pattern: string): number => pattern.split('/').filter((each) => each === '+').length
  if (first(one) < first(other)) return true
  if (first(one) > first(other)) return false
  if (isGlob(one) !== isGlob(other)) return isGlob(one)
  if (pluses(one) > pluses(other)) return true
  if (pluses(one) < pluses(other)) return false
  if (body(one).length < body(other).length) return true
  if (body(one).length > body(other).length) return false
  return body(one) < body(other)
}

const highest = (patterns: readonly string[]): string | undefined =>
  patterns.find((one) => patterns.every((other) => one === other || isLower(other, one)))

type Says = 'allow' | 'deny' | 'nothing'

const naive = (all: readonly Block[], asked: Asked, path: string, time: number): Says => {
  const blocks = all.filter((block) => block.expiresAt === undefined || time < block.expiresAt)
  const say = (pattern: string): Says => {
    const granted = blocks.filter((block) => block.pattern === pattern).flatMap((block) => block.capabilities)
    return granted.includes('deny') ? 'deny' : granted.includes(asked) ? 'allow' : 'nothing'
  }
  const patterns = [...new Set(blocks.map((block) => block.pattern))]
  const spellings = asked === 'list' && path.endsWith('/') ? [path, path.slice(0, -1)] : [path]
  for (const spelling of spellings) {
    const exact = patterns.find((pattern) => !hasWildcard(pattern) && pattern === spelling)
    if (exact !== undefined) return say(exact)
  }
  const candidates = new Set<string>()
  for (const spelling of spellings) {
    const matching = patterns.filter((pattern) => hasWildcard(pattern) && matcher(pattern).test(spelling))
    const prefixes = matching.filter((pattern) => !pattern.split('/').includes('+'))
    const longest = prefixes.reduce<string | undefined>((best, each) => (best === undefined || each.length > best.length ? each : best), undefined)
    for (const pattern of matching) if (!prefixes.includes(pattern) || pattern === longest) candidates.add(pattern)
  }
  const list = [...candidates]
  if (spellings.length === 1) {
    const best = highest(list)
    return best === undefined ? 'nothing' : say(best)
  }
  const bestDeny = highest(list.filter((pattern) => say(pattern) === 'deny'))
  const bestGrant = highest(list.filter((pattern) => say(pattern) === 'allow'))
  if (bestDeny !== undefined && (bestGrant === undefined || isLower(bestGrant, bestDeny))) return 'deny'
  return bestGrant === undefined ? 'nothing' : 'allow'
}

// ── Random policies over a small alphabet, so that patterns collide ─────────

const segment = fc.constantFrom('a', 'b', 'ab', 'c', 'a+', '+a')
const patternSegment = fc.oneof({ weight: 3, arbitrary: segment }, { weight: 2, arbitrary: fc.constant('+') })
const pattern = fc.tuple(fc.array(patternSegment, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '/*', '*', '/'))
  .map(([segments, end]) => segments.join('/') + end)
  // `+*` is refused by the reader; `+a` is a plain segment, but Vault ranks it as a wildcard, which its documentation does not say.
  .filter((text) => !text.includes('+*') && !/(^|\/)\+a/.test(text))
const capabilities = fc.uniqueArray(fc.constantFrom<VaultCapability>('create', 'read', 'update', 'delete', 'list', 'deny'), { maxLength: 3 })
const block = fc.record<Block>({
  policy: fc.nat(2),
  pattern: fc.oneof({ weight: 12, arbitrary: pattern }, { weight: 1, arbitrary: fc.constant('*') }),
  capabilities,
  expiresAt: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(10, 20, 30) }),
})
const path = fc.tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '', '/')).map(([segments, end]) => segments.join('/') + end)
const request = fc.record({ asked: fc.constantFrom<Asked>('create', 'read', 'update', 'delete', 'list'), path, time: fc.constantFrom(0, 10, 15, 25, 40) })

const policiesOf = (blocks: readonly Block[]): readonly AclPolicy[] =>
  [0, 1, 2].map((policy) => ({ name: `p${policy}`, paths: blocks.filter((each) => each.policy === policy) }))

const requestContext = (time: number): RequestContext => ({ mfa: false, time, door: 'vault' })

const folder = (asked: Asked, text: string): string => (asked === 'list' && !text.endsWith('/') ? `${text}/` : text)

test('100,000 random requests are decided as the documentation says', () => {
  const seen = { allow: 0, deny: 0, nothing: 0 }
  fc.assert(fc.property(fc.array(block, { maxLength: 12 }), fc.array(request, { minLength: 20, maxLength: 20 }), (blocks, requests) => {
    const compiled = compilePrincipal({
      principal: { id: 'p', names: [], root: false }, aclPolicies: policiesOf(blocks), jsonPolicies: [], roleBindings: [],
    })
    // Twice: the second time from memory, and with time going back and forth across expirations.
    for (const { asked, path: where, time } of [...requests, ...requests]) {
      const resource: PolicyResource = { kind: 'engine', apiPath: where }
      const expected = naive(blocks, asked, folder(asked, where), time)
      const decision = decide(compiled, asked, resource, requestContext(time))
      assert.equal(decision.allow, expected === 'allow', `${asked} ${where}: expected ${expected}, got ${decision.rule}`)
      assert.equal(decision.rule.startsWith('acl:'), expected !== 'nothing', `${asked} ${where}: ${decision.rule}`)
      seen[expected] += 1
    }
  }), { numRuns: 5_000 })
  assert.ok(seen.allow > 10_000 && seen.deny > 10_000 && seen.nothing > 10_000, `the cases must be worth their number: ${JSON.stringify(seen)}`)
})
