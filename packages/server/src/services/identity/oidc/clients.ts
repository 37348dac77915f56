// Clients of the provider: who may ask it to say who somebody is, and for whom.

import { makeBase62Text } from '../../../crypto/random.ts'
import { secret } from '../../../crypto/secret.ts'
import type { Call, Grant } from '../../../kernel/call.ts'
import type { ClientSettings, ClientView, NamedPort } from '../../../kernel/ports/oidc.ts'
import type { SealedView } from '../../../kernel/ports/sealed-store.ts'
import { changeNeeding } from './keys.ts'
import { assignments, clientIds, clients, DEFAULT, keys, type OidcClient } from './records.ts'
import { bad, change, type OidcPorts } from './store.ts'

const DAY = 86_400

type ClientWishes = Parameters<NamedPort<ClientView, ClientSettings>['write']>[3]

/** As Vault keeps lists: each once, in order. */
export const tidy = (list: readonly string[]): readonly string[] => [...new Set(list.map((each) => each.trim()).filter((each) => each !== ''))].sort()

const typeOf = (wanted: string): OidcClient['type'] => {
  if (wanted === 'confidential' || wanted === 'public') return wanted
  throw bad('client_type', `invalid client_type ${JSON.stringify(wanted.slice(0, 32))}`, 'client_type')
}

const wished = (name: string, before: OidcClient | undefined, wishes: ClientWishes): OidcClient => {
  const key = wishes.key ?? before?.key ?? DEFAULT
  if (before !== undefined && key !== before.key) throw bad('key_fixed', 'key modification is not allowed', 'key')
  const type = wishes.clientType ?? before?.type ?? 'confidential'
  if (before !== undefined && type !== before.type) throw bad('type_fixed', 'client_type modification is not allowed', 'client_type')
  return {
    name,
    redirectUris: tidy(wishes.redirectUris ?? before?.redirectUris ?? []),
    assignments: tidy(wishes.assignments ?? before?.assignments ?? []),
    key,
    idTokenSeconds: wishes.idTokenTtl ?? before?.idTokenSeconds ?? DAY,
    accessTokenSeconds: wishes.accessTokenTtl ?? before?.accessTokenSeconds ?? DAY,
    type: typeOf(type),
    clientId: before?.clientId ?? makeBase62Text(32),
    clientSecret: before?.clientSecret ?? (type === 'confidential' ? `hvo_secret_${makeBase62Text(64)}` : ''),
  }
}

const write = async (ports: OidcPorts, grant: Grant, call: Call, name: string, wishes: ClientWishes): Promise<readonly string[]> => {
  await changeNeeding(ports, grant, call, wishes.key ?? DEFAULT, async ({ view }, furnished) => {
    const after = wished(name, (await clients.get(view, name))?.value, wishes)
    for (const assignment of after.assignments) {
      if ((await assignments.get(view, assignment)) === undefined) throw bad('no_assignment', `assignment ${JSON.stringify(assignment)} does not exist`, 'assignments')
    }
    const key = (await keys.get(view, after.key))?.value
    if (key === undefined) throw bad('no_key', `key ${JSON.stringify(after.key)} does not exist`, 'key')
    if (after.idTokenSeconds > key.verificationSeconds) throw bad('id_token_ttl', "a client's id_token_ttl cannot be greater than the verification_ttl of the key it references", 'id_token_ttl')
    await furnished(after.key, key)
    await clients.put(view, name, after)
    await clientIds.put(view, after.clientId, { name })
  })
  return []
}

const isId = (text: string): boolean => /^[A-Za-z0-9]{1,64}$/.test(text)

export const findClient = async (view: SealedView, clientId: string): Promise<OidcClient | undefined> => {
  const named = isId(clientId) ? await clientIds.get(view, clientId) : undefined
  const client = named === undefined ? undefined : (await clients.get(view, named.value.name))?.value
  return client?.clientId === clientId ? client : undefined
}

export const makeClients = (ports: OidcPorts): NamedPort<ClientView, ClientSettings> => ({
  async find(orgId, name) {
    const client = (await clients.get(ports.view(orgId), name))?.value
    if (client === undefined) return undefined
    const { redirectUris, assignments: assigned, key, idTokenSeconds, accessTokenSeconds, type, clientId, clientSecret } = client
    return { redirectUris, assignments: assigned, key, idTokenTtl: idTokenSeconds, accessTokenTtl: accessTokenSeconds, clientType: type, clientId, clientSecret: type === 'public' ? undefined : secret(clientSecret) }
  },
  names: (orgId) => clients.names(ports.view(orgId)),
  write: (grant, call, name, wishes) => write(ports, grant, call, name, wishes),
  async delete(grant, call, name) {
    await change(ports, grant, call, async ({ view }) => {
      const client = (await clients.get(view, name))?.value
      if (client !== undefined) await clientIds.delete(view, client.clientId)
      await clients.delete(view, name)
    })
  },
})
