// GitHub's REST API as far as logins ask it, at the address that the administrator gave. Answers are believed only in the shape
// that the API documents.

import type { AuthParts, OutboundAnswer } from '../../kernel/auth/method.ts'
import { fail } from '../../kernel/errors.ts'
import { isObject, JsonError, parseJson, type JsonObject, type JsonValue } from '../../lib/json.ts'
import type { Config } from './records.ts'

export interface Team {
  readonly organizationId: number
  readonly name: string
  readonly slug: string
}

export interface Organization {
  readonly id: number
  readonly login: string
}

const GITHUB = 'https://api.github.com/'
const PAGE = 100
const MOST_PAGES = 20

const broken = (what: string, why: string): Error => fail('upstream_failed', 'github.answer', `GitHub's answer to ${what} ${why}.`)
const refused = (message: string): Error => fail('invalid_request', 'github.login', message)

const ask = (parts: AuthParts, config: Pick<Config, 'baseUrl'>, path: string, token: string | undefined): Promise<OutboundAnswer> =>
  parts.outbound.ask({
    url: `${config.baseUrl === '' ? GITHUB : config.baseUrl}${path}`,
    headers: { accept: 'application/vnd.github+json', 'user-agent': 'coffer', 'x-github-api-version': '2022-11-28', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  })

const parsed = (what: string, { body }: OutboundAnswer): JsonValue => {
  try {
    return parseJson(body, { maxDepth: 32, maxBytes: 1024 * 1024 })
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw broken(what, 'is no JSON')
  }
}

const askAs = async (parts: AuthParts, config: Config, token: string, path: string): Promise<JsonValue> => {
  const answer = await ask(parts, config, path, token)
  if (answer.status === 401) throw refused('GitHub refused the token')
  if (answer.status === 403 || answer.status === 404) throw refused(`GitHub does not let the token read ${path.split('?')[0]}: it needs the scope read:org`)
  if (answer.status !== 200) throw broken(path.split('?')[0] ?? path, `has status ${answer.status}`)
  return parsed(path.split('?')[0] ?? path, answer)
}

const id = (what: string, from: JsonObject): number => {
  const value = from['id']
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0) throw broken(what, 'names no id')
  return value
}

const text = (what: string, from: JsonObject, name: string): string => {
  const value = from[name]
  if (typeof value !== 'string' || value === '' || value.length > 255) throw broken(what, `has no ${name}`)
  return value
}

const objectOf = (what: string, value: JsonValue | undefined): JsonObject => {
  if (!isObject(value)) throw broken(what, 'is not what was asked for')
  return value
}

const pages = async (parts: AuthParts, config: Config, token: string, path: string): Promise<readonly JsonObject[]> => {
  const all: JsonObject[] = []
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const answer = await askAs(parts, config, token, `${path}?per_page=${PAGE}&page=${page}`)
    if (!Array.isArray(answer)) throw broken(path, 'is no list')
    all.push(...(answer as readonly JsonValue[]).map((each) => objectOf(path, each)))
    if (answer.length < PAGE) return all
  }
  throw broken(path, `has more than ${PAGE * MOST_PAGES} entries`)
}

/** The number of an organization, which stays when it is renamed. @throws invalid_request when there is none to be seen */
export const organizationId = async (parts: AuthParts, config: Pick<Config, 'baseUrl' | 'organization'>): Promise<number> => {
  const answer = await ask(parts, config, `orgs/${encodeURIComponent(config.organization)}`, undefined)
  if (answer.status !== 200) throw fail('invalid_request', 'github.organization', `unable to fetch the organization_id, you must manually set it in the config: GitHub answered with status ${answer.status}`, { field: 'organization_id' })
  return id('orgs', objectOf('orgs', parsed('orgs', answer)))
}

export const userOf = async (parts: AuthParts, config: Config, token: string): Promise<string> => text('user', objectOf('user', await askAs(parts, config, token, 'user')), 'login')

export const organizationsOf = async (parts: AuthParts, config: Config, token: string): Promise<readonly Organization[]> =>
  (await pages(parts, config, token, 'user/orgs')).map((each) => ({ id: id('user/orgs', each), login: text('user/orgs', each, 'login') }))

export const teamsOf = async (parts: AuthParts, config: Config, token: string): Promise<readonly Team[]> =>
  (await pages(parts, config, token, 'user/teams')).map((each) => ({
    organizationId: id('user/teams', objectOf('user/teams', each['organization'])),
    name: text('user/teams', each, 'name'),
    slug: text('user/teams', each, 'slug'),
  }))
