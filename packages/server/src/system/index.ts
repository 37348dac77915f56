// Handlers of operations on the server itself.

import { implement, type Implemented } from '../kernel/operation.ts'
import { fail, quote } from '../kernel/errors.ts'
import type { Action, Resource } from '../kernel/call.ts'
import { doctor, seal, unknownPath } from './operations.ts'

const operations = { doctor, seal }

export interface Check {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'problem'
  readonly message: string
}

export interface SystemPorts {
  checks(): Promise<readonly Check[]>
}

export const systemOperations = (ports: SystemPorts): readonly Implemented[] =>
  implement(operations, {
    async seal(_input, call) {
      call.authorise('administer', { kind: 'platform', apiPath: 'sys/seal', sudo: true })
      // Permission and record; the door seals once both are there, because the spool goes with the worker.
      return {}
    },
    async doctor(_input, call) {
      call.authorise('administer', { kind: 'platform', apiPath: 'sys/host-info' })
      return { checks: await ports.checks() }
    },
  })

type Asked = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'LIST'

const RIGHTS: Readonly<Record<Asked, readonly [Action, Resource['capability']]>> = { GET: ['read', undefined], POST: ['update', undefined], PUT: ['update', undefined], PATCH: ['update', 'patch'], DELETE: ['delete', undefined], LIST: ['list', undefined] }
const KV_COMMANDS: Readonly<Record<Asked, string>> = { GET: 'get', POST: 'put', PUT: 'put', PATCH: 'patch', DELETE: 'delete', LIST: 'list' }

/** kv of version 2 has folders that are only listed, and reads nothing at their ends. */
const isNothing = (verb: Asked, within: string): boolean => verb === 'GET' && /^metadata\/(.*\/)?$/.test(within)
const KV_ROOTS: ReadonlySet<string> = new Set(['metadata', 'data', 'delete', 'undelete', 'destroy'])

/** In the words of who has no such path: the server, a method, kv of version 1 (where nothing is at a folder) or 2. */
const unknownIn = ({ engine, verb, within, path }: { readonly engine: string; readonly verb: Asked; readonly within: string; readonly path: string }): Error => {
  if (engine === 'kv:1') return verb === 'POST' ? fail('invalid_request', 'kv.no_path', 'missing path') : fail('not_found', 'kv.nothing', `There is nothing at ${quote(path)}.`)
  if (engine !== 'kv') return fail('not_found', 'vault.unsupported_path', 'unsupported path')
  if (isNothing(verb, within)) return fail('not_found', 'kv.nothing', `There is nothing at ${quote(path)}.`)
  if (KV_ROOTS.has(within)) return fail('not_found', 'kv.unknown_path', 'Non-listing operations on the root of a K/V v2 mount are not supported.')
  return fail('not_found', 'kv.unknown_path', `Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv ${KV_COMMANDS[verb]}' for this operation.`)
}

/** Where a verb that is not taken means a path that is none: at the roots of kv, and for lists of what is no folder. */
const isPath = (engine: string, verb: Asked, within: string): boolean => (engine === 'kv:1' && within === '') || (engine === 'kv' && (within === '' || within === 'metadata' || (verb === 'LIST' && within === 'config/')))
const isVerb = (engine: string, verb: Asked, within: string): boolean => engine === 'kv' && verb === 'LIST' && /^(delete|undelete|destroy|subkeys)\//.test(within)

/** Permission first, then the truth: nobody learns without a right which mounts there are, and what they take. */
export const unknownPathOperation: readonly Implemented[] = implement(
  { unknownPath },
  {
    async unknownPath({ path, why, verb, engine, within }, call) {
      const [action, capability] = RIGHTS[verb]
      call.authorise(action, { kind: 'system', apiPath: path, ...(capability === undefined ? {} : { capability }) })
      if ((why === 'verb' && !isPath(engine, verb, within)) || (why === 'path' && isVerb(engine, verb, within))) throw fail('invalid_request', 'request.method', 'unsupported operation', { httpStatus: 405 })
      throw why !== 'route' ? unknownIn({ engine, verb, within, path }) : fail('not_found', 'vault.no_handler', `no handler for route "${path}${verb === 'LIST' ? '/' : ''}". route entry not found.`)
    },
  },
)
