// Everything that the native door offers over secrets.

import type { Cursors } from '../../kernel/cursor.ts'
import type { Implemented } from '../../kernel/operation.ts'
import type { Places } from '../../kernel/places.ts'
import type { SecretsPort } from '../../kernel/secrets.ts'
import { batchOperations } from './batch.ts'
import { secretOperations } from './secrets.ts'

export const platformSecrets = (secrets: SecretsPort, places: Places, options: { readonly batch: number; readonly cursors: Cursors }): readonly Implemented[] => [
  ...secretOperations(secrets, places, options.cursors),
  ...batchOperations(secrets, places, options.batch),
]
