// Handlers of organizations.

import type { Resource } from '../../kernel/call.ts'
import { decodeCursor, encodeCursor } from '../../kernel/cursor.ts'
import { fail } from '../../kernel/errors.ts'
import { formatId } from '../../kernel/ids.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import type { OrganizationsPort } from '../../kernel/ports/projects.ts'
import type { Organization } from '../../kernel/tenancy.ts'
import * as operations from './operations.ts'

const namespaces = (slug: string): Resource => ({ kind: 'platform', apiPath: `sys/namespaces/${slug}` })
const view = (org: Organization) => ({ id: formatId('organization', org.orgId), slug: org.slug, name: org.name, state: org.state, createdAt: new Date(org.createdAt).toISOString() })

export const platformOrganizations = (organizations: OrganizationsPort): readonly Implemented[] =>
  implement(operations, {
    async create(input, call) {
      const grant = call.authorise('create', namespaces(input.slug))
      const made = await organizations.create(grant, call, { slug: input.slug, name: input.name ?? input.slug })
      return { ...view(made.organization), token: made.token }
    },
    async suspend(input, call) {
      return view(await organizations.setState(call.authorise('administer', namespaces(input.slug)), call, { slug: input.slug, state: 'suspended' }))
    },
    async resume(input, call) {
      return view(await organizations.setState(call.authorise('administer', namespaces(input.slug)), call, { slug: input.slug, state: 'active' }))
    },
    async shred(input, call) {
      const grant = call.authorise('destroy', namespaces(input.slug))
      if (input.confirm !== input.slug) throw fail('invalid_request', 'organization.unconfirmed', 'Say the organization\'s name once more in confirm.', { field: 'confirm' })
      await organizations.shred(grant, call, input.slug)
      return { shredded: true, live: 'The keys are gone from the database: nothing that was encrypted under them can be read.', backups: 'A backup made before still holds them, wrapped under the root key. It is beyond reach once the root key was rotated and the old one destroyed, and the retention of backups has passed.' }
    },
    async list(input, call) {
      const grant = call.authorise('list', namespaces(''))
      const after = input.after === undefined ? '' : decodeCursor('organizations', input.after)
      const found = await organizations.list(grant, call, { after, limit: input.limit + 1 })
      const shown = found.slice(0, input.limit)
      const last = shown[shown.length - 1]
      return { items: shown.map(view), ...(found.length > input.limit && last !== undefined ? { next: encodeCursor('organizations', last.slug) } : {}) }
    },
  })
