// identity: who there is, and in which groups. Built in at its own path: it is no mount and cannot be disabled.

import type { Implemented } from '../../kernel/operation.ts'
import type { IdentityPorts } from '../../kernel/ports/identity.ts'
import type { OidcPort } from '../../kernel/ports/oidc.ts'
import { aliasOperations } from './aliases/index.ts'
import { entityOperations } from './entities/index.ts'
import { groupOperations } from './groups/index.ts'
import { lookupOperations } from './lookup/index.ts'
import { mfaOperations, type MfaParts } from './mfa/index.ts'
import { oidcOperations } from './oidc/index.ts'

export const identityOperations = (ports: IdentityPorts, mfa: MfaParts, oidc: OidcPort): readonly Implemented[] => [...entityOperations(ports), ...aliasOperations(ports), ...groupOperations(ports), ...lookupOperations(ports), ...mfaOperations(mfa), ...oidcOperations(oidc)]
