// Which organizations a token acts in. Operations of the whole server are no organization's: no policy of one can give them to somebody.

import { fail } from '../kernel/errors.ts'
import type { AuditDraft, Caller } from '../kernel/call.ts'
import { wholeServerOnly } from '../kernel/tenancy.ts'
import type { PipelinePorts } from './ports.ts'

/** Its own, and, with a root token of the platform, any. */
export const mayEnter = ({ rootOrgId }: Pick<PipelinePorts['organizations'], 'rootOrgId'>, caller: Caller, orgId: string): boolean => orgId === caller.orgId || (caller.root && caller.orgId === rootOrgId && caller.lock === undefined)

/** What the record names as the rule that decided. */
const SERVER_SCOPE = 'server-scope'

interface Asked {
  readonly caller: Caller | undefined
  readonly namespace: string | undefined
}

/**
 * Asked before the input is read and an organization is looked for, so that a refusal says nothing of either.
 * @throws permission_denied to whoever belongs to another organization than root, and not_found in the name of another one
 */
export const requireServerScope = async ({ organizations }: Pick<PipelinePorts, 'organizations'>, draft: AuditDraft, { caller, namespace }: Asked): Promise<void> => {
  if (caller !== undefined && caller.orgId !== organizations.rootOrgId) {
    draft.denied = true
    draft.rule = SERVER_SCOPE
    throw fail('permission_denied', 'policy.denied', 'You may not do this: it is an operation of the whole server, and your token is of an organization on it.')
  }
  if (namespace !== undefined && namespace !== '' && (await organizations.resolve(namespace)) !== organizations.rootOrgId) throw wholeServerOnly()
}
