// What the method stores, and how its keys are made.

import { sha256Hex } from '../../crypto/digest.ts'
import { importHmacKey, makeKeyBytes } from '../../crypto/keys.ts'
import { hmacSha256 } from '../../crypto/mac.ts'
import { collection, type SealedView } from '../../kernel/ports/sealed-store.ts'
import { roleKey, type NamedRecord } from '../../kernel/auth/roles.ts'
import { noTokenSettings, type TokenSettings } from '../../kernel/auth/token-settings.ts'

export interface Role extends NamedRecord {
  readonly v: 1
  /** As it was written first; looked up in lower case. */
  readonly name: string
  readonly roleId: string
  /** Base64 of the key under which its secret ids are known. */
  readonly hmacKey: string
  readonly bindSecretId: boolean
  readonly secretIdBoundCidrs: readonly string[]
  readonly secretIdNumUses: number
  readonly secretIdTtlSeconds: number
  readonly localSecretIds: boolean
  readonly token: TokenSettings
}

export interface SecretId {
  readonly v: 1
  readonly accessor: string
  /** What is left; 0: unlimited. */
  readonly numUses: number
  readonly ttlSeconds: number
  readonly createdAt: number
  readonly updatedAt: number
  /** 0: never. */
  readonly expiresAt: number
  readonly metadata: Readonly<Record<string, string>>
  readonly cidrList: readonly string[]
  readonly tokenBoundCidrs: readonly string[]
}

interface RoleIdIndex {
  readonly v: 1
  readonly name: string
}

export interface AccessorIndex {
  readonly v: 1
  readonly uid: string
  readonly mac: string
}

export const roles = collection<Role>('role/')
export const roleIds = collection<RoleIdIndex>('role-id/')
export const accessors = collection<AccessorIndex>('accessor/')
export const secretIds = (uid: string) => collection<SecretId>(`secret-id/${uid}/`)

export const indexKey = (text: string): string => sha256Hex(text)

/** The name under which a role knows a secret id. */
export const macOf = (role: Role, secretId: string): string => hmacSha256(importHmacKey(Buffer.from(role.hmacKey, 'base64')), secretId).toString('hex')

export const newRole = (name: string, uid: string, roleId: string): Role => ({
  v: 1, name, uid, roleId, hmacKey: makeKeyBytes().toString('base64'), bindSecretId: true,
  secretIdBoundCidrs: [], secretIdNumUses: 0, secretIdTtlSeconds: 0, localSecretIds: false, token: noTokenSettings,
})

export const findRole = (view: SealedView, name: string): ReturnType<typeof roles.get> => roles.get(view, roleKey(name))

/** Deletes a secret id and what leads to it. */
export const dropSecretId = async (view: SealedView, uid: string, mac: string, accessor: string): Promise<void> => {
  await secretIds(uid).delete(view, mac)
  await accessors.delete(view, indexKey(accessor))
}

export const dropSecretIds = async (view: SealedView, uid: string): Promise<void> => {
  const mine = secretIds(uid)
  for (const mac of await mine.names(view)) {
    const found = await mine.get(view, mac)
    if (found !== undefined) await dropSecretId(view, uid, mac, found.value.accessor)
  }
}
