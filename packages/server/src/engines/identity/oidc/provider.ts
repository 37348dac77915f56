// What the OpenID Connect provider is made of: assignments, scopes, clients, providers.

import { f } from '../../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../../kernel/operation.ts'
import type { ClientView, OidcPort, ProviderView } from '../../../kernel/ports/oidc.ts'
import { deleting, ids, listed, listing, mayReveal, reading, text, writing } from '../common.ts'
import { each, named, nameOf, seconds, template, texts, warnings } from './fields.ts'

const base = '/v1/identity/oidc'
const assignment = { entityIds: ids('Entities that may use the client'), groupIds: ids('Groups whose members may use the client') }
const assignmentName = nameOf('assignment')
export const writeAssignment = operation({ ...writing, id: 'identity.writeAssignment', method: 'POST', path: `${base}/assignment/:name`, audit: 'identity.oidc-assignment-write', summary: 'Say for whom clients are', input: { name: assignmentName, entityIds: assignment.entityIds.optional(), groupIds: assignment.groupIds.optional() }, output: { warnings } })
export const readAssignment = operation({ ...reading, id: 'identity.readAssignment', method: 'GET', path: `${base}/assignment/:name`, audit: 'identity.oidc-assignment-read', summary: 'Read an assignment', input: { name: assignmentName }, output: assignment })
export const deleteAssignment = operation({ ...deleting, id: 'identity.deleteAssignment', method: 'DELETE', path: `${base}/assignment/:name`, audit: 'identity.oidc-assignment-delete', summary: 'Delete an assignment that no client uses', input: { name: assignmentName }, output: {} })
export const listAssignments = operation({ ...listing, id: 'identity.listAssignments', method: 'LIST', path: `${base}/assignment`, audit: 'identity.oidc-assignment-list', summary: 'List assignments', input: {}, output: listed })

const scope = { template, description: text('What it is for', 4096) }
const scopeName = nameOf('scope')
export const writeScope = operation({ ...writing, id: 'identity.writeScope', method: 'POST', path: `${base}/scope/:name`, audit: 'identity.oidc-scope-write', summary: 'Say what clients learn of somebody', input: { name: scopeName, template: template.optional(), description: scope.description.optional() }, output: { warnings } })
export const readScope = operation({ ...reading, id: 'identity.readScope', method: 'GET', path: `${base}/scope/:name`, audit: 'identity.oidc-scope-read', summary: 'Read a scope', input: { name: scopeName }, output: scope })
export const deleteScope = operation({ ...deleting, id: 'identity.deleteScope', method: 'DELETE', path: `${base}/scope/:name`, audit: 'identity.oidc-scope-delete', summary: 'Delete a scope that no provider has', input: { name: scopeName }, output: {} })
export const listScopes = operation({ ...listing, id: 'identity.listScopes', method: 'LIST', path: `${base}/scope`, audit: 'identity.oidc-scope-list', summary: 'List scopes', input: {}, output: listed })

const client = {
  redirectUris: texts('Addresses that browsers may be sent back to', 4096), assignments: texts('Assignments; allow_all for everybody', 256), key: text('Key that signs its id tokens; it cannot be changed', 256),
  idTokenTtl: seconds('How long id tokens live'), accessTokenTtl: seconds('How long access tokens live'), clientType: text('confidential, or public: without a secret, and always with PKCE', 64),
}
const clientName = nameOf('client')
const optionalClient = { redirectUris: client.redirectUris.optional(), assignments: client.assignments.optional(), key: client.key.optional(), idTokenTtl: client.idTokenTtl.optional(), accessTokenTtl: client.accessTokenTtl.optional(), clientType: client.clientType.optional() }
export const writeClient = operation({ ...writing, id: 'identity.writeClient', method: 'POST', path: `${base}/client/:name`, audit: 'identity.oidc-client-write', summary: 'Make or change a client', input: { name: clientName, ...optionalClient }, output: { warnings } })
export const readClient = operation({ ...reading, id: 'identity.readClient', method: 'GET', path: `${base}/client/:name`, audit: 'identity.oidc-client-read', summary: 'Read a client, with its secret', input: { name: clientName }, output: { ...client, clientId: text('Id of the client'), clientSecret: f.secret('Secret of a confidential client', { max: 256 }).optional() } })
export const deleteClient = operation({ ...deleting, id: 'identity.deleteClient', method: 'DELETE', path: `${base}/client/:name`, audit: 'identity.oidc-client-delete', summary: 'Delete a client', input: { name: clientName }, output: {} })
export const listClients = operation({ ...listing, id: 'identity.listClients', method: 'LIST', path: `${base}/client`, audit: 'identity.oidc-client-list', summary: 'List clients, without their secrets', input: {}, output: listed })

const provider = { issuer: text('Scheme, host and port under which it is reached; empty: the server\'s own'), allowedClientIds: texts('Client ids that may use it; * for all'), scopesSupported: texts('Scopes that it has', 256) }
const providerName = nameOf('provider')
export const writeProvider = operation({ ...writing, id: 'identity.writeProvider', method: 'POST', path: `${base}/provider/:name`, audit: 'identity.oidc-provider-write', summary: 'Make or change a provider', input: { name: providerName, issuer: provider.issuer.optional(), allowedClientIds: provider.allowedClientIds.optional(), scopesSupported: provider.scopesSupported.optional() }, output: { warnings } })
export const readProvider = operation({ ...reading, id: 'identity.readProvider', method: 'GET', path: `${base}/provider/:name`, audit: 'identity.oidc-provider-read', summary: 'Read a provider', input: { name: providerName }, output: provider })
export const deleteProvider = operation({ ...deleting, id: 'identity.deleteProvider', method: 'DELETE', path: `${base}/provider/:name`, audit: 'identity.oidc-provider-delete', summary: 'Delete a provider', input: { name: providerName }, output: {} })
export const listProviders = operation({ ...listing, id: 'identity.listProviders', method: 'LIST', path: `${base}/provider`, audit: 'identity.oidc-provider-list', summary: 'List providers', input: { allowedClientId: text('Only those that this client may use').default('') }, output: listed })

const assigned = (oidc: OidcPort): readonly Implemented[] => {
  const records = named(oidc.assignments, 'assignment')
  return implement({ writeAssignment, readAssignment, deleteAssignment, listAssignments }, {
    writeAssignment: (input, call) => records.write(input, call),
    readAssignment: (input, call) => records.read(input, call),
    deleteAssignment: (input, call) => records.remove(input, call),
    listAssignments: async (_input, call) => ({ keys: await records.names(call) }),
  })
}

const scoped = (oidc: OidcPort): readonly Implemented[] => {
  const records = named(oidc.scopes, 'scope')
  return implement({ writeScope, readScope, deleteScope, listScopes }, {
    writeScope: (input, call) => records.write(input, call),
    readScope: (input, call) => records.read(input, call),
    deleteScope: (input, call) => records.remove(input, call),
    listScopes: async (_input, call) => ({ keys: await records.names(call) }),
  })
}

const clientInfo = ({ redirectUris, assignments, key, idTokenTtl, accessTokenTtl, clientType, clientId }: ClientView): Readonly<Record<string, unknown>> => ({ redirect_uris: redirectUris, assignments, key, id_token_ttl: idTokenTtl, access_token_ttl: accessTokenTtl, client_type: clientType, client_id: clientId })

const clients = (oidc: OidcPort): readonly Implemented[] => {
  const records = named(oidc.clients, 'client', mayReveal)
  return implement({ writeClient, readClient, deleteClient, listClients }, {
    writeClient: (input, call) => records.write(input, call),
    readClient: (input, call) => records.read(input, call),
    deleteClient: (input, call) => records.remove(input, call),
    async listClients(_input, call) {
      const keys = await records.names(call)
      return { keys, keyInfo: Object.fromEntries([...(await each(oidc.clients, call.orgId, keys))].map(([name, view]) => [name, clientInfo(view)])) }
    },
  })
}

const providerInfo = ({ effectiveIssuer, allowedClientIds, scopesSupported }: ProviderView): Readonly<Record<string, unknown>> => ({ issuer: effectiveIssuer, allowed_client_ids: allowedClientIds, scopes_supported: scopesSupported })

const providers = (oidc: OidcPort): readonly Implemented[] => {
  const records = named(oidc.providers, 'provider')
  return implement({ writeProvider, readProvider, deleteProvider, listProviders }, {
    writeProvider: (input, call) => records.write(input, call),
    async readProvider(input, call) {
      const { effectiveIssuer, allowedClientIds, scopesSupported } = await records.read(input, call)
      return { issuer: effectiveIssuer, allowedClientIds, scopesSupported }
    },
    deleteProvider: (input, call) => records.remove(input, call),
    async listProviders(input, call) {
      const found = [...(await each(oidc.providers, call.orgId, await records.names(call)))].filter(([, { allowedClientIds }]) => input.allowedClientId === '' || allowedClientIds.includes('*') || allowedClientIds.includes(input.allowedClientId))
      return { keys: found.map(([name]) => name), keyInfo: Object.fromEntries(found.map(([name, view]) => [name, providerInfo(view)])) }
    },
  })
}

export const providerOperations = (oidc: OidcPort): readonly Implemented[] => [...assigned(oidc), ...scoped(oidc), ...clients(oidc), ...providers(oidc)]
