// Cleaning up in reverse order: a server is stopped before its directory is removed. node:test runs hooks in the order
// in which they were registered, which is the wrong way round.

/** A test (`t`), or one `{ after }` of node:test for a whole file, used at its top: inside a hook it would end with the hook. */
export interface Scope {
  after(cleanUp: () => void | Promise<void>): void
}

const stacks = new WeakMap<Scope, (() => void | Promise<void>)[]>()

export const afterwards = (scope: Scope, cleanUp: () => void | Promise<void>): void => {
  const stack = stacks.get(scope)
  if (stack !== undefined) return void stack.push(cleanUp)
  const begun = [cleanUp]
  stacks.set(scope, begun)
  scope.after(async () => {
    for (const step of begun.toReversed()) await step()
  })
}
