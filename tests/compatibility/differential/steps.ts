// What is asked of both servers: requests as data, in order. A step may keep parts of its answer under a name; later steps
// write that name in double braces, and each server gets its own value.

export interface Step {
  readonly method: string
  /** Path and query as they are written on the wire. */
  readonly target: string
  /** An object is sent as JSON, a text as it is. */
  readonly body?: unknown
  /** Name of a kept value, or '' for none. Default: the root token. */
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Name → where in the answer it is, by dots. */
  readonly keep?: Readonly<Record<string, string>>
  /** Places in the body, by dots, whose values are each server's own: only their types are compared. `*` is any one name. */
  readonly loose?: readonly string[]
  /** Keys of lists whose order means nothing (Vault takes them out of a map). */
  readonly unordered?: readonly string[]
  /** Tells steps of one area apart that ask for the same. */
  readonly note?: string
}

export interface Area {
  readonly name: string
  readonly steps: readonly Step[]
}

type More = Partial<Omit<Step, 'method' | 'target' | 'body'>>

const bare = (method: string) => (target: string, more: More = {}): Step => ({ method, target: `/v1/${target}`, ...more })
const bodied = (method: string) => (target: string, body?: unknown, more: More = {}): Step => ({ method, target: `/v1/${target}`, ...(body === undefined ? {} : { body }), ...more })

export const get = bare('GET')
export const list = bare('LIST')
export const head = bare('HEAD')
export const del = bodied('DELETE')
export const post = bodied('POST')
export const put = bodied('PUT')

/** With the content type that a merge patch needs, unless told otherwise. */
export const patch = (target: string, body?: unknown, more: More = {}): Step => bodied('PATCH')(target, body, { ...more, headers: { 'content-type': 'application/merge-patch+json', ...more.headers } })

/** The steps with another token than root's. */
export const as = (token: string, ...steps: readonly Step[]): readonly Step[] => steps.map((step) => ({ ...step, token }))

/** A policy and a token that has it, kept under the policy's name. */
export const holder = (name: string, policy: string): readonly Step[] => [
  put(`sys/policies/acl/${name}`, { policy }),
  post('auth/token/create', { policies: [name], ttl: '1h' }, { keep: { [name]: 'auth.client_token', [`${name}_accessor`]: 'auth.accessor' }, unordered: ['policies', 'token_policies'] }),
]

/** How a step is called in reports and in the list of known differences. */
export const nameOf = ({ method, target, token, note }: Step): string => `${method} ${target}${token === undefined ? '' : ` as ${token === '' ? 'nobody' : token}`}${note === undefined ? '' : ` (${note})`}`

/** Names of an area's steps; what is asked twice gets a number. */
export const namesOf = (steps: readonly Step[]): readonly string[] => {
  const seen = new Map<string, number>()
  return steps.map((step) => {
    const name = nameOf(step)
    const times = (seen.get(name) ?? 0) + 1
    seen.set(name, times)
    return times === 1 ? name : `${name} #${times}`
  })
}
