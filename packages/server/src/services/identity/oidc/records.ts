// What is stored of identity tokens and of the provider: sealed entries of one area. A private key is an entry of its own, which nothing but
// signing opens; what is published of it lies with its named key.

import type { PublicJwk, SigningAlgorithm } from '../../../crypto/jose/signing.ts'
import { collection } from '../../../kernel/ports/sealed-store.ts'

export interface RingKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  readonly jwk: PublicJwk
  /** When it is published no more; null: it signs, or will. */
  readonly expiresAt: number | null
}

export interface NamedKey {
  readonly algorithm: SigningAlgorithm
  readonly rotationSeconds: number
  readonly verificationSeconds: number
  readonly allowedClientIds: readonly string[]
  readonly nextRotationAt: number
  /** The id of the key that signs; null: none was ever needed. */
  readonly signing: string | null
  /** The one that signs next: it is published before it does, so that who keeps key sets knows it in time. */
  readonly next: string | null
  readonly ring: readonly RingKey[]
}

export interface PrivateKey {
  readonly pkcs8: string
}

export interface Role {
  readonly key: string
  readonly template: string
  readonly ttlSeconds: number
  readonly clientId: string
}

export interface Assignment {
  readonly entityIds: readonly string[]
  readonly groupIds: readonly string[]
}

export interface Scope {
  readonly template: string
  readonly description: string
}

export interface OidcClient {
  readonly name: string
  readonly redirectUris: readonly string[]
  readonly assignments: readonly string[]
  readonly key: string
  readonly idTokenSeconds: number
  readonly accessTokenSeconds: number
  readonly type: 'confidential' | 'public'
  readonly clientId: string
  /** Sealed and not hashed, because Vault shows it to whoever may read the client. */
  readonly clientSecret: string
}

export interface Provider {
  readonly issuer: string
  readonly allowedClientIds: readonly string[]
  readonly scopesSupported: readonly string[]
}

/** What a code stands for. */
export interface CodeGrant {
  readonly provider: string
  readonly clientId: string
  readonly principalId: string
  readonly redirectUri: string
  readonly nonce: string
  readonly scopes: readonly string[]
  /** Milliseconds; null: nobody asked. */
  readonly authenticatedAt: number | null
  readonly challenge: { readonly text: string; readonly method: 'plain' | 'S256' } | null
  readonly expiresAt: number
}

/** What an access token stands for. */
export interface AccessGrant {
  readonly provider: string
  readonly clientId: string
  readonly principalId: string
  readonly scopes: readonly string[]
  readonly expiresAt: number
}

export const DEFAULT = 'default'
export const ALLOW_ALL = 'allow_all'
const DAY = 86_400

/** As every organization has it until somebody changes it; its keys are made when they are needed. */
const defaultKey: NamedKey = Object.freeze({ algorithm: 'RS256', rotationSeconds: DAY, verificationSeconds: DAY, allowedClientIds: ['*'], nextRotationAt: 0, signing: null, next: null, ring: [] })
const defaultProvider: Provider = Object.freeze({ issuer: '', allowedClientIds: ['*'], scopesSupported: [] })
const allowAll: Assignment = Object.freeze({ entityIds: ['*'], groupIds: ['*'] })

/** Records of one kind, with what every organization has of them. */
const withBuiltIn = <T extends object>(prefix: string, builtIn: string, value: T): ReturnType<typeof collection<T>> => {
  const stored = collection<T>(prefix)
  return {
    ...stored,
    get: async (view, name) => (await stored.get(view, name)) ?? (name === builtIn ? { value, version: 0 } : undefined),
    names: async (view) => [...new Set([builtIn, ...(await stored.names(view))])].sort(),
  }
}

export const CONFIG = 'config'
export const keys = withBuiltIn<NamedKey>('key/', DEFAULT, defaultKey)
export const privateKeys = collection<PrivateKey>('private/')
export const roles = collection<Role>('role/')
export const assignments = withBuiltIn<Assignment>('assignment/', ALLOW_ALL, allowAll)
export const scopes = collection<Scope>('scope/')
export const clients = collection<OidcClient>('client/')
/** From a client's id to its name. */
export const clientIds = collection<{ readonly name: string }>('client-id/')
export const providers = withBuiltIn<Provider>('provider/', DEFAULT, defaultProvider)
