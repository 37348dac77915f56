// Password policies in Vault's notation: a length, and rules that ask for characters of a set. HCL or JSON.

import { fail } from '../../../kernel/errors.ts'
import { isHclObject, parseDocument } from '../hcl/document.ts'
import type { HclItem, HclObject, HclValue } from '../hcl/parse.ts'
import { HclError } from '../hcl/tokens.ts'

export interface CharsetRule {
  /** Each character once. */
  readonly charset: readonly string[]
  readonly minChars: number
}

export interface PasswordPolicy {
  readonly length: number
  readonly rules: readonly CharsetRule[]
}

const MIN_LENGTH = 4
const MAX_LENGTH = 100
const MAX_RULES = 64
// Vault draws a character by one byte.
const MAX_CHARSET = 256

const bad = (message: string): Error => fail('invalid_request', 'password_policy.invalid', `invalid password policy: ${message}`, { field: 'policy' })

const wholeNumber = (value: HclValue | undefined, what: string): number => {
  const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) throw bad(`${what} must be a whole number`)
  return number
}

/** The one value of a name; a name that stands twice would leave open which is meant. */
const only = ({ items }: HclObject, key: string): HclValue | undefined => {
  const found = items.filter((item) => item.key === key && item.labels.length === 0)
  if (found.length > 1) throw bad(`${JSON.stringify(key)} is given more than once`)
  return found[0]?.value
}

const requireKnown = ({ items }: HclObject, known: readonly string[]): void => {
  const stranger = items.find(({ key }) => !known.includes(key))
  if (stranger !== undefined) throw bad(`unknown name ${JSON.stringify(stranger.key.slice(0, 64))}`)
}

const charsetRule = (body: HclValue): CharsetRule => {
  if (!isHclObject(body)) throw bad('a charset rule must be an object')
  requireKnown(body, ['charset', 'min-chars'])
  const text = only(body, 'charset')
  if (typeof text !== 'string' || text === '') throw bad('a charset rule needs a charset of at least one character')
  // Control characters and the like would make a password that cannot be typed or stored.
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cn}\p{Co}]/u.test(text)) throw bad('non-printable character in charset')
  const minChars = only(body, 'min-chars')
  return { charset: [...new Set(text)], minChars: minChars === undefined ? 0 : wholeNumber(minChars, '"min-chars"') }
}

/** `rule "charset" {...}`, or in JSON `"rule": [{"charset": [{...}]}]` with or without the lists. */
const bodiesOf = (item: HclItem): readonly HclValue[] => {
  const [type, ...more] = item.labels
  const values = (value: HclValue): readonly HclValue[] => (typeof value === 'object' && value !== null && value.kind === 'list' ? value.values : [value])
  if (type !== undefined) {
    if (type !== 'charset' || more.length > 0) throw bad(`unknown rule type ${JSON.stringify(type.slice(0, 64))}`)
    return values(item.value)
  }
  return values(item.value).flatMap((each) => {
    if (!isHclObject(each)) throw bad('a rule must be an object')
    requireKnown(each, ['charset'])
    return each.items.flatMap(({ value }) => values(value))
  })
}

const treeOf = (text: string): HclObject => {
  try {
    return parseDocument(text)
  } catch (error) {
    if (error instanceof HclError) throw bad(error.message)
    throw error
  }
}

/** @throws invalid_request for a text that is no policy, or one that no password can meet */
export const parsePasswordPolicy = (text: string): PasswordPolicy => {
  const tree = treeOf(text)
  requireKnown(tree, ['length', 'rule'])
  const length = wholeNumber(only(tree, 'length') ?? 0, 'length')
  const rules = tree.items.filter(({ key }) => key === 'rule').flatMap(bodiesOf).map(charsetRule)
  if (length === 0) throw bad('length must be > 0')
  if (rules.length === 0) throw bad('no charset specified')
  if (rules.length > MAX_RULES) throw bad(`at most ${MAX_RULES} rules`)
  if (new Set(rules.flatMap(({ charset }) => charset)).size > MAX_CHARSET) throw bad(`at most ${MAX_CHARSET} different characters`)
  const needed = rules.reduce((sum, { minChars }) => sum + minChars, 0)
  if (length < needed) throw bad(`specified rules require at least ${needed} characters but ${length} is specified`)
  if (length < MIN_LENGTH || length > MAX_LENGTH) throw fail('invalid_request', 'password_policy.bad_length', `passwords must be between ${MIN_LENGTH} and ${MAX_LENGTH} characters`, { field: 'policy' })
  return { length, rules }
}
