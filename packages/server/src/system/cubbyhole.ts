// cubbyhole: a store of its own for each token, which ends with it. Nobody else reaches it, not even root.

import type { Action, Call, Grant } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { f } from '../kernel/fields.ts'
import { implement, operation, type Implemented } from '../kernel/operation.ts'
import type { JsonValue } from '../lib/json.ts'

/** The entries of the caller's token. */
export interface CubbyholePort {
  get(call: Call, path: string): Promise<JsonValue | undefined>
  put(grant: Grant, call: Call, path: string, value: JsonValue): Promise<void>
  delete(grant: Grant, call: Call, path: string): Promise<void>
  names(call: Call, prefix: string): Promise<readonly string[]>
}

const tag = 'cubbyhole'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', errors } as const
const path = f.text('Path', { max: 512, min: 1 })
const document = f.json('What is kept', { maxBytes: 1024 * 1024 })
const keys = { keys: f.list('Names', f.text('Name', { max: 512 }), { max: 1_000_000 }) }

export const readCubbyhole = operation({ ...common, work: 'read', id: 'cubbyhole.read', method: 'GET', path: '/v1/cubbyhole/:path+', audit: 'cubbyhole.read', summary: 'Read from the cubbyhole of your token', input: { path }, output: { document } })
export const writeCubbyhole = operation({ ...common, work: 'write', id: 'cubbyhole.write', method: 'POST', path: '/v1/cubbyhole/:path+', audit: 'cubbyhole.write', status: 204, summary: 'Write to the cubbyhole of your token', input: { path, document: document.optional() }, output: {} })
export const deleteCubbyhole = operation({ ...common, work: 'write', id: 'cubbyhole.delete', method: 'DELETE', path: '/v1/cubbyhole/:path+', audit: 'cubbyhole.delete', status: 204, summary: 'Delete from the cubbyhole of your token', input: { path }, output: {} })
export const listCubbyhole = operation({ ...common, work: 'list', id: 'cubbyhole.list', method: 'LIST', path: '/v1/cubbyhole/:path+', audit: 'cubbyhole.list', summary: 'List the cubbyhole of your token', input: { path }, output: keys })
export const listCubbyholeRoot = operation({ ...common, work: 'list', id: 'cubbyhole.listRoot', method: 'LIST', path: '/v1/cubbyhole', audit: 'cubbyhole.list', summary: 'List the cubbyhole of your token', input: {}, output: keys })

const ask = (call: Call, action: Action, at: string): Grant => call.authorise(action, { kind: 'engine', apiPath: `cubbyhole/${at}` })

export const cubbyholeOperations = (port: CubbyholePort): readonly Implemented[] => {
  const list = async (call: Call, prefix: string): Promise<{ readonly keys: readonly string[] }> => {
    ask(call, 'list', prefix)
    const found = await port.names(call, prefix)
    if (found.length === 0) throw fail('not_found', 'cubbyhole.nothing', 'There is nothing below this path.')
    return { keys: found }
  }
  return implement(
    { readCubbyhole, writeCubbyhole, deleteCubbyhole, listCubbyhole, listCubbyholeRoot },
    {
      async readCubbyhole(input, call) {
        ask(call, 'read', input.path)
        const value = await port.get(call, input.path)
        if (value === undefined || value === null || typeof value !== 'object' || Array.isArray(value)) throw fail('not_found', 'cubbyhole.nothing', 'There is nothing at this path.')
        return { document: { ...value } }
      },
      async writeCubbyhole(input, call) {
        const exists = (await port.get(call, input.path)) !== undefined
        const grant = ask(call, exists ? 'update' : 'create', input.path)
        if (input.document === undefined || Object.keys(input.document).length === 0) throw fail('invalid_request', 'cubbyhole.no_data', 'missing data fields')
        // Parsed from JSON by the door.
        await port.put(grant, call, input.path, input.document as JsonValue)
        return {}
      },
      async deleteCubbyhole(input, call) {
        await port.delete(ask(call, 'delete', input.path), call, input.path)
        return {}
      },
      listCubbyhole: (input, call) => list(call, `${input.path}/`),
      listCubbyholeRoot: (_input, call) => list(call, ''),
    },
  )
}
