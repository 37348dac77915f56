// The named records of an auth method: roles, users, entries. Listed, read, written and deleted alike in every method, and
// found alike by its logins; a method says only what is in them.

import type { Call } from '../call.ts'
import type { Collection, SealedView } from '../ports/sealed-store.ts'
import { authorised, type AuthParts, type LoginVerdict } from './method.ts'

/** What every such record holds besides the method's own. */
export interface NamedRecord {
  /** Made with the record and never used again: one that is deleted and made anew is another. */
  readonly uid: string
}

interface Found<R> {
  readonly value: R
  readonly version: number
}

export interface RoleKind<R extends NamedRecord> {
  readonly records: Collection<R>
  /** Where they lie below the mount: `role`, `users`, `certs`. */
  readonly path: string
  /** The error for one that is not there. */
  readonly none: () => Error
  /** Writing a new one is an update too, for methods whose paths know no create. */
  readonly isUpsert?: boolean
  /** Instead of putting the record alone: what leads to it goes with it. `before` is what it replaces. */
  readonly save?: (view: SealedView, key: string, record: R, before: Found<R> | undefined) => Promise<void>
  /** What goes with a record that was deleted. */
  readonly drop?: (view: SealedView, record: R) => Promise<void>
}

export interface RoleBook<R extends NamedRecord> {
  list(input: unknown, call: Call): Promise<{ readonly keys: readonly string[] }>
  /** @throws what `none` makes */
  read(name: string, call: Call): Promise<R>
  /** `make` gets what there was and the uid that the record is to have. */
  write(name: string, call: Call, make: (before: R | undefined, uid: string) => R | Promise<R>): Promise<Record<string, never>>
  /** Changes one that there is, for a caller who has asked for the grant. @throws what `absent` makes */
  change(name: string, call: Call, apply: (record: R) => R, absent?: () => Error): Promise<Record<string, never>>
  delete(name: string, call: Call): Promise<Record<string, never>>
}

/** Records are found whatever the case of their name, as in Vault. */
export const roleKey = (name: string): string => name.toLowerCase()

const NAME = /^[a-z0-9_][a-z0-9_.@:-]{0,127}$/

/** The record that a login names; undefined also for what none can be called. */
export const roleOfLogin = async <R extends object>(records: Collection<R>, view: Pick<SealedView, 'get'>, name: string): Promise<R | undefined> => {
  const key = roleKey(name)
  return NAME.test(key) ? (await records.get(view, key))?.value : undefined
}

/** What ends the batch tokens that a role gave when it is deleted. */
export const markOf = (records: Pick<Collection<object>, 'keyOf'>, { name, uid }: NamedRecord & { readonly name: string }): NonNullable<LoginVerdict['role']> => ({ key: records.keyOf(roleKey(name)), uid })

export const roleBook = <R extends NamedRecord>(parts: Pick<AuthParts, 'store' | 'makeId'>, kind: RoleKind<R>): RoleBook<R> => {
  const { records, path, none } = kind
  const save = kind.save ?? (async (view: SealedView, key: string, record: R, before: Found<R> | undefined): Promise<void> => void (await records.put(view, key, record, { cas: before?.version ?? 0 })))
  return {
    async list(_input, call) {
      authorised(call, 'list', `${path}/`)
      const keys = await records.names(parts.store(call))
      if (keys.length === 0) throw none()
      return { keys }
    },
    async read(name, call) {
      authorised(call, 'read', `${path}/${name}`)
      const found = await records.get(parts.store(call), roleKey(name))
      if (found === undefined) throw none()
      return found.value
    },
    async write(name, call, make) {
      const store = parts.store(call)
      const key = roleKey(name)
      const before = await records.get(store, key)
      authorised(call, before === undefined && kind.isUpsert !== true ? 'create' : 'update', `${path}/${name}`)
      const record = await make(before?.value, before?.value.uid ?? parts.makeId())
      await store.change((view) => save(view, key, record, before))
      return {}
    },
    // Reads and writes in one step, so that two changes at once do not undo each other.
    async change(name, call, apply, absent = none) {
      const key = roleKey(name)
      await parts.store(call).change(async (view) => {
        const before = await records.get(view, key)
        if (before === undefined) throw absent()
        await save(view, key, apply(before.value), before)
      })
      return {}
    },
    async delete(name, call) {
      authorised(call, 'delete', `${path}/${name}`)
      const key = roleKey(name)
      await parts.store(call).change(async (view) => {
        const before = await records.get(view, key)
        if (before === undefined) return
        await records.delete(view, key, { cas: before.version })
        await kind.drop?.(view, before.value)
      })
      return {}
    },
  }
}
