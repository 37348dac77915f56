// Templates of claims: JSON with `{{identity.entity...}}` and `{{time.now}}` in it. Whatever is filled in is encoded as JSON, so that no name
// and no metadata can become another claim; and no claim of a template replaces one of the token's own.

import type { GroupRow, PrincipalRow } from '../../../kernel/identity.ts'
import { isCofferError } from '../../../kernel/errors.ts'
import { InvalidDuration, parseDuration } from '../../../lib/duration.ts'
import { bad } from './store.ts'

export interface SubjectAlias {
  readonly id: string
  readonly accessor: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  readonly customMetadata: Readonly<Record<string, string>>
}

/** Whoever a token is about. */
export interface Subject {
  readonly entity: Pick<PrincipalRow, 'principalId' | 'name' | 'metadata' | 'disabled'>
  readonly aliases: readonly SubjectAlias[]
  /** Its own first, then those that these are in. */
  readonly groups: readonly Pick<GroupRow, 'groupId' | 'name'>[]
}

export type Claims = ReadonlyMap<string, unknown>

export const reservedClaims = Object.freeze(['iat', 'aud', 'exp', 'iss', 'sub', 'namespace', 'nonce', 'auth_time', 'at_hash', 'c_hash'] as const)

const nobody: Subject = { entity: { principalId: '', name: '', metadata: {}, disabled: false }, aliases: [], groups: [] }
const noAlias: SubjectAlias = { id: '', accessor: '', name: '', metadata: {}, customMetadata: {} }

const wrong = (message: string): Error => bad('bad_template', message, 'template')
const noValue = (): Error => wrong('no value could be found for one of the template directives')

/** One of the pairs, empty when there is none of that name, or all of them. */
const pairs = (labels: Readonly<Record<string, string>>, path: string, name: string): unknown => {
  if (path === name) return labels
  const key = path.slice(name.length + 1)
  return Object.hasOwn(labels, key) ? labels[key] : ''
}

const isPairs = (path: string, name: string): boolean => path === name || path.startsWith(`${name}.`)

const ofAlias = (alias: SubjectAlias, path: string): unknown => {
  if (path === 'id') return alias.id
  if (path === 'name') return alias.name
  if (isPairs(path, 'metadata')) return pairs(alias.metadata, path, 'metadata')
  if (isPairs(path, 'custom_metadata')) return pairs(alias.customMetadata, path, 'custom_metadata')
  throw noValue()
}

const ofEntity = ({ entity, aliases, groups }: Subject, path: string): unknown => {
  if (path === 'id') return entity.principalId
  if (path === 'name') return entity.name
  if (isPairs(path, 'metadata')) return pairs(entity.metadata, path, 'metadata')
  // Vault has null where there are no groups.
  if (path === 'groups.names') return groups.length === 0 ? null : groups.map(({ name }) => name)
  if (path === 'groups.ids') return groups.length === 0 ? null : groups.map(({ groupId }) => groupId)
  if (!path.startsWith('aliases.')) throw noValue()
  const [, accessor = '', rest] = /^aliases\.([^.]*)\.(.*)$/s.exec(path) ?? []
  if (rest === undefined) throw wrong('invalid alias selector')
  return ofAlias(aliases.find((alias) => alias.accessor === accessor) ?? noAlias, rest)
}

const ofTime = (path: string, nowSeconds: number): number => {
  const [what = '', operator, ...rest] = path.split('.')
  if (what !== 'now') throw wrong(`invalid time selector ${JSON.stringify(what)}`)
  if (operator === undefined) return nowSeconds
  if (rest.length === 0) throw wrong('missing time operand')
  if (operator !== 'plus' && operator !== 'minus') throw wrong(`invalid time operator ${JSON.stringify(operator)}`)
  try {
    const seconds = parseDuration(rest.join('.'))
    return operator === 'plus' ? nowSeconds + seconds : nowSeconds - seconds
  } catch (error) {
    if (error instanceof InvalidDuration) throw wrong('invalid duration')
    throw error
  }
}

const valueOf = (directive: string, subject: Subject, nowSeconds: number): unknown => {
  if (directive.startsWith('identity.entity.')) return ofEntity(subject, directive.slice('identity.entity.'.length))
  // Vault takes no template that names single groups: when it is written there is nobody to be in one.
  if (directive.startsWith('identity.groups.')) throw wrong('string contains groups template directives but no groups were provided')
  if (directive.startsWith('time.')) return ofTime(directive.slice('time.'.length), nowSeconds)
  throw noValue()
}

const filled = (template: string, subject: Subject, nowSeconds: number): string => {
  const [first = '', ...pieces] = template.split('{{')
  const unbalanced = (): Error => wrong('unbalanced templating characters')
  if (first.includes('}}')) throw unbalanced()
  return first + pieces.map((piece) => {
    const [directive = '', after, ...more] = piece.split('}}')
    if (after === undefined || more.length > 0) throw unbalanced()
    return JSON.stringify(valueOf(directive.trim(), subject, nowSeconds)) + after
  }).join('')
}

const claimsOf = (text: string): Claims => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw bad('bad_template', 'error parsing template JSON: it is no JSON', 'template')
  }
  if (parsed === null) return new Map()
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw bad('bad_template', 'error parsing template JSON: it is no JSON object', 'template')
  return new Map(Object.entries(parsed))
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** As it is stored: Vault takes templates in base64 as well. */
export const decodeTemplate = (template: string): string => {
  const joined = template.replaceAll(/[\r\n]/g, '')
  return BASE64.test(joined) ? Buffer.from(joined, 'base64').toString() : template
}

/** The claims of a template for nobody in particular. @throws invalid_request in Vault's words */
export const checkTemplate = (template: string): Claims => {
  if (template === '') return new Map()
  let text: string
  try {
    text = filled(template, nobody, 0)
  } catch (error) {
    throw isCofferError(error) ? bad('bad_template', `error parsing template: ${error.message}`, 'template') : error
  }
  const claims = claimsOf(text)
  for (const name of claims.keys()) {
    if (reservedClaims.some((reserved) => reserved === name)) throw bad('bad_template', `top level key ${JSON.stringify(name)} not allowed. Restricted keys: ${reservedClaims.join(', ')}`, 'template')
  }
  return claims
}

/** The claims of a template for somebody. What cannot be filled in any more gives none: a token is worth more than its extras. */
export const fillTemplate = (template: string, subject: Subject, nowSeconds: number): Claims => {
  if (template === '') return new Map()
  try {
    return new Map([...claimsOf(filled(template, subject, nowSeconds))].filter(([name]) => !reservedClaims.some((reserved) => reserved === name)))
  } catch (error) {
    if (isCofferError(error)) return new Map()
    throw error
  }
}
