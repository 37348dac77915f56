// The rate limits of every organization as one worker applies them: compiled when they change, asked without waiting. The most
// specific one counts, as in Vault: a role, a path, a pattern of paths, a mount, the organization, and what root says for all.

import type { Taken } from './bucket.ts'
import { RateLimit } from './bucket.ts'
import type { QuotaRow } from './rows.ts'

export interface QuotaConfig {
  readonly responseHeaders: boolean
  /** Whether refusals are recorded. */
  readonly auditRefusals: boolean
  /** Beginnings of paths, in every organization. One with `!` before it is not exempt after all. */
  readonly exemptPaths: readonly string[]
  /** The same with the organization's names before them, as clients name it from root. */
  readonly absoluteExemptPaths: readonly string[]
}

/** Vault's own: what an operator needs when everything else is at its limit. */
export const defaultConfig: QuotaConfig = Object.freeze({
  responseHeaders: false,
  auditRefusals: false,
  exemptPaths: ['sys/generate-recovery-token/attempt', 'sys/generate-recovery-token/update', 'sys/generate-root/attempt', 'sys/generate-root/update', 'sys/health', 'sys/seal-status', 'sys/unseal'],
  absoluteExemptPaths: [],
})

/** What a request is about, before it is known whether it may. */
export interface LimitedPlace {
  readonly orgId: string
  /** Below /v1, without the organization's name. */
  readonly apiPath: string
  /** Whether it is about all that is below the path: what limits just that counts it. */
  readonly isFolder?: boolean | undefined
  /** What it says that its role is, for logins. */
  readonly role?: string | undefined
}

interface Rule {
  readonly row: QuotaRow
  readonly limit: RateLimit
}

interface OrganizationRules {
  /** The most specific first. */
  readonly rules: readonly Rule[]
  /** What children inherit. */
  readonly inherited: Rule | undefined
}

export interface OrganizationQuotas {
  readonly orgId: string
  /** As clients name it from root: empty, or ending with a slash. */
  readonly namespace: string
  readonly quotas: readonly QuotaRow[]
}

const rank = ({ role, suffix, mount }: QuotaRow): number => (role !== '' ? 4 : suffix !== '' && !suffix.endsWith('*') ? 3 : suffix !== '' ? 2 : mount !== '' ? 1 : 0)

const concerns = ({ mount, suffix, role }: QuotaRow, place: LimitedPlace): boolean => {
  const { apiPath } = place
  if (mount !== '' && !`${apiPath}/`.startsWith(mount)) return false
  // Auth methods find users and roles whatever the case of their names, so every spelling of one counts for its limit.
  if (role !== '' && role.toLowerCase() !== place.role?.toLowerCase()) return false
  if (suffix === '') return true
  const [path, wanted] = mount.startsWith('auth/') ? [apiPath.slice(mount.length).toLowerCase(), suffix.toLowerCase()] : [apiPath.slice(mount.length), suffix]
  return wanted.endsWith('*') ? (place.isFolder === true ? `${path}/` : path).startsWith(wanted.slice(0, -1)) : path === wanted
}

/** Whether the longest beginning that fits exempts. */
const exempts = (paths: readonly string[], path: string): boolean => {
  let longest = -1
  let exempt = false
  for (const each of paths) {
    const start = each.replace(/^!/, '')
    if (start.length > longest && path.startsWith(start)) {
      longest = start.length
      exempt = !each.startsWith('!')
    }
  }
  return exempt
}

export class QuotaBook {
  /** Whether anything is limited at all: what a request that is not limited pays. */
  active = false
  #config = defaultConfig
  #organizations = new Map<string, OrganizationRules>()
  #namespaces = new Map<string, string>()
  readonly #rootOrgId: string
  readonly #workers: number
  readonly #now: () => number

  /** @param now monotonic milliseconds */
  constructor(options: { readonly rootOrgId: string; readonly workers: number; readonly now: () => number }) {
    this.#rootOrgId = options.rootOrgId
    this.#workers = options.workers
    this.#now = options.now
  }

  get recordsRefusals(): boolean {
    return this.#config.auditRefusals
  }

  get showsHeaders(): boolean {
    return this.#config.responseHeaders
  }

  get config(): QuotaConfig {
    return this.#config
  }

  /** What was unchanged keeps its counters. */
  replace(config: QuotaConfig, organizations: readonly OrganizationQuotas[]): void {
    const before = new Map([...this.#organizations.values()].flatMap(({ rules }) => rules).map((rule) => [`${rule.row.quotaId}/${rule.row.rowVersion}`, rule]))
    const compiled = organizations.map(({ orgId, quotas }) => {
      const rules = quotas
        .map((row): Rule => before.get(`${row.quotaId}/${row.rowVersion}`) ?? { row, limit: new RateLimit(row, this.#workers) })
        .sort((a, b) => rank(b.row) - rank(a.row) || b.row.suffix.length - a.row.suffix.length)
      return [orgId, { rules, inherited: rules.find(({ row }) => row.inheritable && rank(row) === 0) }] as const
    })
    this.#organizations = new Map(compiled)
    this.#namespaces = new Map(organizations.map(({ orgId, namespace }) => [orgId, namespace]))
    this.#config = config
    this.active = compiled.some(([, { rules }]) => rules.length > 0)
  }

  /** Whether a request would be let through; it takes nothing. `also`: whether both would be, one after the other. */
  allows(place: LimitedPlace, address: string | undefined, also?: LimitedPlace): boolean {
    const [rule, other] = [this.#find(place), also === undefined ? undefined : this.#find(also)]
    const allows = (one: Rule | undefined, requests: number): boolean => one?.limit.allows(address ?? '', this.#now(), requests) ?? true
    return rule === other ? allows(rule, 2) : allows(rule, 1) && allows(other, 1)
  }

  /** Undefined: nothing limits this. */
  take(place: LimitedPlace, address: string | undefined): Taken | undefined {
    const rule = this.#find(place)
    return rule?.limit.take(address ?? '', this.#now())
  }

  #find(place: LimitedPlace): Rule | undefined {
    const rule = this.#organizations.get(place.orgId)?.rules.find(({ row }) => concerns(row, place)) ?? this.#organizations.get(this.#rootOrgId)?.inherited
    if (rule === undefined) return undefined
    const { exemptPaths, absoluteExemptPaths } = this.#config
    if (exempts(exemptPaths, place.apiPath) || exempts(absoluteExemptPaths, (this.#namespaces.get(place.orgId) ?? '') + place.apiPath)) return undefined
    return rule
  }
}
