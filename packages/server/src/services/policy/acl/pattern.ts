// Patterns of ACL paths and their order of priority, as Vault resolves them (vault/acl.go; the documentation's
// "Policy syntax: priority matching"). The order depends on the patterns alone, so it is settled at compile
// time: sorted best first, the first that matches is the one that counts.

export interface AclPattern {
  /** Canonical text: two rules with the same text are one. */
  readonly text: string
  readonly form: 'exact' | 'prefix' | 'segments'
  /** The text without its final star. */
  readonly stem: string
  /** Position of the first `+` or of the final `*`. */
  readonly firstWildcard: number
  readonly endsInGlob: boolean
  readonly plusSegments: number
  /** Of the stem, for the form `segments`; `+` stands for any one. */
  readonly parts: readonly string[]
}

export const parsePattern = (text: string): AclPattern => {
  // `+` is a wildcard only as a whole segment, but Vault files `a/+b` under segment wildcards too, and so ranks it.
  const hasPlus = text === '+' || text.includes('/+') || text.startsWith('+/')
  const endsInGlob = text.endsWith('*')
  const stem = endsInGlob ? text.slice(0, -1) : text
  if (!hasPlus) {
    return { text, form: endsInGlob ? 'prefix' : 'exact', stem, firstWildcard: stem.length, endsInGlob, plusSegments: 0, parts: [] }
  }
  const parts = stem.split('/')
  return {
    text, form: 'segments', stem, endsInGlob, parts,
    firstWildcard: text.indexOf('+'),
    plusSegments: parts.filter((part) => part === '+').length,
  }
}

/** Negative when `a` outranks `b`. Never 0 for two patterns of different text that can match the same path. */
export const comparePriority = (a: AclPattern, b: AclPattern): number => {
  if (a.firstWildcard !== b.firstWildcard) return b.firstWildcard - a.firstWildcard
  if (a.endsInGlob !== b.endsInGlob) return a.endsInGlob ? 1 : -1
  if (a.plusSegments !== b.plusSegments) return a.plusSegments - b.plusSegments
  if (a.stem.length !== b.stem.length) return b.stem.length - a.stem.length
  if (a.stem === b.stem) return 0
  return a.stem < b.stem ? 1 : -1
}

/** Whether a prefix or segment pattern matches. `parts` is `path` split at slashes. Exact patterns are looked up, not matched. */
export const matchesPattern = (pattern: AclPattern, path: string, parts: readonly string[]): boolean =>
  pattern.form === 'segments' ? matchesSegments(pattern, parts) : path.startsWith(pattern.stem)

const matchesSegments = (pattern: AclPattern, parts: readonly string[]): boolean => {
  const wanted = pattern.parts
  if (parts.length < wanted.length || (!pattern.endsInGlob && parts.length !== wanted.length)) return false
  const last = wanted.length - 1
  for (let index = 0; index <= last; index += 1) {
    const want = wanted[index]
    const have = parts[index]
    if (want === '+' || want === have) continue
    if (pattern.endsInGlob && index === last && want !== undefined && have?.startsWith(want) === true) continue
    return false
  }
  return true
}
