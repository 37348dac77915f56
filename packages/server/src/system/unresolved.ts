// Not among the contracts: nobody asks for it, it is what records call requests that came to nothing.

import { f } from '../kernel/fields.ts'
import { operation } from '../kernel/operation.ts'

/** What records call a request that was refused before it was known what it asks for: it could not be read, means nothing here, or what its path means could not be looked up. It has no path and no handler. */
export const unresolvedRequest = operation({
  id: 'request.unresolved', method: 'GET', path: '/:path+', tag: 'system', access: 'public', audit: 'request.unresolved', work: 'read',
  summary: 'A request refused before it was known what it asks for', input: { path: f.text('Path', { max: 8192 }) }, output: {}, errors: ['invalid_request', 'not_found', 'unavailable'],
})
