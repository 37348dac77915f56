// Everything of sys that is about the seal, its shares and its keys.

import type { Implemented } from '../../kernel/operation.ts'
import { generateRootOperations } from './generate-root.ts'
import { keyOperations, type KeysPort } from './keys.ts'
import { nodeOperations } from './nodes.ts'
import type { OperatorPort } from './ports.ts'
import { rekeyBackupOperations } from './rekey-backup.ts'
import { rekeyOperations } from './rekey.ts'

export const operatorOperations = (port: OperatorPort, keys: KeysPort): readonly Implemented[] => [
  ...rekeyOperations(port, 'barrier'),
  ...rekeyOperations(port, 'recovery'),
  ...rekeyBackupOperations(port),
  ...generateRootOperations(port),
  ...keyOperations(keys),
  ...nodeOperations(keys.version),
]
