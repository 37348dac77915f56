// The areas that are compared, in order; each makes what it needs. To add one: a file beside this one and a line here.

import type { Area } from '../steps.ts'
import { errors } from './errors.ts'
import { identityTokens, oidcProvider } from './identity-tokens.ts'
import { leases } from './leases.ts'
import { kv1 } from './kv1.ts'
import { kv2 } from './kv2.ts'
import { approle, userpass } from './logins.ts'
import { authMounts, mounts } from './mounts.ts'
import { policies } from './policies.ts'
import { quotas } from './quotas.ts'
import { server, ui } from './server.ts'
import { tokenAreas } from './tokens.ts'
import { cubbyhole, wrapping } from './wrapping.ts'

export const areas: readonly Area[] = [server, ui, kv1, ...kv2, ...tokenAreas, policies, mounts, authMounts, userpass, approle, wrapping, cubbyhole, leases, quotas, identityTokens, oidcProvider, errors]
