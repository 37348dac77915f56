// What a provider is made of besides clients: assignments (for whom), scopes (what is said), and providers themselves.

import type { Call, Grant } from '../../../kernel/call.ts'
import type { AssignmentView, NamedPort, ProviderView, PublishedKeys, ScopeView } from '../../../kernel/ports/oidc.ts'
import { tidy } from './clients.ts'
import { checkIssuer, effective, ISSUER_WARNING } from './issuers.ts'
import { allows, keySet } from './keys.ts'
import { ALLOW_ALL, assignments, clients, DEFAULT, providers, scopes, type Provider } from './records.ts'
import { bad, change, namesWhere, requireUnused, type OidcPorts } from './store.ts'
import { checkTemplate, decodeTemplate } from './templates.ts'

export const OPENID = 'openid'

export const makeAssignments = (ports: OidcPorts): NamedPort<AssignmentView, AssignmentView> => ({
  find: async (orgId, name) => (await assignments.get(ports.view(orgId), name))?.value,
  names: (orgId) => assignments.names(ports.view(orgId)),
  async write(grant, call, name, wishes) {
    if (name === ALLOW_ALL) throw bad('built_in', `modification of assignment ${JSON.stringify(name)} not allowed`)
    const lower = (ids: readonly string[]): readonly string[] => tidy(ids.map((id) => id.toLowerCase()))
    await change(ports, grant, call, async ({ view }) => {
      const before = (await assignments.get(view, name))?.value
      await assignments.put(view, name, { entityIds: lower(wishes.entityIds ?? before?.entityIds ?? []), groupIds: lower(wishes.groupIds ?? before?.groupIds ?? []) })
    })
    return []
  },
  async delete(grant, call, name) {
    if (name === ALLOW_ALL) throw bad('built_in', `deletion of assignment ${JSON.stringify(name)} not allowed`)
    await change(ports, grant, call, async ({ view }) => {
      requireUnused(`assignment ${JSON.stringify(name)}`, 'clients', await namesWhere(clients, view, (client) => client.assignments.includes(name)))
      await assignments.delete(view, name)
    })
  },
})

export const makeScopes = (ports: OidcPorts): NamedPort<ScopeView, ScopeView> => ({
  find: async (orgId, name) => (await scopes.get(ports.view(orgId), name))?.value,
  names: (orgId) => scopes.names(ports.view(orgId)),
  async write(grant, call, name, wishes) {
    if (name === OPENID) throw bad('built_in', `the ${JSON.stringify(OPENID)} scope name is reserved`)
    await change(ports, grant, call, async ({ view }) => {
      const before = (await scopes.get(view, name))?.value
      const template = decodeTemplate(wishes.template ?? before?.template ?? '')
      checkTemplate(template)
      await scopes.put(view, name, { template, description: wishes.description ?? before?.description ?? '' })
    })
    return []
  },
  async delete(grant, call, name) {
    await change(ports, grant, call, async ({ view }) => {
      requireUnused(`scope ${JSON.stringify(name)}`, 'providers', await namesWhere(providers, view, (provider) => provider.scopesSupported.includes(name)))
      await scopes.delete(view, name)
    })
  },
})

type ProviderWishes = Parameters<NamedPort<ProviderView, Omit<ProviderView, 'effectiveIssuer'>>['write']>[3]

const writeProvider = (ports: OidcPorts, grant: Grant, call: Call, name: string, wishes: ProviderWishes): Promise<readonly string[]> =>
  change(ports, grant, call, async ({ view }) => {
    const before = (await providers.get(view, name))?.value
    const after: Provider = { issuer: checkIssuer(wishes.issuer ?? before?.issuer ?? ''), allowedClientIds: tidy(wishes.allowedClientIds ?? before?.allowedClientIds ?? []), scopesSupported: tidy(wishes.scopesSupported ?? before?.scopesSupported ?? []) }
    const warnings = after.issuer === '' ? [] : [ISSUER_WARNING]
    const from = new Map<string, string>()
    for (const scopeName of after.scopesSupported) {
      const scope = (await scopes.get(view, scopeName))?.value
      if (scope === undefined) throw bad('no_scope', `scope ${JSON.stringify(scopeName)} does not exist`, 'scopes_supported')
      for (const claim of checkTemplate(scope.template).keys()) {
        const other = from.get(claim)
        if (other !== undefined) warnings.push(`Found scope templates with conflicting top-level keys: conflict ${JSON.stringify(claim)} in scopes ${JSON.stringify(scopeName)}, ${JSON.stringify(other)}. This may result in an error if the scopes are requested in an OIDC Authentication Request.`)
        from.set(claim, scopeName)
      }
    }
    await providers.put(view, name, after)
    call.says(warnings.length > 0)
    return warnings
  })

/** As clients see it; undefined: there is none of this name. */
export const findProvider = async (ports: OidcPorts, orgId: string, name: string): Promise<ProviderView | undefined> => {
  const provider = (await providers.get(ports.view(orgId), name))?.value
  return provider === undefined ? undefined : { ...provider, effectiveIssuer: await effective(ports, orgId, provider.issuer, `identity/oidc/provider/${name}`) }
}

export const makeProviders = (ports: OidcPorts): NamedPort<ProviderView, Omit<ProviderView, 'effectiveIssuer'>> => ({
  find: (orgId, name) => findProvider(ports, orgId, name),
  names: (orgId) => providers.names(ports.view(orgId)),
  write: (grant, call, name, wishes) => writeProvider(ports, grant, call, name, wishes),
  async delete(grant, call, name) {
    if (name === DEFAULT) throw bad('built_in', `deletion of OIDC provider ${JSON.stringify(name)} not allowed`)
    await change(ports, grant, call, ({ view }) => providers.delete(view, name))
  },
})

/** Of the keys of the clients that a provider has. */
export const providerKeys = async (ports: OidcPorts, orgId: string, name: string): Promise<PublishedKeys | undefined> => {
  const view = ports.view(orgId)
  const provider = (await providers.get(view, name))?.value
  if (provider === undefined) return undefined
  const names = new Set<string>()
  await namesWhere(clients, view, (client) => {
    if (allows(provider, client.clientId)) names.add(client.key)
    return false
  })
  return keySet(ports, orgId, names)
}
