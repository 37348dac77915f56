// Which operation a method and a path mean. Patterns are matched segment by segment on what the one path parser gave, so
// routing, policy and audit can never read a target differently.

import { fail } from '../../kernel/errors.ts'
import type { Method } from '../../kernel/operation.ts'
import type { PathSegments } from '../../kernel/path.ts'

export interface Route<T> {
  readonly method: Method
  /** `/api/v1/secrets/:key+/history` */
  readonly pattern: string
  readonly target: T
}

export interface Match<T> {
  readonly target: T
  readonly params: Readonly<Record<string, string>>
}

interface Compiled<T> {
  readonly method: Method
  readonly parts: readonly string[]
  /** Index of the part that takes one or more segments, or -1. */
  readonly rest: number
  readonly literals: number
  readonly target: T
}

const compile = <T>(route: Route<T>): Compiled<T> => {
  const parts = route.pattern === '/' ? [] : route.pattern.split('/').slice(1)
  return { method: route.method, parts, rest: parts.findIndex((part) => part.startsWith(':') && part.endsWith('+')), literals: parts.filter((part) => !part.startsWith(':')).length, target: route.target }
}

export class Router<T> {
  /** By first literals, most specific first: more literals, then no rest. */
  readonly #routes: readonly Compiled<T>[]

  constructor(routes: readonly Route<T>[]) {
    this.#routes = routes.map(compile).sort((a, b) => b.literals - a.literals || Number(a.rest !== -1) - Number(b.rest !== -1))
  }

  all(): readonly T[] {
    return this.#routes.map(({ target }) => target)
  }

  /** Of every method, what the most specific pattern of a path means. */
  at(segments: PathSegments): readonly T[] {
    const fitting = this.#routes.filter((route) => fit(route, segments) !== undefined)
    return fitting.filter(({ literals, rest }) => literals === fitting[0]?.literals && (rest === -1) === (fitting[0].rest === -1)).map(({ target }) => target)
  }

  /** @throws not_found for no such path, 405 for a path that knows other methods */
  match(method: string, segments: PathSegments): Match<T> {
    const others = new Set<string>()
    for (const route of this.#routes) {
      const params = fit(route, segments)
      if (params === undefined) continue
      if (route.method === method) return { target: route.target, params }
      others.add(route.method)
    }
    if (others.size > 0) throw fail('invalid_request', 'request.method', `This path takes ${[...others].sort().join(', ')}.`, { field: 'method', httpStatus: 405 })
    throw fail('not_found', 'request.no_route', 'There is nothing at this path.')
  }
}

const fit = <T>(route: Compiled<T>, segments: PathSegments): Record<string, string> | undefined => {
  const { parts, rest } = route
  if (rest === -1 ? segments.length !== parts.length : segments.length < parts.length) return undefined
  const params: Record<string, string> = {}
  const tail = rest === -1 ? 0 : parts.length - rest - 1
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? ''
    // Parts behind the one that takes several are counted from the end.
    const at = rest !== -1 && i > rest ? segments.length - (parts.length - i) : i
    const segment = segments[at] ?? ''
    if (i === rest) params[part.slice(1, -1)] = segments.slice(i, segments.length - tail).join('/')
    else if (part.startsWith(':')) params[part.slice(1)] = segment
    else if (part !== segment) return undefined
  }
  return params
}
