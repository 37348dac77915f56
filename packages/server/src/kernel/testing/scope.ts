// What a test opens is closed in reverse order: a worker before the database that it works on.

export interface Scope {
  after(cleanUp: () => Promise<void>): void
}

export const lastFirst = (test: Scope): Scope => {
  const cleanUps: (() => Promise<void>)[] = []
  test.after(async () => {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  })
  return { after: (cleanUp) => cleanUps.push(cleanUp) }
}
