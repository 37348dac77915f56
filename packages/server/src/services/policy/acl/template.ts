// `{{identity.…}}` in the paths of ACL policies. As in Vault, a path whose value the entity does not have
// is left out. Unlike Vault, a value that would change the shape of the pattern (a slash, a star, a leading plus)
// never enters it, and a deny does not go away with metadata that is missing: metadata is often set by people who may not write policies.

import type { AclPathRule, EntityView } from '../types.ts'

const expression = /\{\{\s*([^{}]*?)\s*\}\}/g
const segmentsOf = /^identity\.(entity|groups)\.(.+)$/
const unsafe = /[/*\u0000-\u001f\u007f]/

/** Why the templates in a pattern cannot be used, or undefined when they can (or there are none). */
export const checkTemplate = (pattern: string): string | undefined => {
  const bare = pattern.replaceAll(expression, '')
  if (bare.includes('{{') || bare.includes('}}')) return 'a template is not closed'
  for (const [, inner = ''] of pattern.matchAll(expression)) {
    if (!isKnown(inner)) return `unknown template ${JSON.stringify(inner.slice(0, 80))}`
  }
  return undefined
}

const known: readonly RegExp[] = [
  /^identity\.entity\.(?:id|name|metadata\..+)$/,
  /^identity\.entity\.aliases\.[^.]+\.(?:id|name|metadata\..+|custom_metadata\..+)$/,
  /^identity\.groups\.(?:ids|names)\..+\.(?:id|name|metadata\.[^.]+)$/,
]

const isKnown = (inner: string): boolean => known.some((form) => form.test(inner))

/** The rule for this entity; undefined when it does not apply to it. */
export const renderRule = (rule: AclPathRule, entity: EntityView | undefined): AclPathRule | undefined => {
  if (!rule.pattern.includes('{{')) return rule
  let absent = false
  let unsafeAt: number | undefined
  const isDeny = rule.capabilities.includes('deny')
  const pattern = rule.pattern.replaceAll(expression, (_whole, inner: string, offset: number) => {
    // Paths are in this form.
    const value = entity === undefined ? undefined : lookUp(entity, inner)?.normalize('NFC')
    if (value === undefined || value === '') {
      if (isDeny && entity !== undefined && isMetadata(entity, inner)) unsafeAt ??= offset
      else absent = true
    } else if (unsafe.test(value) || value.startsWith('+') || value === '.' || value === '..') unsafeAt ??= offset
    return value ?? ''
  })
  if (absent) return undefined
  if (unsafeAt === undefined) return { ...rule, pattern }
  // Dropping a deny because of a value that its subject may choose would open what it closes: it widens instead.
  if (!isDeny) return undefined
  return { ...rule, pattern: `${rule.pattern.slice(0, unsafeAt).replaceAll(expression, '')}*` }
}

/** Whether it is metadata of somebody or of an alias that there is: a group that one is not in, or an alias that one does not have, is nothing that a rule could be about. */
const isMetadata = (entity: EntityView, inner: string): boolean => {
  const alias = /^identity\.entity\.aliases\.([^.]+)\.(?:custom_)?metadata\./.exec(inner)?.[1]
  return alias === undefined ? inner.startsWith('identity.entity.metadata.') : own(entity.aliases, alias) !== undefined
}

const lookUp = (entity: EntityView, inner: string): string | undefined => {
  const [, subject, rest = ''] = segmentsOf.exec(inner) ?? []
  if (subject === 'groups') return lookUpGroup(entity, rest)
  if (rest === 'id') return entity.id
  if (rest === 'name') return entity.name
  if (rest.startsWith('metadata.')) return own(entity.metadata, rest.slice('metadata.'.length))
  return lookUpAlias(entity, rest.slice('aliases.'.length))
}

const lookUpAlias = (entity: EntityView, rest: string): string | undefined => {
  const dot = rest.indexOf('.')
  const alias = own(entity.aliases, rest.slice(0, dot))
  const field = rest.slice(dot + 1)
  if (alias === undefined) return undefined
  if (field === 'id') return alias.id
  if (field === 'name') return alias.name
  if (field.startsWith('metadata.')) return own(alias.metadata, field.slice('metadata.'.length))
  return own(alias.customMetadata, field.slice('custom_metadata.'.length))
}

const groupForm = /^(ids|names)\.(.+?)\.(id|name|metadata\.[^.]+)$/

const lookUpGroup = (entity: EntityView, rest: string): string | undefined => {
  const [, by, key, field = ''] = groupForm.exec(rest) ?? []
  // Only groups that the entity is in: others are nothing that its token may be named after.
  const group = entity.groups.find((each) => (by === 'ids' ? each.id : each.name) === key)
  if (group === undefined) return undefined
  if (field === 'id') return group.id
  if (field === 'name') return group.name
  return own(group.metadata, field.slice('metadata.'.length))
}

const own = <Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined
