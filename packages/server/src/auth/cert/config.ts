// How the method behaves at a mount.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import { readConfig, writeConfig } from './operations.ts'
import { CONFIG, configs, noConfig } from './records.ts'

export const configOperations = (parts: AuthParts): readonly Implemented[] =>
  implement({ readConfig, writeConfig }, {
    async readConfig(_input, call) {
      authorised(call, 'read', 'config')
      const { v: _v, ...config } = (await configs.get(parts.store(call), CONFIG))?.value ?? noConfig
      return config
    },
    async writeConfig(input, call) {
      authorised(call, 'update', 'config')
      const store = parts.store(call)
      const before = await configs.get(store, CONFIG)
      const old = before?.value ?? noConfig
      const config = {
        v: 1, disableBinding: input.disableBinding ?? old.disableBinding, enableIdentityAliasMetadata: input.enableIdentityAliasMetadata ?? old.enableIdentityAliasMetadata,
        ocspCacheSize: input.ocspCacheSize ?? old.ocspCacheSize, roleCacheSize: input.roleCacheSize ?? old.roleCacheSize, enableMetadataOnFailures: input.enableMetadataOnFailures ?? old.enableMetadataOnFailures,
      } as const
      await store.change((view) => configs.put(view, CONFIG, config, { cas: before?.version ?? 0 }))
      return {}
    },
  })
