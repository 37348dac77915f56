// Vault and OpenBao ACL policies, in HCL or JSON, to plain rules. Where Vault ignores what it does not know,
// this refuses: a policy that is only half understood must not be half enforced. So are `control_group`,
// `mfa_methods` and `subscribe_event_types`, which restrict in Vault Enterprise and would silently not here.

import { fail, quote } from '../../../kernel/errors.ts'
import { InvalidDuration, parseDuration } from '../../../lib/duration.ts'
import { isHclObject, parseDocument } from '../hcl/document.ts'
import type { HclItem, HclObject, HclValue } from '../hcl/parse.ts'
import { HclError } from '../hcl/tokens.ts'
import type { AclPathRule, AclPolicy, ParameterValue, VaultCapability } from '../types.ts'
import { checkTemplate } from './template.ts'

const maxPaths = 2000
const maxPatternBytes = 1024
const maxParameters = 200
const maxValues = 500

const capabilities: ReadonlySet<string> = new Set<VaultCapability>([
  'create', 'read', 'update', 'patch', 'delete', 'list', 'scan', 'sudo', 'subscribe', 'recover', 'deny',
])

// The notation before capabilities existed; Vault still takes it.
const oldPolicies: Readonly<Record<string, readonly VaultCapability[]>> = Object.freeze({
  deny: ['deny'],
  read: ['read', 'list'],
  write: ['create', 'read', 'update', 'delete', 'list'],
  sudo: ['create', 'read', 'update', 'delete', 'list', 'sudo'],
})

/**
 * Parses an ACL policy. A text that begins with `{` is JSON, anything else HCL.
 * @throws invalid_request naming the path and the field.
 */
export const parseAclPolicy = (text: string, name: string): AclPolicy => {
  const root = readTree(text)
  const paths: AclPathRule[] = []
  for (const item of root.items) {
    if (item.key === 'path') paths.push(...pathBlocks(item).map(([pattern, body]) => readRule(pattern, body)))
    else if (item.key !== 'name') throw bad('key', `invalid key ${quote(item.key)} in policy; expected "path"${at(item)}`, item.key)
  }
  if (paths.length > maxPaths) throw bad('size', `a policy holds at most ${maxPaths} paths`, 'path')
  return { name, paths }
}

const bad = (what: string, message: string, field: string): Error =>
  fail('invalid_request', `policy.acl_${what}`, `failed to parse policy: ${message}`, { field })

const at = (item: HclItem): string => (item.line === 0 ? '' : ` (line ${item.line})`)

const readTree = (text: string): HclObject => {
  try {
    return parseDocument(text)
  } catch (error) {
    if (error instanceof HclError) throw bad('syntax', error.message, 'policy')
    throw error
  }
}

/** `path "a" {…}` in HCL; `"path": {"a": {…}}`, or a list of such objects, in JSON. */
const pathBlocks = (item: HclItem): readonly (readonly [string, HclObject])[] => {
  if (item.labels.length > 1) throw bad('path', `path takes one label${at(item)}`, 'path')
  const [label] = item.labels
  return label === undefined ? blocksOf(item.value, item) : [[label, objectOf(item.value, label)]]
}

const blocksOf = (value: HclValue, item: HclItem): readonly (readonly [string, HclObject])[] => {
  if (isHclObject(value)) return value.items.map((each) => [each.key, objectOf(each.value, each.key)] as const)
  if (typeof value === 'object' && value !== null && value.kind === 'list') {
    return value.values.flatMap((each) => {
      if (!isHclObject(each)) throw bad('path', 'path must hold objects', 'path')
      return blocksOf(each, item)
    })
  }
  throw bad('path', `path needs a pattern in quotes and a block${at(item)}`, 'path')
}

const objectOf = (value: HclValue, pattern: string): HclObject => {
  if (isHclObject(value)) return value
  throw bad('path', `path ${quote(pattern)}: expected a block`, 'path')
}

/** Collected before the rule is made, because order does not matter and each may stand once. */
type Draft = { -readonly [Field in keyof AclPathRule]?: AclPathRule[Field] }

type Reader = (draft: Draft, value: HclValue, wrong: (message: string) => Error) => void

const readers: Readonly<Record<string, Reader>> = Object.freeze({
  comment: () => undefined,
  capabilities: (draft, value, wrong) => {
    draft.capabilities = [...(draft.capabilities ?? []), ...strings(value, wrong).map((each) => capability(each, wrong))]
  },
  policy: (draft, value, wrong) => {
    const known = typeof value === 'string' && Object.hasOwn(oldPolicies, value) ? oldPolicies[value] : undefined
    if (known === undefined) throw wrong(`invalid policy ${typeof value === 'string' ? quote(value) : ''}`.trimEnd())
    draft.capabilities = [...(draft.capabilities ?? []), ...known]
  },
  allowed_parameters: (draft, value, wrong) => { draft.allowedParameters = parameters(value, wrong) },
  denied_parameters: (draft, value, wrong) => { draft.deniedParameters = parameters(value, wrong) },
  required_parameters: (draft, value, wrong) => { draft.requiredParameters = strings(value, wrong).map((each) => each.toLowerCase()) },
  min_wrapping_ttl: (draft, value, wrong) => { draft.minWrappingTtlSeconds = duration(value, wrong) },
  max_wrapping_ttl: (draft, value, wrong) => { draft.maxWrappingTtlSeconds = duration(value, wrong) },
  expiration: (draft, value, wrong) => { draft.expiresAt = instant(value, wrong) },
})

const readRule = (written: string, body: HclObject): AclPathRule => {
  const pattern = checkPattern(written)
  const draft: Draft = {}
  const seen = new Set<string>()
  for (const item of body.items) {
    const wrong = (message: string): Error => bad('field', `path ${quote(written)}: ${message}${at(item)}`, item.key)
    const read = Object.hasOwn(readers, item.key) ? readers[item.key] : undefined
    if (read === undefined) throw wrong(`invalid key ${quote(item.key)}`)
    if (seen.has(item.key) || item.labels.length > 0) throw wrong(seen.has(item.key) ? `${item.key} is set twice` : `${item.key} takes no label`)
    seen.add(item.key)
    read(draft, item.value, wrong)
  }
  const { minWrappingTtlSeconds: min, maxWrappingTtlSeconds: max } = draft
  if (min !== undefined && max !== undefined && max > 0 && max < min) throw bad('field', `path ${quote(written)}: max_wrapping_ttl cannot be less than min_wrapping_ttl`, 'max_wrapping_ttl')
  const granted = draft.capabilities ?? []
  // Within one block deny leaves nothing else standing.
  return { ...draft, pattern, capabilities: granted.includes('deny') ? ['deny'] : [...new Set(granted)] }
}

const checkPattern = (written: string): string => {
  const wrong = (message: string): Error => bad('path', `path ${quote(written)}: ${message}`, 'path')
  // Paths are in this form, so a pattern in another would never match.
  const pattern = (written.startsWith('/') ? written.slice(1) : written).normalize('NFC')
  if (Buffer.byteLength(pattern) > maxPatternBytes) throw wrong(`longer than ${maxPatternBytes} bytes`)
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
  if (/[\u0000-\u001f\u007f]/.test(pattern) || !written.isWellFormed()) throw wrong('control characters are not allowed')
  if (pattern.includes('+*')) throw wrong("invalid use of wildcards ('+*' is forbidden)")
  const problem = checkTemplate(pattern)
  if (problem !== undefined) throw wrong(problem)
  return pattern
}

const capability = (text: string, wrong: (message: string) => Error): VaultCapability => {
  if (!isCapability(text)) throw wrong(`invalid capability ${quote(text)}`)
  return text
}

const isCapability = (text: string): text is VaultCapability => capabilities.has(text)

const strings = (value: HclValue, wrong: (message: string) => Error): readonly string[] => {
  const values = typeof value === 'object' && value !== null && value.kind === 'list' ? value.values : [value]
  if (values.length > maxValues) throw wrong(`more than ${maxValues} values`)
  return values.map((each) => {
    if (typeof each !== 'string') throw wrong('expected a list of strings')
    return each
  })
}

const parameters = (value: HclValue, wrong: (message: string) => Error): ReadonlyMap<string, readonly ParameterValue[]> => {
  if (!isHclObject(value)) throw wrong('expected an object of lists')
  if (value.items.length > maxParameters) throw wrong(`more than ${maxParameters} parameters`)
  const map = new Map<string, readonly ParameterValue[]>()
  for (const item of value.items) {
    const key = item.key.toLowerCase()
    if (map.has(key) || item.labels.length > 0) throw wrong(`the parameter ${quote(item.key)} stands twice or has a label`)
    const values = typeof item.value === 'object' && item.value !== null && item.value.kind === 'list' ? item.value.values : [item.value]
    if (values.length > maxValues) throw wrong(`more than ${maxValues} values for ${quote(item.key)}`)
    map.set(key, values.map(plain))
  }
  return map
}

const plain = (value: HclValue): ParameterValue => {
  if (value === null || typeof value !== 'object') return value
  if (value.kind === 'list') return value.values.map(plain)
  return Object.fromEntries(value.items.map((item) => [item.key, plain(item.value)]))
}

const duration = (value: HclValue, wrong: (message: string) => Error): number => {
  if (typeof value !== 'string' && typeof value !== 'number') throw wrong('expected a duration such as "90s" or 90')
  try {
    return parseDuration(value)
  } catch (error) {
    if (error instanceof InvalidDuration) throw wrong(error.message)
    throw error
  }
}

const timestamp = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/

const instant = (value: HclValue, wrong: (message: string) => Error): number => {
  // OpenBao's ParseAbsoluteTime takes RFC 3339 and seconds since the epoch.
  const milliseconds = typeof value === 'number' ? value * 1000
    : typeof value === 'string' && timestamp.test(value) ? Date.parse(value) : Number.NaN
  if (!Number.isSafeInteger(Math.trunc(milliseconds))) throw wrong('expected a time such as "2030-01-31T12:00:00Z"')
  return Math.trunc(milliseconds)
}
