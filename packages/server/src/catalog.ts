// Everything that can be mounted: one import and one entry for each.

import type { Engine } from './kernel/engine.ts'
import { kv } from './engines/kv/index.ts'

export const engines: readonly Engine[] = [kv]
