// What the nouns of identity tokens and of the provider share.

import type { Call } from '../../../kernel/call.ts'
import { f } from '../../../kernel/fields.ts'
import type { NamedPort } from '../../../kernel/ports/oidc.ts'
import { mayDelete, mayList, mayRead, mayWrite, notThere, orNotThere, text } from '../common.ts'

/** Vault's generic names. */
export const nameOf = (what: string) => f.text(`Name of the ${what}`, { max: 256, min: 1, pattern: '^\\w(([\\w.-]+)?\\w)?$' })
export const seconds = (describe: string) => f.duration(describe, { maxSeconds: 9_223_372_036 })
export const texts = (describe: string, max = 1024) => f.list(describe, text('Value', max), { max: 10_000 })
export const template = f.text('JSON with `{{identity.entity...}}` in it, as it is or in base64', { max: 64 * 1024 })
export const warnings = f.list('What to be careful about', text('Warning', 4096), { max: 10_000 }).optional()

const noted = (found: readonly string[]): { readonly warnings?: readonly string[] } => (found.length === 0 ? {} : { warnings: found })

/** The four things that can be done with records of a kind. */
export const named = <View, Wish>(port: NamedPort<View, Wish>, kind: string, mayLook = mayRead) => {
  const path = (name: string): string => `oidc/${kind}/${name}`
  return {
    async write({ name, ...wishes }: { readonly name: string } & Parameters<NamedPort<View, Wish>['write']>[3], call: Call) {
      return noted(await port.write(mayWrite(call, path(name)), call, name, wishes as Parameters<typeof port.write>[3])) // the rest of the fields, as declared
    },
    async read({ name }: { readonly name: string }, call: Call): Promise<View> {
      mayLook(call, path(name))
      const found = await port.find(call.orgId, name)
      if (found === undefined) throw notThere()
      return found
    },
    async remove({ name }: { readonly name: string }, call: Call) {
      await port.delete(mayDelete(call, path(name)), call, name)
      return {}
    },
    async names(call: Call): Promise<readonly string[]> {
      mayList(call, `oidc/${kind}`)
      return orNotThere(await port.names(call.orgId))
    },
  }
}

/** Each record with its name, for lists that say more. */
export const each = async <View>(port: { find(orgId: string, name: string): Promise<View | undefined> }, orgId: string, names: readonly string[]): Promise<ReadonlyMap<string, View>> => {
  const found = new Map<string, View>()
  for (const name of names) {
    const view = await port.find(orgId, name)
    if (view !== undefined) found.set(name, view)
  }
  return found
}
