// Everything that can be mounted: one import and one entry for each.

import type { AuthMethod } from './kernel/auth/method.ts'
import type { Engine } from './kernel/engine.ts'
import { approle } from './auth/approle/index.ts'
import { aws } from './auth/aws/index.ts'
import { azure } from './auth/azure/index.ts'
import { cert } from './auth/cert/index.ts'
import { gcp } from './auth/gcp/index.ts'
import { github } from './auth/github/index.ts'
import { jwt, oidc } from './auth/jwt/index.ts'
import { kubernetes } from './auth/kubernetes/index.ts'
import { ldap } from './auth/ldap/index.ts'
import { radius } from './auth/radius/index.ts'
import { userpass } from './auth/userpass/index.ts'
import { kv, kvV1 } from './engines/kv/index.ts'

export const engines: readonly Engine[] = [kv, kvV1]

export const authMethods: readonly AuthMethod[] = [approle, aws, azure, cert, gcp, github, jwt, kubernetes, ldap, oidc, radius, userpass]
