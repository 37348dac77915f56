// What of an audit record is shown on the native door.

import { f } from '../../kernel/fields.ts'

/** Text of the audit record's contracts; 512 characters unless said. */
export const text = (describe: string, max = 512) => f.text(describe, { max })

/** An event, in the order in which its fields are shown. Records hold more, which is for audit devices. */
export const eventFields = {
  id: text('Id', 64), eventType: text('SECRET_REVEAL, SECRET_WRITE, ...', 64), action: text('secret.reveal, ...', 64), tenantId: text('Organization', 64),
  actorType: text('user, service_account, workload, system, anonymous', 32), principal: text('Who', 256).optional(), sourceIp: text('From where', 64).optional(),
  requestId: text('Request', 64), door: text('vault, rest, flat, grpc', 16), project: text('Project', 128).optional(), environment: text('Environment', 128).optional(),
  path: text('Path', 512).optional(), version: f.int('Version', { min: 0, max: Number.MAX_SAFE_INTEGER }).optional(), resourceType: text('Kind of resource', 64).optional(), resourceId: text('Id of the resource', 64).optional(),
  decision: f.choice('Decision', ['ALLOW', 'DENY']), status: f.int('HTTP status', { min: 0, max: 999 }), rule: text('Rule that decided', 512).optional(),
  errorCode: text('Error code', 64).optional(), metadata: f.json('More', { maxBytes: 16384 }).optional(), createdAt: f.time('When'),
}
