// What can be asked of the server: `?help=1` on a path, and all of it as OpenAPI.

import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { f } from '../kernel/fields.ts'
import { implement, operation, type Implemented } from '../kernel/operation.ts'

export interface SpecificationsPort {
  /** Of everything that the caller can reach any part of. */
  document(call: Call, wishes: { readonly genericMountPaths: boolean }): Promise<Readonly<Record<string, unknown>>>
}

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const document = f.json('The document', { maxBytes: 16 * 1024 * 1024 })
const wishes = { genericMountPaths: f.bool('Whether mounts are parameters instead of the paths that they are at').default(false), context: f.text('Accepted and without effect', { max: 64 }).optional() }
const specification = { tag, access: 'token', work: 'list', errors, audit: 'system.openapi', path: '/v1/sys/internal/specs/openapi', summary: 'Everything that you can reach, as OpenAPI', input: wishes, output: { document } } as const

export const openApi = operation({ ...specification, id: 'system.openApi', method: 'GET' })
export const openApiByPost = operation({ ...specification, id: 'system.openApiByPost', method: 'POST' })

/** Not a path of its own: the door asks for it when a request has `help`. What a path can be asked is no secret, but it is for people with a token; that there is a mount is for those with a right below it. */
export const help = operation({ id: 'vault.help', method: 'GET', path: '/v1/:path+', tag, access: 'token', audit: 'vault.help', work: 'read', summary: 'What can be asked of a path', input: { path: f.text('Path', { max: 8192 }), found: f.bool('Whether there is such a path'), fixed: f.bool('Whether it is one of the server\'s own, which are printed in its documentation') }, output: {}, errors })

export const helpOperation: readonly Implemented[] = implement({ help }, {
  async help({ path, found, fixed }, call) {
    if (!fixed && !call.reaches(path)) call.authorise('read', { kind: 'system', apiPath: path })
    if (!found) throw fail('not_found', 'vault.no_handler', `no handler for route "${path}". route entry not found.`)
    return {}
  },
})

export const specificationOperations = (port: SpecificationsPort): readonly Implemented[] =>
  implement(
    { openApi, openApiByPost },
    {
      openApi: async (input, call) => ({ document: await port.document(call, input) }),
      openApiByPost: async (input, call) => ({ document: await port.document(call, input) }),
    },
  )
