// Which resource of Azure an identity token is for, by its own signed claims, and whether that is what a role wants. Pure.

import { claimOf, ClaimError } from '../../lib/jwt-claims.ts'
import type { JsonObject } from '../../lib/json.ts'
import type { Role } from './records.ts'

/** What a login says of its resource; empty: nothing. */
export interface Claimed {
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly vmName: string
  readonly scaleSet: string
  readonly resourceId: string
}

/** In lower case: Azure tells no names apart by case. */
interface ResourceId {
  readonly whole: string
  readonly subscription: string
  readonly group: string
  /** `microsoft.compute/virtualmachines`. */
  readonly type: string
  readonly name: string
}

export const parseResourceId = (text: string): ResourceId | undefined => {
  const match = /^\/subscriptions\/([0-9a-f-]{36})\/resourcegroups\/([^/]{1,90})\/providers\/([a-z0-9.]{1,128}\/[a-z0-9]{1,128})\/([^/]{1,260})((?:\/[^/]{1,260}){0,8})$/.exec(text.toLowerCase())
  return match === null ? undefined : { whole: match[0], subscription: match[1] ?? '', group: match[2] ?? '', type: match[3] ?? '', name: match[4] ?? '' }
}

const VM = 'microsoft.compute/virtualmachines'
const SCALE_SET = 'microsoft.compute/virtualmachinescalesets'

/** Of the resource that the identity was used on, and of the identity's own, when the token has them. */
const resourcesOf = (claims: JsonObject): readonly ResourceId[] =>
  ['xms_az_rid', 'xms_mirid'].flatMap((name) => {
    const value = claimOf(claims, name)
    const parsed = typeof value === 'string' && value.length <= 2048 ? parseResourceId(value) : undefined
    return parsed === undefined ? [] : [parsed]
  })

const same = (one: string, other: string): boolean => one === other.toLowerCase()

/** Machines of a flexible scale set are named after it; so may others be, which is why this proves no scale set to a role. */
const isNamedAfter = (resource: ResourceId, scaleSet: string): boolean => resource.type === VM && resource.name.startsWith(`${scaleSet.toLowerCase()}_`)

/** Whether everything that is said is so of this resource. */
const fits = (resource: ResourceId, claimed: Claimed): boolean =>
  (claimed.subscriptionId === '' || same(resource.subscription, claimed.subscriptionId)) &&
  (claimed.resourceGroup === '' || same(resource.group, claimed.resourceGroup)) &&
  (claimed.scaleSet !== ''
    ? (resource.type === SCALE_SET && same(resource.name, claimed.scaleSet)) || isNamedAfter(resource, claimed.scaleSet)
    : claimed.vmName !== ''
      ? resource.type === VM && same(resource.name, claimed.vmName)
      : claimed.resourceId === '' || same(resource.whole, claimed.resourceId))

export const saysNothing = (claimed: Claimed): boolean => Object.values(claimed).every((each) => each === '')

const includes = (list: readonly string[], value: string): boolean => list.some((each) => each.toLowerCase() === value)

/** @throws ClaimError unless the token proves what the login says, and that is what the role wants. */
export const checkResource = (role: Role, claims: JsonObject, claimed: Claimed): void => {
  const wantsResource = role.subscriptions.length > 0 || role.resourceGroups.length > 0 || role.scaleSets.length > 0
  if (!wantsResource && saysNothing(claimed)) return
  if (wantsResource && (claimed.subscriptionId === '' || claimed.resourceGroup === '')) throw new ClaimError('subscription_id and resource_group_name are required')
  const resources = resourcesOf(claims)
  if (resources.length === 0) throw new ClaimError('xms_az_rid and xms_mirid claims are missing from token')
  const resource = resources.find((each) => fits(each, claimed))
  if (resource === undefined) throw new ClaimError('xms_az_rid and xms_mirid token claims do not match subscription_id, resource_group_name and the name of the resource')
  if (!wantsResource) return
  if (claimed.vmName === '' && claimed.scaleSet === '' && claimed.resourceId === '') throw new ClaimError('one of vm_name, vmss_name or resource_id must be provided')
  if (role.subscriptions.length > 0 && !includes(role.subscriptions, resource.subscription)) throw new ClaimError('subscription not authorized')
  if (role.resourceGroups.length > 0 && !includes(role.resourceGroups, resource.group)) throw new ClaimError('resource group not authorized')
  if (role.scaleSets.length > 0 && !(resource.type === SCALE_SET && includes(role.scaleSets, resource.name))) throw new ClaimError('scale set not authorized')
}
