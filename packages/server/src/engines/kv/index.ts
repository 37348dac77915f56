// KV version 2: Vault's view of the product's secrets.

import { defineEngine } from '../../kernel/engine.ts'
import { dataOperations } from './data.ts'
import { metadataOperations } from './metadata.ts'

export const kv = defineEngine({
  type: 'kv',
  summary: 'Versioned secrets as maps',
  implement: ({ secrets, places }) => [...dataOperations(secrets, places), ...metadataOperations(secrets, places)],
})
