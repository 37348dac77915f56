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

/** Whether a prefix or segment pattern matches. Exact patterns are looked up, not matched. */
export const matchesPattern = (pattern: AclPattern, path: string): boolean =>
  pattern.form === 'segments' ? matchesSegments(pattern, path) : path.startsWith(pattern.stem)

/** Walks the path instead of splitting it: this runs for every rule of a principal. As in Vault, `+` takes an empty segment too. */
const matchesSegments = ({ parts, endsInGlob }: AclPattern, path: string): boolean => {
  const last = parts.length - 1
  let from = 0
  for (let index = 0; index <= last; index += 1) {
    if (from > path.length) return false
    const want = parts[index] ?? ''
    const slash = path.indexOf('/', from)
    const to = slash < 0 ? path.length : slash
    if (want !== '+') {
      const long = endsInGlob && index === last ? to - from >= want.length : to - from === want.length
      if (!long || !path.startsWith(want, from)) return false
    }
    from = to + 1
  }
  return endsInGlob || from > path.length
}

/** What a rule says of paths that begin alike and go on, each in its own way: that it covers all of them, none, or that it may cover some. */
export type Share = 'all' | 'none' | 'some'

/**
 * Of the paths that begin with `beginning`, which ends with a slash, and go on. `some` is also said where that would have to be looked into further;
 * `all` and `none` are proofs.
 */
export const shareOf = (pattern: AclPattern, beginning: string): Share => {
  const { form, stem, text } = pattern
  if (form === 'exact') return stem.length > beginning.length && stem.startsWith(beginning) ? 'some' : 'none'
  // Up to its last slash the beginning has whole segments, which stay what they are when the path goes on.
  if (pattern.endsInGlob && matchesPattern(pattern, beginning)) return 'all'
  return mayMeet(form === 'prefix' ? stem : text.slice(0, pattern.firstWildcard), beginning) ? 'some' : 'none'
}

/** Whether a path can begin with both. */
export const mayMeet = (one: string, other: string): boolean => (one.length > other.length ? one.startsWith(other) : other.startsWith(one))
