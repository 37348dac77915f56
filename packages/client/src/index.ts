// What programs import from `@coffer/sdk`.

export { createClient, type Client } from './client.ts'
export { createSecretCache, type CachePolicy, type CacheStats, type CacheOptions, type SecretCache } from './cache.ts'
export { parseAddress, type ClientOptions } from './caller.ts'
export { CofferError, isCofferError, type ErrorKind } from './errors.ts'
export type { CallOptions, OperationFacts } from './operation.ts'
export type { RetryPolicy } from './retry.ts'
export type { GenerateRoot, Health, InitInput, InitResult, Rekey, RekeyAnswer, RekeyInput, RekeyStatus, RekeyTarget, RootStatus, SealStatus, System } from './system.ts'
export type { Transport, WireRequest, WireResponse } from './transport.ts'
export type * from './generated/api.ts'
