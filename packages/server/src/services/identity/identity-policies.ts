// What a token's holder has by being who it is: the policies of the principal and of every group that it is in.

import type { LoadedToken } from '../../kernel/identity.ts'

/** As Vault names them: in lower case, each once, in order. */
export const identityPoliciesOf = ({ principal, groups }: Pick<LoadedToken, 'principal' | 'groups'>): readonly string[] =>
  [...new Set([...(principal?.policies ?? []), ...groups.flatMap(({ policies }) => policies)].map((name) => name.toLowerCase()))].sort()
