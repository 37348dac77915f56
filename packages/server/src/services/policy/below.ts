// Whether one decision holds for everything below a folder: a list of a hundred secrets asks once when no rule tells them apart. What is said here
// is proved from the patterns alone; where they do not prove it, each secret is asked for by itself.

import { fineAction } from './actions.ts'
import { shareOf, type Share } from './acl/pattern.ts'
import type { AclSet } from './acl/compile.ts'
import type { CompiledPrincipal } from './compiled.ts'
import { decide } from './decide.ts'
import { coversAction, coversEnvironment, type CompiledStatement } from './json/compile.ts'
import { shareOfResource, subjectOf, type ResourceSubject } from './json/resources.ts'
import type { Decision, PolicyAction, PolicyResource, RequestContext } from './types.ts'

/**
 * The decision on every resource that is like `folder` but for its path, which goes on behind the folder's own and does not end with a slash. Undefined: they may
 * differ. Lists are of folders themselves, and what needs sudo is asked for twice; of those nothing is said.
 */
export const decideBelow = (compiled: CompiledPrincipal, action: PolicyAction, folder: PolicyResource, context: RequestContext): Decision | undefined => {
  const fine = fineAction(action)
  const { apiPath, path, project } = folder
  if (!apiPath.endsWith('/') || path === undefined || (path !== '' && !path.endsWith('/')) || project === undefined || folder.environment === undefined) return undefined
  if (fine === 'list' || folder.sudo === true || folder.capability === 'list' || folder.capability === 'scan') return undefined
  if (!compiled.principal.root && !isOne(compiled, action, folder, context.time)) return undefined
  return decide(compiled, action, { ...folder, apiPath: `${apiPath}${ANY}`, path: `${path}${ANY}` }, context)
}

/** What follows makes no difference, so anything does. */
const ANY = '_'

const isOne = (compiled: CompiledPrincipal, action: PolicyAction, folder: PolicyResource, time: number): boolean => {
  const { acl, statements } = compiled.rulesBelow(folder.apiPath, time)
  if (!isOneByAcl(acl, folder.apiPath)) return false
  const subject = subjectOf(folder, false)
  const fine = fineAction(action)
  const concerned = (each: CompiledStatement): boolean => coversAction(each, fine, folder) && coversEnvironment(each, folder)
  // Roles cover whole environments, and conditions are of the request.
  return [...statements.denies, ...statements.allows].every((each) => !concerned(each) || isDecided(each, subject))
}

/** The rule of highest priority decides: what ranks below one that covers everything never speaks. */
const isOneByAcl = ({ exact, ranked }: AclSet, beginning: string): boolean => {
  for (const { pattern } of exact.values()) if (shareOf(pattern, beginning) === 'some') return false
  for (const { pattern } of ranked) {
    const share = shareOf(pattern, beginning)
    if (share !== 'none') return share === 'all'
  }
  return true
}

/** All of them, or none. */
const isDecided = ({ resources }: CompiledStatement, subject: ResourceSubject): boolean => {
  const shares = new Set<Share>(resources.map((each) => shareOfResource(each, subject)))
  return shares.has('all') || !shares.has('some')
}
