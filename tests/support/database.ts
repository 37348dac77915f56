// The embedded database of a running server, seen as its superuser: sees every row, whatever row-level security says.

import { Pool } from '../../packages/server/src/storage/pool.ts'
import { afterwards, type Scope } from './cleanup.ts'
import { socketDirectoryOf } from './server.ts'

export const superuserOf = (scope: Scope, dataDirectory: string): Pool => {
  const pool = new Pool({ host: socketDirectoryOf(dataDirectory), port: 5432, database: 'coffer', user: 'postgres' }, { max: 2 })
  afterwards(scope, () => pool.close())
  return pool
}
