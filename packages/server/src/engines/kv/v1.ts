// KV version 1: a path is a map, written whole, read whole, deleted for good.

import { f } from '../../kernel/fields.ts'
import { asCofferError, fail, isCofferError } from '../../kernel/errors.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'
import type { Places } from '../../kernel/places.ts'
import type { SecretsPort } from '../../kernel/secrets.ts'
import { InvalidDuration, parseDuration } from '../../lib/duration.ts'
import { takeMap } from './data.ts'
import { listNames } from './names.ts'
import { keys, paging } from './operations.ts'
import { secretAt } from './paths.ts'

const tag = 'kv'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', errors } as const
const path = f.text('Path of the secret', { max: 512, min: 1 })
/** The whole body, or the whole of data. */
const document = f.json('The secret', { maxBytes: 1024 * 1024 })
const LEASE_SECONDS = 2_764_800

export const readPlain = operation({ ...common, id: 'kv1.read', method: 'GET', path: '/:path+', audit: 'secret.reveal', work: 'read', summary: 'Read a secret', input: { path }, output: { document, leaseDuration: f.int('How long clients may keep it', { min: -(2 ** 31), max: 2 ** 31 }) } })
export const writePlain = operation({ ...common, id: 'kv1.write', method: 'POST', path: '/:path+', audit: 'secret.update', work: 'put', status: 204, summary: 'Write a secret', input: { path, document: document.optional() }, output: {} })
export const deletePlain = operation({ ...common, id: 'kv1.delete', method: 'DELETE', path: '/:path+', audit: 'secret.purge', work: 'write', status: 204, summary: 'Delete a secret for good', input: { path }, output: {} })
export const listPlainRoot = operation({ ...common, id: 'kv1.listRoot', method: 'LIST', path: '/', audit: 'secret.list', work: 'list', summary: 'List the names at the top', input: paging, output: keys })
export const listPlain = operation({ ...common, id: 'kv1.list', method: 'LIST', path: '/:path+', audit: 'secret.list', work: 'list', summary: 'List the names below a folder', input: { path, ...paging }, output: keys })

const secondsOf = (given: unknown): number | undefined => {
  if (typeof given === 'number') return Math.trunc(given)
  if (typeof given !== 'string' || given.length > 32) return undefined
  try {
    return parseDuration(given)
  } catch (error) {
    if (error instanceof InvalidDuration) return undefined
    throw error
  }
}

/** `ttl` in the map, or `lease`, is what clients are told, as in Vault. */
const leaseOf = ({ ttl, lease }: Readonly<Record<string, unknown>>): number => {
  const seconds = secondsOf(ttl ?? lease)
  return seconds !== undefined && seconds !== 0 && Math.abs(seconds) < 2 ** 31 ? seconds : LEASE_SECONDS
}

export const plainOperations = (secrets: SecretsPort, places: Places): readonly Implemented[] =>
  implement(
    { readPlain, writePlain, deletePlain, listPlainRoot, listPlain },
    {
      async readPlain(input, call) {
        const map = takeMap(await secrets.reveal(await secretAt(places, call, input.path), 'current'))
        return { document: map, leaseDuration: leaseOf(map) }
      },
      async writePlain(input, call) {
        const access = await secretAt(places, call, input.path)
        const map = input.document ?? {}
        if (Object.keys(map).length === 0) throw fail('invalid_request', 'kv.no_data', 'missing data fields')
        try {
          await secrets.put(access, { value: JSON.stringify(map), type: 'json', metadata: {}, expiresAt: undefined, expectedCurrent: undefined, pending: false })
        } catch (thrown) {
          // A secret that another door keeps under compare-and-swap cannot be written by a door that has none.
          const error = asCofferError(thrown)
          throw error.code === 'secret.cas_required' ? fail('invalid_request', error.code, 'check-and-set parameter required for this call', { cause: thrown }) : thrown
        }
        return {}
      },
      async deletePlain(input, call) {
        await secrets.purge(await secretAt(places, call, input.path)).catch((error: unknown) => {
          if (!isCofferError(error) || error.code !== 'secret.not_found') throw error
        })
        return {}
      },
      listPlainRoot: (input, call) => listNames(secrets, places, call, '', input),
      listPlain: (input, call) => listNames(secrets, places, call, input.path, input),
    },
  )
