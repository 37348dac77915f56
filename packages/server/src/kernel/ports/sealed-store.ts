// The sealed state of one mount as engines and auth methods see it: JSON in, JSON out, names of plain segments. There is no
// way from it to another mount's. `change` is for what is written because somebody asked: its audit record commits with it.

import type { JsonValue } from '../../lib/json.ts'

export interface SealedEntry {
  readonly value: JsonValue
  /** Rises with every write of this name. */
  readonly version: number
}

export interface SealedView {
  get(key: string): Promise<SealedEntry | undefined>
  /** Returns the new version. @throws conflict when `cas` names another than the present one; 0: only if there is none */
  put(key: string, value: JsonValue, options?: { readonly cas?: number }): Promise<number>
  /** Whether there was anything to delete. @throws conflict when `cas` names another version */
  delete(key: string, options?: { readonly cas?: number }): Promise<boolean>
  /** What lies directly below a prefix (empty, or ending in a slash), in pages. */
  list(prefix?: string, options?: { readonly cursor?: string; readonly limit?: number }): Promise<{ readonly keys: readonly string[]; readonly next: string | undefined }>
}

/** Its own methods write without a record: for counters and other state that is part of a greater act. */
export interface SealedStore extends SealedView {
  /** Runs `work` in one transaction with the audit record of the call. `work` may run again. */
  change<T>(work: (view: SealedView) => Promise<T>): Promise<T>
}

/** Records of one type below one prefix. */
export interface Collection<T> {
  /** The whole key of a name. */
  keyOf(name: string): string
  get(view: Pick<SealedView, 'get'>, name: string): Promise<{ readonly value: T; readonly version: number } | undefined>
  put(view: SealedView, name: string, value: T, options?: { readonly cas?: number }): Promise<number>
  delete(view: SealedView, name: string, options?: { readonly cas?: number }): Promise<boolean>
  /** Every name; folders end with a slash. */
  names(view: SealedView): Promise<readonly string[]>
}

const PAGE = 1000

/** Every name directly below a prefix; folders end with a slash. */
export const namesBelow = async (view: Pick<SealedView, 'list'>, prefix: string): Promise<readonly string[]> => {
  const all: string[] = []
  let cursor: string | undefined
  do {
    const page = await view.list(prefix, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })
    all.push(...page.keys)
    cursor = page.next
  } while (cursor !== undefined)
  return all
}

/** @param prefix ends in a slash */
export const collection = <T extends object>(prefix: string): Collection<T> => ({
  keyOf: (name) => prefix + name,
  async get(view, name) {
    const found = await view.get(prefix + name)
    // What comes out of a sealed entry is what this collection put in: nobody else can make one that opens.
    return found === undefined ? undefined : { value: found.value as unknown as T, version: found.version }
  },
  put: (view, name, value, options) => view.put(prefix + name, value as unknown as JsonValue, options),
  delete: (view, name, options) => view.delete(prefix + name, options),
  names: (view) => namesBelow(view, prefix),
})
