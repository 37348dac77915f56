// Identity tokens, and Coffer as an OpenID Connect provider.

import type { Implemented } from '../../../kernel/operation.ts'
import type { OidcPort } from '../../../kernel/ports/oidc.ts'
import { flowOperations } from './flow.ts'
import { providerOperations } from './provider.ts'
import { publishedOperations } from './published.ts'
import { tokenOperations } from './tokens.ts'

export const oidcOperations = (oidc: OidcPort): readonly Implemented[] => [...tokenOperations(oidc), ...publishedOperations(oidc), ...providerOperations(oidc), ...flowOperations(oidc)]
