// Where a NAME on the command line is. With an environment (flag, variable, context, or the token's own) it is the path
// below it; without one its first part names the environment, as in `dev/db/password`.

import { isCofferError } from '@coffer/sdk'
import type { Session } from './cli.ts'
import type { Terminal } from './output/terminal.ts'

export interface Place {
  readonly project: string | undefined
  readonly environment: string | undefined
  readonly key: string
}

/** What the server says when a path stands without the environment that it needs. */
const isUnnamed = (error: unknown): boolean => isCofferError(error) && (error.code === 'environment.unnamed' || error.code === 'path.names_environment')

/**
 * Only the server knows whether a token brings its own environment. So the path is sent as it is, and taken apart when
 * the server asks for an environment: nothing has happened then.
 */
export const atPlace = async <T>(session: Session, terminal: Terminal, name: string, call: (place: Place) => Promise<T>): Promise<T> => {
  const slash = name.indexOf('/')
  const [first, below] = slash <= 0 ? ['', ''] : [name.slice(0, slash), name.slice(slash + 1)]
  if (session.env !== undefined && first === session.env) terminal.warn(`The environment is ${session.env} already, so this is ${name} in ${session.env}. Did you mean ${below}?`)
  try {
    return await call({ ...session.scope, key: name })
  } catch (error) {
    if (session.env !== undefined || first === '' || !isUnnamed(error)) throw error
    return await call({ project: session.scope.project, environment: first, key: below })
  }
}

/** All pages of a list. */
export const allPages = async <T>(page: (after: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next?: string }>): Promise<readonly T[]> => {
  const items: T[] = []
  let after: string | undefined
  do {
    const found = await page(after)
    items.push(...found.items)
    after = found.next
  } while (after !== undefined)
  return items
}
