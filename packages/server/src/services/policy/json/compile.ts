// JSON statements of one principal, ready to be matched: actions as bits per kind, resources as matchers.
// A statement whose principal is somebody else contributes nothing and is kept only to be explained.

import { actionBit, kindIndex, masksOf, namedAction, type ActionMasks } from '../actions.ts'
import type { CompileInput, FineAction, JsonPolicy, JsonStatement, PolicyResource, PrincipalView } from '../types.ts'
import { compileConditions, forBreakGlass, type CompiledConditions } from './conditions.ts'
import { compileResource, matchesResource, type ResourceMatcher, type ResourceSubject } from './resources.ts'

export interface CompiledStatement {
  readonly rule: string
  readonly denies: boolean
  readonly masks: ActionMasks
  readonly resources: readonly ResourceMatcher[]
  readonly environments: ReadonlySet<string> | undefined
  readonly conditions: CompiledConditions | undefined
  readonly breakGlassConditions: CompiledConditions
}

export interface StatementSets {
  readonly denies: readonly CompiledStatement[]
  readonly allows: readonly CompiledStatement[]
  /** Rules that name other principals. */
  readonly strangers: readonly string[]
}

export const compileStatements = ({ jsonPolicies, principal, defaultProject }: Pick<CompileInput, 'jsonPolicies' | 'principal' | 'defaultProject'>): StatementSets => {
  const names = new Set(principal.names)
  const mine: CompiledStatement[] = []
  const strangers: string[] = []
  for (const policy of jsonPolicies) {
    for (const statement of policy.statements) {
      if (statement.principals.some((wanted) => isCalled(wanted, names, principal))) mine.push(compileStatement(policy, statement, defaultProject))
      else strangers.push(ruleName(policy, statement))
    }
  }
  return { denies: mine.filter((each) => each.denies), allows: mine.filter((each) => !each.denies), strangers }
}

/** Which statements name the principal, by number: who is named in the same ones has the same statements. */
export const namingOf = (jsonPolicies: readonly JsonPolicy[], principal: PrincipalView): readonly number[] => {
  const names = new Set(principal.names)
  const mine: number[] = []
  let number = 0
  for (const { statements } of jsonPolicies) {
    for (const { principals } of statements) {
      if (principals.some((wanted) => isCalled(wanted, names, principal))) mine.push(number)
      number += 1
    }
  }
  return mine
}

export const ruleName = (policy: JsonPolicy, statement: JsonStatement): string => `json:${policy.name}#${statement.id}`

const isCalled = (wanted: string, names: ReadonlySet<string>, principal: PrincipalView): boolean => {
  if (wanted === '*') return true
  if (!wanted.endsWith(':*')) return names.has(wanted)
  const prefix = wanted.slice(0, -1)
  return principal.names.some((name) => name.length > prefix.length && name.startsWith(prefix))
}

/** The principals of a statement that fit somebody called by one of these names. */
export const fitting = (statement: JsonStatement, names: readonly string[]): readonly string[] => {
  const principal = { id: '', names, root: false }
  const known = new Set(names)
  return statement.principals.filter((wanted) => isCalled(wanted, known, principal))
}

const compileStatement = (policy: JsonPolicy, statement: JsonStatement, defaultProject: string | undefined): CompiledStatement => {
  const conditions = compileConditions(statement.conditions)
  const { environment } = statement.conditions
  return {
    rule: ruleName(policy, statement),
    denies: statement.effect === 'deny',
    masks: masksOf(statement.actions.map(namedAction).filter((named) => named !== undefined)),
    resources: statement.resources.map((resource) => compileResource(resource, defaultProject)),
    environments: environment === undefined ? undefined : new Set(environment),
    conditions,
    breakGlassConditions: forBreakGlass(conditions),
  }
}

export const coversAction = (statement: CompiledStatement, action: FineAction, resource: PolicyResource): boolean =>
  ((statement.masks[kindIndex(resource.kind)] ?? 0) & actionBit(action)) !== 0

/** A resource without an environment is in none of those listed. */
export const coversEnvironment = (statement: CompiledStatement, resource: PolicyResource): boolean =>
  statement.environments === undefined || (resource.environment !== undefined && statement.environments.has(resource.environment))

export const coversResource = (statement: CompiledStatement, subject: ResourceSubject): boolean => {
  for (const matcher of statement.resources) if (matchesResource(matcher, subject)) return true
  return false
}

export const covers = (statement: CompiledStatement, action: FineAction, resource: PolicyResource, subject: ResourceSubject): boolean =>
  coversAction(statement, action, resource) && coversEnvironment(statement, resource) && coversResource(statement, subject)

/** What of the request the statement depends on. A deny of break-glass applies as it is written. */
export const conditionsFor = (statement: CompiledStatement, action: FineAction): CompiledConditions | undefined =>
  action === 'break-glass' && !statement.denies ? statement.breakGlassConditions : statement.conditions
