// The one place that makes grants: the brand stands for a verdict that allowed.

import type { Action, Grant, Resource, Verdict } from '../kernel/call.ts'

/** @throws Error for a verdict that does not allow: a defect of the caller */
export const mintGrant = (action: Action, resource: Resource, verdict: Pick<Verdict, 'allow' | 'rule'>): Grant => {
  if (!verdict.allow) throw new Error('a grant needs a verdict that allows')
  return { action, resource, rule: verdict.rule } as Grant // made here and nowhere else
}
