// KV, versions 1 and 2: Vault's views of the product's secrets.

import { defineEngine } from '../../kernel/engine.ts'
import { dataOperations } from './data.ts'
import { plainOperations } from './v1.ts'
import { metadataOperations } from './metadata.ts'

export const kv = defineEngine({
  type: 'kv',
  summary: 'Versioned secrets as maps',
  implement: (parts) => [...dataOperations(parts.secrets, parts.places), ...metadataOperations(parts)],
})

export const kvV1 = defineEngine({ type: 'kv:1', summary: 'Secrets as maps, one version each', implement: ({ secrets, places }) => plainOperations(secrets, places) })
