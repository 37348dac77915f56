// The part of GitHub's REST API that logins ask, with its pages, its headers and its refusals. Tokens are those that it gave.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterwards, type Scope } from '../support/cleanup.ts'

export interface FakeGithub {
  readonly address: string
  /** A token of somebody who is in these organizations and teams; teams as organization/name. */
  token(login: string, organizations: readonly string[], teams?: readonly string[]): string
  /** Publishes an organization; gives its number. */
  organization(login: string): number
  /** It keeps its number. */
  rename(from: string, to: string): void
  requests(): readonly string[]
  /** Everything is answered like this until undone. */
  break(status: number | undefined, body?: string): void
}

interface Person {
  readonly login: string
  readonly organizations: readonly number[]
  readonly teams: readonly { readonly organization: number; readonly name: string }[]
}

/** As GitHub makes it of a name. */
const slugOf = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, '-')

export const startGithub = async (scope: Scope): Promise<FakeGithub> => {
  const numbers = new Map<string, number>()
  const people = new Map<string, Person>()
  const requests: string[] = []
  let broken: { readonly status: number; readonly body: string } | undefined
  const numberOf = (login: string): number => {
    const known = numbers.get(login)
    if (known !== undefined) return known
    numbers.set(login, 1000 + numbers.size)
    return numberOf(login)
  }
  const loginOf = (number: number): string => [...numbers].find(([, each]) => each === number)?.[0] ?? ''

  const answerOf = (url: URL, person: Person | undefined): readonly [number, unknown] => {
    const page = <T>(all: readonly T[]): readonly T[] => {
      const size = Math.min(100, Number(url.searchParams.get('per_page') ?? 30))
      const start = (Number(url.searchParams.get('page') ?? 1) - 1) * size
      return all.slice(start, start + size)
    }
    const named = /^\/orgs\/([^/]+)$/.exec(url.pathname)?.[1]
    if (named !== undefined) return numbers.has(named) ? [200, { login: named, id: numbers.get(named), node_id: 'O_x' }] : [404, { message: 'Not Found' }]
    if (person === undefined) return [401, { message: 'Bad credentials', documentation_url: 'https://docs.github.com/rest' }]
    if (url.pathname === '/user') return [200, { login: person.login, id: 1, type: 'User' }]
    if (url.pathname === '/user/orgs') return [200, page(person.organizations).map((id) => ({ login: loginOf(id), id }))]
    if (url.pathname === '/user/teams') return [200, page(person.teams).map(({ organization, name }, index) => ({ id: index + 1, name, slug: slugOf(name), organization: { login: loginOf(organization), id: organization } }))]
    return [404, { message: 'Not Found' }]
  }

  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    const answer = (status: number, body: string): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    if (broken !== undefined) return answer(broken.status, broken.body)
    // GitHub refuses requests without one.
    if (request.headers['user-agent'] === undefined) return answer(403, JSON.stringify({ message: 'Request forbidden by administrative rules.' }))
    const [status, body] = answerOf(new URL(request.url ?? '/', 'http://x'), people.get(request.headers.authorization?.replace(/^Bearer /, '') ?? ''))
    return answer(status, JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  afterwards(scope, async () => {
    const closed = once(server, 'close')
    server.close().closeAllConnections()
    await closed
  })
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // a TCP listener has one
    token(login, organizations, teams = []) {
      const token = `ghp_${login}${people.size}`
      people.set(token, {
        login, organizations: organizations.map(numberOf),
        teams: teams.map((each) => ({ organization: numberOf(each.split('/')[0] ?? ''), name: each.split('/')[1] ?? '' })),
      })
      return token
    },
    organization: numberOf,
    rename(from, to) {
      const number = numberOf(from)
      numbers.delete(from)
      numbers.set(to, number)
    },
    requests: () => requests,
    break: (status, body = '') => {
      broken = status === undefined ? undefined : { status, body }
    },
  }
}
