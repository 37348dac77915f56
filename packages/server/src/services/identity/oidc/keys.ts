// Named keys: one signs, the next is published already, and those that signed stay published for as long as what they signed may live.

import { isSigningAlgorithm, signJws } from '../../../crypto/jose/signing.ts'
import type { Call, Grant } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import type { KeyView, NamedPort, PublishedKeys } from '../../../kernel/ports/oidc.ts'
import type { SealedView } from '../../../kernel/ports/sealed-store.ts'
import { withPairs, type Pair, type Take } from './material.ts'
import { clients, DEFAULT, keys, privateKeys, roles, type NamedKey, type RingKey } from './records.ts'
import { bad, change, namesWhere, requireUnused, schedule, type Changing, type OidcPorts } from './store.ts'

const DAY = 86_400
const SHORTEST_ROTATION = 60

type KeyWishes = Parameters<NamedPort<KeyView, KeyView>['write']>[3]

/** What the key becomes, its pairs aside. @throws invalid_request in Vault's words */
const wished = (before: NamedKey | undefined, wishes: KeyWishes): NamedKey => {
  const rotationSeconds = wishes.rotationPeriod ?? before?.rotationSeconds ?? DAY
  if (rotationSeconds < SHORTEST_ROTATION) throw bad('rotation_period', 'rotation_period must be at least one minute', 'rotation_period')
  const verificationSeconds = wishes.verificationTtl ?? before?.verificationSeconds ?? DAY
  if (verificationSeconds > 10 * rotationSeconds) throw bad('verification_ttl', 'verification_ttl cannot be longer than 10x rotation_period', 'verification_ttl')
  const algorithm = wishes.algorithm ?? before?.algorithm ?? 'RS256'
  if (!isSigningAlgorithm(algorithm)) throw bad('algorithm', `unknown signing algorithm ${JSON.stringify(algorithm.slice(0, 32))}`, 'algorithm')
  return { algorithm, rotationSeconds, verificationSeconds, allowedClientIds: wishes.allowedClientIds ?? before?.allowedClientIds ?? [], nextRotationAt: before?.nextRotationAt ?? 0, signing: before?.signing ?? null, next: before?.next ?? null, ring: before?.ring ?? [] }
}

const ringKey = ({ kid, algorithm, jwk }: Pair): RingKey => ({ kid, algorithm, jwk, expiresAt: null })

const keepPrivate = (view: SealedView, { kid, pkcs8 }: Pair): Promise<number> => privateKeys.put(view, kid, { pkcs8: pkcs8.toString('base64') })

const forgetPrivate = async (view: SealedView, kid: string | null): Promise<void> => {
  if (kid !== null) await privateKeys.delete(view, kid)
}

/** Without what is published no more. */
export const published = (ring: readonly RingKey[], at: number): readonly RingKey[] => ring.filter(({ expiresAt }) => expiresAt === null || expiresAt > at)

/** The pair that signs takes its leave: what it signed can be verified for a while, and its private half is gone. */
const retire = async (view: SealedView, key: NamedKey, until: number): Promise<readonly RingKey[]> => {
  await forgetPrivate(view, key.signing)
  return key.ring.map((each) => (each.kid === key.signing ? { ...each, expiresAt: until } : each))
}

/** Both pairs anew: the first time, or because they are of another algorithm now. One that was never used is published no more. */
const furnish = async ({ view, at }: Changing, key: NamedKey, take: Take): Promise<NamedKey> => {
  const [signing, next] = [await take(key.algorithm), await take(key.algorithm)]
  const retired = (await retire(view, key, at + key.verificationSeconds * 1000)).filter(({ kid }) => kid !== key.next)
  await forgetPrivate(view, key.next)
  await keepPrivate(view, signing)
  await keepPrivate(view, next)
  return { ...key, signing: signing.kid, next: next.kid, nextRotationAt: at + key.rotationSeconds * 1000, ring: [...published(retired, at), ringKey(signing), ringKey(next)] }
}

/** The next pair signs from now on. */
export const rotated = async (changing: Changing, key: NamedKey, take: Take, verificationSeconds = key.verificationSeconds): Promise<NamedKey> => {
  if (key.signing === null || key.next === null) return furnish(changing, key, take)
  const { view, at } = changing
  const pair = await take(key.algorithm)
  const ring = await retire(view, key, at + verificationSeconds * 1000)
  await keepPrivate(view, pair)
  return { ...key, signing: key.next, next: pair.kid, nextRotationAt: at + key.rotationSeconds * 1000, ring: [...published(ring, at), ringKey(pair)] }
}

/** When time changes something about the key; undefined: never. */
export const dueOf = ({ signing, nextRotationAt, ring }: NamedKey): number | undefined => {
  const times = [...(signing === null ? [] : [nextRotationAt]), ...ring.flatMap(({ expiresAt }) => expiresAt ?? [])]
  return times.length === 0 ? undefined : Math.min(...times)
}

export const putKey = async ({ view, tx }: Changing, orgId: string, name: string, key: NamedKey): Promise<void> => {
  await keys.put(view, name, key)
  const due = dueOf(key)
  if (due !== undefined) await schedule(tx, orgId, due)
}

/** Tokens outlive no key that could verify them. @throws invalid_request */
const requireCovering = async (view: SealedView, name: string, seconds: number): Promise<void> => {
  const refuse = (who: string): Error => bad('verification_ttl', `unable to update key ${JSON.stringify(name)} because it is currently referenced by one or more ${who} greater than ${seconds} seconds`, 'verification_ttl')
  if ((await namesWhere(roles, view, (role) => role.key === name && role.ttlSeconds > seconds)).length > 0) throw refuse('roles with a token ttl')
  if ((await namesWhere(clients, view, (client) => client.key === name && client.idTokenSeconds > seconds)).length > 0) throw refuse('clients with an id_token_ttl')
}

const write = async (ports: OidcPorts, grant: Grant, call: Call, name: string, wishes: KeyWishes): Promise<readonly string[]> => {
  const known = (await keys.get(ports.view(call.orgId), name))?.value
  const { algorithm } = wished(known, wishes)
  await withPairs(algorithm, known?.algorithm === algorithm ? 0 : 2, (taking) =>
    change(ports, grant, call, async (changing) => {
      const before = (await keys.get(changing.view, name))?.value
      const after = wished(before, wishes)
      if (before !== undefined) await requireCovering(changing.view, name, after.verificationSeconds)
      const next = changing.at + after.rotationSeconds * 1000
      // A shorter period counts from now, a longer one from the next rotation on.
      const timed = { ...after, nextRotationAt: before === undefined || after.nextRotationAt === 0 ? next : Math.min(after.nextRotationAt, next) }
      await putKey(changing, call.orgId, name, before?.algorithm === after.algorithm ? timed : await furnish(changing, timed, taking()))
    }))
  return []
}

/** So many pairs a rotation needs. */
const needed = ({ signing, next }: NamedKey): 1 | 2 => (signing === null || next === null ? 2 : 1)

export const rotate = async (ports: OidcPorts, grant: Grant, call: Call, name: string, verificationSeconds: number | undefined): Promise<void> => {
  const missing = (): Error => bad('no_key', `no named key found at ${JSON.stringify(name)}`)
  const known = (await keys.get(ports.view(call.orgId), name))?.value
  if (known === undefined) throw missing()
  await withPairs(known.algorithm, needed(known), (taking) =>
    change(ports, grant, call, async (changing) => {
      const before = (await keys.get(changing.view, name))?.value
      if (before === undefined) throw missing()
      await putKey(changing, call.orgId, name, await rotated(changing, before, taking(), verificationSeconds))
    }))
}

/** Runs a change that may be the first to need a key's pairs. */
export const changeNeeding = async <T>(ports: OidcPorts, grant: Grant, call: Call, keyName: string | undefined, work: (changing: Changing, furnished: (name: string, key: NamedKey) => Promise<void>) => Promise<T>): Promise<T> => {
  const known = keyName === undefined ? undefined : (await keys.get(ports.view(call.orgId), keyName))?.value
  return withPairs(known?.algorithm ?? 'RS256', known?.signing === null ? 2 : 0, (taking) =>
    change(ports, grant, call, (changing) =>
      work(changing, async (name, key) => {
        if (key.signing === null) await putKey(changing, call.orgId, name, await furnish(changing, key, taking()))
      })))
}

const remove = async (ports: OidcPorts, grant: Grant, call: Call, name: string): Promise<void> => {
  if (name === DEFAULT) throw bad('built_in', `deletion of key ${JSON.stringify(name)} not allowed`)
  await change(ports, grant, call, async ({ view }) => {
    const of = (record: { readonly key: string }): boolean => record.key === name
    requireUnused(`key ${JSON.stringify(name)}`, 'roles', await namesWhere(roles, view, of))
    requireUnused(`key ${JSON.stringify(name)}`, 'clients', await namesWhere(clients, view, of))
    const key = (await keys.get(view, name))?.value
    await forgetPrivate(view, key?.signing ?? null)
    await forgetPrivate(view, key?.next ?? null)
    await keys.delete(view, name)
  })
}

export const makeKeys = (ports: OidcPorts): NamedPort<KeyView, KeyView> => ({
  async find(orgId, name) {
    const key = (await keys.get(ports.view(orgId), name))?.value
    return key === undefined ? undefined : { algorithm: key.algorithm, rotationPeriod: key.rotationSeconds, verificationTtl: key.verificationSeconds, allowedClientIds: key.allowedClientIds }
  },
  names: (orgId) => keys.names(ports.view(orgId)),
  write: (grant, call, name, wishes) => write(ports, grant, call, name, wishes),
  delete: (grant, call, name) => remove(ports, grant, call, name),
})

/** Signs as the key; the private half is in memory for that long. Undefined: it has none. */
export const sign = async (ports: OidcPorts, orgId: string, name: string, payload: Readonly<Record<string, unknown>>): Promise<string | undefined> => {
  // A rotation between the two reads takes the private half away; the one after it is there.
  for (let attempt = 0; attempt < 3; attempt++) {
    const key = (await keys.get(ports.view(orgId), name))?.value
    if (key === undefined || key.signing === null) return undefined
    const found = await privateKeys.get(ports.view(orgId), key.signing)
    const algorithm = key.ring.find(({ kid }) => kid === key.signing)?.algorithm
    if (found === undefined || algorithm === undefined) continue
    return signJws(Buffer.from(JSON.stringify(payload)), { pkcs8: Buffer.from(found.value.pkcs8, 'base64'), kid: key.signing, algorithm })
  }
  throw fail('unavailable', 'oidc.key_changing', 'The signing key is being rotated. Try again.')
}

export const allows = ({ allowedClientIds }: { readonly allowedClientIds: readonly string[] }, clientId: string): boolean => allowedClientIds.includes('*') || allowedClientIds.includes(clientId)

/** What is published of these keys. */
export const keySet = async (ports: OidcPorts, orgId: string, names: Iterable<string>): Promise<PublishedKeys> => {
  const found: NamedKey[] = []
  for (const name of new Set(names)) {
    const key = (await keys.get(ports.view(orgId), name))?.value
    if (key !== undefined) found.push(key)
  }
  const at = ports.now()
  const ring = found.flatMap((key) => published(key.ring, at))
  // The key that signs next is published one rotation ahead; whoever keeps the set for less than that never misses it.
  const shortest = Math.min(...found.filter(({ signing }) => signing !== null).flatMap(({ rotationSeconds, verificationSeconds }) => [rotationSeconds, verificationSeconds]))
  return { keys: ring.map(({ jwk }) => jwk), maxAgeSeconds: ring.length === 0 || !Number.isFinite(shortest) ? undefined : Math.floor(shortest / 2) }
}
