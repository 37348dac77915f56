// For whom a client is, and what scopes say of somebody.

import { fail } from '../../../kernel/errors.ts'
import { ALLOW_ALL, assignments, scopes, type OidcClient } from './records.ts'
import type { OidcPorts } from './store.ts'
import { fillTemplate, type Claims, type Subject } from './templates.ts'

/** Nobody who is disabled; else whoever an assignment of the client names, by itself or by a group. */
export const isAssigned = async (ports: OidcPorts, orgId: string, { entity, groups }: Subject, client: OidcClient): Promise<boolean> => {
  if (entity.disabled) return false
  if (client.assignments.includes(ALLOW_ALL)) return true
  for (const name of client.assignments) {
    const assignment = (await assignments.get(ports.view(orgId), name))?.value
    // Assignments that clients name cannot be deleted.
    if (assignment === undefined) throw fail('internal', 'oidc.assignment_lost', `The assignment ${JSON.stringify(name)} of a client is not there.`)
    if (assignment.entityIds.includes(entity.principalId) || groups.some(({ groupId }) => assignment.groupIds.includes(groupId))) return true
  }
  return false
}

/** @throws what `conflicting` makes, when two scopes have one claim */
export const scopeClaims = async (ports: OidcPorts, orgId: string, subject: Subject, { names, conflicting }: { readonly names: readonly string[]; readonly conflicting: (message: string) => Error }): Promise<Claims> => {
  const claims = new Map<string, unknown>()
  const from = new Map<string, string>()
  for (const name of names) {
    const scope = (await scopes.get(ports.view(orgId), name))?.value
    if (scope === undefined) continue
    for (const [claim, value] of fillTemplate(scope.template, subject, Math.floor(ports.now() / 1000))) {
      const other = from.get(claim)
      if (other !== undefined) throw conflicting(`found scopes with conflicting top-level claim: claim ${JSON.stringify(claim)} in scopes ${JSON.stringify(name)}, ${JSON.stringify(other)}`)
      from.set(claim, name)
      claims.set(claim, value)
    }
  }
  return claims
}
