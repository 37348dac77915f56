// Not among the contracts: nobody asks for it, it is what records call requests that came to nothing.

import { f } from '../kernel/fields.ts'
import { operation } from '../kernel/operation.ts'

/** What records call a request whose path could not be resolved, because the organization or its mounts could not be read. It has no path and no handler. */
export const unresolvedPath = operation({
  id: 'vault.unresolvedPath', method: 'GET', path: '/v1/:path+', tag: 'system', access: 'public', audit: 'vault.unresolved-path', work: 'read',
  summary: 'A request refused before its path could be resolved', input: { path: f.text('Path', { max: 8192 }) }, output: {}, errors: ['unavailable'],
})
