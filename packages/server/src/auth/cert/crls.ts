// Revocation lists: set, or fetched from an address and fetched again when they have run out. A certificate whose serial
// number any of them names, or whose chain passes through such a one, does not log in.

import { authorised, type AuthParts, type Outbound } from '../../kernel/auth/method.ts'
import { roleKey } from '../../kernel/auth/roles.ts'
import type { Call } from '../../kernel/call.ts'
import { asCofferError, fail } from '../../kernel/errors.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import type { SealedStore } from '../../kernel/ports/sealed-store.ts'
import { parseRevocationList } from '../../crypto/crl.ts'
import { NotDer } from '../../lib/der.ts'
import { deleteCrl, listCrls, readCrl, writeCrl } from './operations.ts'
import { crls, type Crl } from './records.ts'

/** A list that has run out and cannot be fetched is asked for again after this; what it said goes on to count. */
const RETRY_MS = 60_000

const invalid = (field: string, message: string, cause?: unknown): Error => fail('invalid_request', 'cert.crl', message, { field, cause })
const noCrl = (name: string): Error => fail('invalid_request', 'cert.crl_not_found', `no such CRL ${roleKey(name)}`)

/** @throws invalid_request */
const parsed = (field: string, bytes: Buffer, url: string | undefined): Crl => {
  try {
    const { serials, nextUpdate } = parseRevocationList(bytes)
    return { v: 1, serials, source: url === undefined ? null : { url, validUntil: nextUpdate ?? 0 } }
  } catch (error) {
    if (error instanceof NotDer) throw invalid(field, 'failed to parse CRL', error)
    throw error
  }
}

const fetched = async (outbound: Outbound, url: string): Promise<Crl> => {
  const answer = await outbound.ask({ url, headers: { accept: 'application/pkix-crl, */*' } }).catch((error: unknown) => {
    // A wrong address is the administrator's to correct, not a fault of ours that a client would try again.
    throw invalid('url', `error fetching CRL: ${asCofferError(error).message}`, error)
  })
  if (answer.status !== 200) throw invalid('url', `error fetching CRL: the server answered ${answer.status}`)
  return parsed('url', answer.body, url)
}

export const crlOperations = (parts: AuthParts): readonly Implemented[] =>
  implement({ listCrls, readCrl, writeCrl, deleteCrl }, {
    async listCrls(_input, call) {
      authorised(call, 'list', 'crls/')
      const keys = await crls.names(parts.store(call))
      if (keys.length === 0) throw fail('not_found', 'cert.no_crls', 'There are no revocation lists.')
      return { keys }
    },
    async readCrl(input, call) {
      authorised(call, 'read', `crls/${input.name}`)
      const found = (await crls.get(parts.store(call), roleKey(input.name)))?.value
      if (found === undefined) throw noCrl(input.name)
      const { source, serials } = found
      return { document: { cdp: source === null ? null : { url: source.url, valid_until: new Date(source.validUntil).toISOString() }, serials: Object.fromEntries(serials.map((serial) => [serial, {}])) } }
    },
    async writeCrl({ name, crl, url }, call) {
      authorised(call, 'update', `crls/${name}`)
      if (crl === undefined && url === undefined) throw invalid('crl', "one of 'crl' or 'url' must be provided")
      if (crl === undefined && url === '') throw invalid('url', 'empty CRL url')
      const record = crl === undefined ? await fetched(parts.outbound, url ?? '') : parsed('crl', Buffer.from(crl, 'utf8'), undefined)
      await parts.store(call).change((view) => crls.put(view, roleKey(name), record))
      return {}
    },
    async deleteCrl(input, call) {
      authorised(call, 'delete', `crls/${input.name}`)
      await parts.store(call).change(async (view) => {
        if (!(await crls.delete(view, roleKey(input.name)))) throw noCrl(input.name)
      })
      return {}
    },
  })

/** Tells whether serial numbers are revoked at a mount. */
export type Revocations = (call: Call, serials: readonly string[]) => Promise<boolean>

export const makeRevocations = (parts: AuthParts): Revocations => {
  const triedAt = new Map<string, number>()
  const newest = async (store: SealedStore, name: string, found: { readonly value: Crl; readonly version: number }, now: number): Promise<Crl> => {
    const { source } = found.value
    if (source === null || source.validUntil > now || now - (triedAt.get(source.url) ?? 0) < RETRY_MS) return found.value
    triedAt.set(source.url, now)
    try {
      const fresh = await fetched(parts.outbound, source.url)
      await crls.put(store, name, fresh, { cas: found.version })
      return fresh
    } catch {
      // Unreachable, or changed meanwhile by somebody: an older list is better than none.
      return found.value
    }
  }
  return async (call, serials) => {
    const store = parts.store(call)
    for (const name of await crls.names(store)) {
      const found = await crls.get(store, name)
      if (found === undefined) continue
      const revoked = new Set((await newest(store, name, found, call.now())).serials)
      if (serials.some((serial) => revoked.has(serial))) return true
    }
    return false
  }
}
