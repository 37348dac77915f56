// A request for every operation of the product, made from its contract: used by whoever must try them all.

import type { AnyField } from '../../packages/server/src/kernel/fields.ts'
import type { Operation } from '../../packages/server/src/kernel/operation.ts'
import { allContracts } from '../../packages/server/src/platform/contracts.ts'

/** Operations behind HTTP doors; the delivery service has a listener of its own. */
export const httpOperations: readonly Operation[] = allContracts.map(({ operation }) => operation).filter(({ path }) => /^\/(api\/)?v1\//.test(path))

/** What stands in the path. */
export const pathFields = (operation: Operation): readonly string[] => [...operation.path.matchAll(/:([A-Za-z]+)\+?/g)].map(([, name]) => name ?? '')

const takesBody = (operation: Operation): boolean => operation.method !== 'GET' && operation.method !== 'DELETE'

/** Declared `.in('query')`, or any field of an operation without a body. */
const isInQuery = (operation: Operation, field: AnyField): boolean => !takesBody(operation) || field.location === 'query'

/** As it stands in a target. A lone surrogate has no UTF-8. */
const textOf = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value)).toWellFormed()

export interface Built {
  readonly target: string
  readonly body: Readonly<Record<string, unknown>> | undefined
}

/** The target and the body of an operation with these inputs; those that it does not know are left out. */
export const build = (operation: Operation, input: Readonly<Record<string, unknown>>): Built => {
  const inPath = pathFields(operation)
  const target = operation.path.replaceAll(/:([A-Za-z]+)\+?/g, (whole, name: string) => {
    const text = textOf(input[name] ?? 'none')
    return whole.endsWith('+') ? text.split('/').map(encodeURIComponent).join('/') : encodeURIComponent(text)
  })
  const query = new URLSearchParams()
  const body: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(operation.input)) {
    if (inPath.includes(name) || !Object.hasOwn(input, name)) continue
    if (isInQuery(operation, field)) query.set(name, textOf(input[name]))
    else body[name] = input[name]
  }
  const search = query.toString()
  return { target: search === '' ? target : `${target}?${search}`, body: takesBody(operation) ? body : undefined }
}
