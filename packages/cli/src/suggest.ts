// "Did you mean …?" for commands and flags.

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
export const editDistance = (a: string, b: string): number => {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)]
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row[j] = Math.min(at(i - 1, j) + 1, (row[j - 1] ?? 0) + 1, replaced)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j] ?? 0, at(i - 2, j - 2) + 1)
    }
  }
  return at(a.length, b.length)
}

/** The known word that is near enough to have been meant. */
export const nearest = (word: string, known: readonly string[]): string | undefined => {
  const ranked = known.map((name) => ({ name, distance: editDistance(word, name) })).sort((one, other) => one.distance - other.distance)
  const [best] = ranked
  if (best === undefined) return undefined
  // `proj` for `project` is far by edits and plain to people.
  const started = word.length >= 2 ? known.filter((name) => name.startsWith(word)) : []
  if (best.distance > Math.max(1, Math.floor(word.length / 3))) return started.length === 1 ? started[0] : undefined
  return best.name
}
