// Every contract of the product, without handlers: doors route by it, and tools write OpenAPI, the reference and the
// client from it without a database. A new folder of operations adds one line here.

import type { Implemented, Operation } from '../kernel/operation.ts'
import * as access from './access/operations.ts'
import * as audit from './audit/operations.ts'
import * as delivery from './delivery/operations.ts'
import * as flat from './flat/operations.ts'
import * as groups from './groups/operations.ts'
import * as keys from './keys/operations.ts'
import * as leases from './leases/operations.ts'
import * as organizations from './organizations/operations.ts'
import * as projects from './projects/operations.ts'
import * as secrets from './secrets/operations.ts'
import * as system from '../system/operations.ts'

// Contracts differ in their types of input and output; whoever walks all of them sees them as plain operations.
const contractsOf = (folder: object): readonly Operation[] => Object.values(folder) as Operation[]

/** In order of their ids, so that what is generated from them does not depend on the order of imports. */
export const allContracts: readonly Pick<Implemented, 'operation'>[] = [access, audit, delivery, flat, groups, keys, leases, organizations, projects, secrets, system]
  .flatMap(contractsOf)
  .toSorted((a, b) => (a.id < b.id ? -1 : 1))
  .map((operation) => Object.freeze({ operation }))
