// Removes secret ids that have expired, those of roles that are gone, and accessors that lead nowhere.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import type { SealedStore } from '../../kernel/ports/sealed-store.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'
import { accessors, dropSecretId, dropSecretIds, roles, secretIds } from './records.ts'
import { tidy } from './secret-id-operations.ts'

const tidySecretIds = async (store: SealedStore, now: number): Promise<number> => {
  const live = new Set<string>()
  for (const name of await roles.names(store)) {
    const role = await roles.get(store, name)
    if (role !== undefined) live.add(role.value.uid)
  }
  let removed = 0
  for (const folder of await collection('secret-id/').names(store)) {
    const uid = folder.replace(/\/$/, '')
    if (!live.has(uid)) await dropSecretIds(store, uid)
    const mine = secretIds(uid)
    for (const mac of await mine.names(store)) {
      const found = await mine.get(store, mac)
      if (found === undefined || found.value.expiresAt === 0 || found.value.expiresAt > now) continue
      await dropSecretId(store, uid, mac, found.value.accessor)
      removed += 1
    }
  }
  return removed
}

const tidyAccessors = async (store: SealedStore): Promise<void> => {
  for (const key of await accessors.names(store)) {
    const index = await accessors.get(store, key)
    if (index !== undefined && (await secretIds(index.value.uid).get(store, index.value.mac)) === undefined) await accessors.delete(store, key, { cas: index.version })
  }
}

export const tidyOperations = (parts: AuthParts): readonly Implemented[] =>
  implement({ tidy }, {
    async tidy(_input, call) {
      authorised(call, 'update', 'tidy/secret-id')
      const store = parts.store(call)
      const removed = await tidySecretIds(store, call.now())
      await tidyAccessors(store)
      call.audit.metadata = { ...call.audit.metadata, removed }
      return { warnings: ["Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs."] }
    },
  })
