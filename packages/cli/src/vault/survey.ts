// Looks at the source before anything is written: what there is, what will be carried over, and what cannot be and why.

import type { Data, VaultApi } from './api.ts'
import { numberOf, recordOf, textOf } from './exact-json.ts'
import { pathProblem, secretsOf, type KvMount } from './kv.ts'
import { shapeOf } from './methods.ts'
import { each, type Survey } from './report.ts'

export interface SourceMount {
  /** With a slash at its end. */
  readonly path: string
  readonly type: string
  readonly row: Data
}

export interface Inventory {
  readonly kv: readonly { readonly mount: KvMount; readonly row: Data; readonly secrets: readonly string[] }[]
  readonly methods: readonly SourceMount[]
  readonly policies: readonly { readonly name: string; readonly text: string }[]
  readonly passwordPolicies: readonly string[]
  readonly tokenRoles: readonly string[]
  /** Accessor of an auth mount at the source, to its path. */
  readonly accessors: ReadonlyMap<string, string>
  readonly entities: readonly Data[]
  readonly groups: readonly Data[]
}

export interface Wanted {
  /** Empty: all. */
  readonly mounts: readonly string[]
  readonly parts: ReadonlySet<Part>
  readonly keeps: number
  /** Names of auth methods that the target has. */
  readonly methods: ReadonlySet<string>
}

export const parts = ['secrets', 'policies', 'auth', 'identity'] as const
export type Part = (typeof parts)[number]

const BUILT_IN: ReadonlySet<string> = new Set(['cubbyhole', 'identity', 'system', 'token', 'ns_cubbyhole', 'ns_identity', 'ns_system', 'ns_token'])

const mountsIn = (data: Data | undefined): readonly SourceMount[] =>
  Object.entries(data ?? {})
    .map(([path, row]) => ({ path, row: recordOf(row), type: textOf(recordOf(row)['type']) }))
    .filter(({ path, type }) => path.endsWith('/') && type !== '' && !BUILT_IN.has(type))

const surveySecrets = async (source: VaultApi, survey: Survey, wanted: Wanted): Promise<Inventory['kv']> => {
  const found: { mount: KvMount; row: Data; secrets: string[] }[] = []
  for (const { path, type, row } of mountsIn(await source.read('sys/mounts'))) {
    if (wanted.mounts.length > 0 && !wanted.mounts.includes(path.replace(/\/$/, ''))) continue
    if (type !== 'kv' && type !== 'generic') {
      survey.cannot(`mount ${path}`, `engine ${type}: what it keeps cannot be read through its API`)
      continue
    }
    const mount: KvMount = { path, version: textOf(recordOf(row['options'])['version']) === '2' ? 2 : 1, keeps: wanted.keeps }
    const secrets: string[] = []
    await secretsOf(source, mount, (secret) => {
      const problem = pathProblem(secret)
      if (problem === undefined) secrets.push(secret)
      else survey.cannot(`secret ${path}${secret}`, problem)
    })
    survey.count('mounts')
    survey.count('secrets', secrets.length)
    found.push({ mount, row, secrets })
  }
  return found
}

/** What restricts at the source and would not here must not be carried over as if it did. */
const UNKNOWN = /\b(control_group|mfa_methods|subscribe_event_types)\b/

const surveyPolicies = async (source: VaultApi, survey: Survey): Promise<Pick<Inventory, 'policies' | 'passwordPolicies'>> => {
  const policies: { name: string; text: string }[] = []
  for (const name of await source.list('sys/policies/acl')) {
    // Every server has these of its own.
    if (name === 'root' || name === 'default') continue
    const text = textOf((await source.read(`sys/policies/acl/${name}`))?.['policy'])
    const unknown = UNKNOWN.exec(text)?.[1]
    if (unknown !== undefined) survey.cannot(`policy ${name}`, `it uses ${unknown}`)
    else policies.push({ name, text })
  }
  survey.cannot('policy default', 'both servers have one of their own: if it was changed, compare and write it')
  const passwordPolicies = await source.list('sys/policies/password').catch(() => [])
  survey.count('policies', policies.length)
  survey.count('password policies', passwordPolicies.length)
  return { policies, passwordPolicies }
}

const surveyMethods = async (source: VaultApi, survey: Survey, wanted: Wanted, all: readonly SourceMount[]): Promise<Pick<Inventory, 'methods' | 'tokenRoles'>> => {
  const methods: SourceMount[] = []
  for (const method of all) {
    if (method.type === 'userpass') {
      const users = await source.list(`auth/${method.path}users`)
      if (users.length > 0) survey.cannot(`${users.length} users of auth/${method.path}`, 'passwords are stored as hashes that no server gives back: write each user with a new one')
    }
    if (!wanted.methods.has(method.type)) survey.cannot(`auth method ${method.path}`, `there is no method ${method.type} at the target`)
    else {
      const lost = shapeOf(method.type)?.lost
      if (lost !== undefined) survey.cannot(`of auth method ${method.path}`, lost)
      methods.push(method)
    }
  }
  const tokenRoles = await source.list('auth/token/roles')
  survey.count('auth methods', methods.length)
  survey.count('token roles', tokenRoles.length)
  return { methods, tokenRoles }
}

const readAll = async (source: VaultApi, base: string): Promise<readonly Data[]> => {
  const found: Data[] = []
  await each(await source.list(base), async (id) => {
    const read = await source.read(`${base}/${id}`)
    if (read !== undefined) found.push(read)
  })
  // Older first: what refers to another was made after it, and a run that is repeated does things in the same order.
  return found.toSorted((a, b) => textOf(a['creation_time']).localeCompare(textOf(b['creation_time'])))
}

const surveyIdentity = async (source: VaultApi, survey: Survey): Promise<Pick<Inventory, 'entities' | 'groups'>> => {
  const [entities, groups] = await Promise.all([readAll(source, 'identity/entity/id'), readAll(source, 'identity/group/id')])
  survey.count('entities', entities.length)
  survey.count('groups', groups.length)
  return { entities, groups }
}

const REPORTED = [
  ['sys/audit', 'audit devices', 'they write to places of that server: enable them here'],
  ['sys/quotas/rate-limit', 'rate limits', 'write them here, with this server\'s capacity in mind'],
  ['sys/quotas/lease-count', 'lease count quotas', 'write them here'],
  ['sys/namespaces', 'namespaces', 'each is moved by itself: --vault-namespace and --org name one'],
  ['identity/oidc/key', 'OIDC keys', 'their private part cannot be read'],
  ['identity/mfa/method', 'MFA methods', 'their secrets cannot be read'],
] as const

/** The journal is Coffer's own, and every Coffer has one. */
const auditDevices = async (source: VaultApi): Promise<number> => Object.values((await source.read('sys/audit').catch(() => undefined)) ?? {}).filter((row) => !['', 'journal'].includes(textOf(recordOf(row)['type']))).length

/** Names what is left behind as a whole. Without a right to list it there is nothing to say of it. */
const surveyRest = async (source: VaultApi, survey: Survey): Promise<void> => {
  for (const [path, what, why] of REPORTED) {
    const count = path === 'sys/audit' ? await auditDevices(source) : (await source.list(path).catch(() => [])).length
    if (count > 0) survey.cannot(`${count} ${what}`, why)
  }
  const tokens = numberOf((await source.list('auth/token/accessors').catch(() => [])).length)
  if (tokens > 0) survey.cannot(`${tokens} tokens`, 'only hashes of them are stored: clients log in anew')
}

/** @throws VaultRefusal when the token may not read what is wanted */
export const takeInventory = async (source: VaultApi, survey: Survey, wanted: Wanted): Promise<Inventory> => {
  const has = (part: Part): boolean => wanted.parts.has(part)
  const methods = has('auth') || has('identity') ? mountsIn(await source.read('sys/auth')) : []
  const inventory: Inventory = {
    kv: has('secrets') ? await surveySecrets(source, survey, wanted) : [],
    ...(has('policies') ? await surveyPolicies(source, survey) : { policies: [], passwordPolicies: [] }),
    ...(has('auth') ? await surveyMethods(source, survey, wanted, methods) : { methods: [], tokenRoles: [] }),
    accessors: new Map(methods.map(({ path, row }) => [textOf(row['accessor']), path])),
    ...(has('identity') ? await surveyIdentity(source, survey) : { entities: [], groups: [] }),
  }
  await surveyRest(source, survey)
  return inventory
}
