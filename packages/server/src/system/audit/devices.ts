// sys/audit: where audit records go besides the journal, which is always there.

import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../kernel/operation.ts'
import type { AuditDevicesPort, DeviceCommand, ShownDevice } from './ports.ts'

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', errors } as const
/** Devices get every organization's records. */
const ofServer = { ...common, scope: 'server' } as const
const document = f.json('The answer', { maxBytes: 4 * 1024 * 1024 })
const path = f.text('Name of the device', { max: 512 })

export const listAudit = operation({ ...ofServer, work: 'list', id: 'system.listAudit', method: 'GET', path: '/v1/sys/audit', audit: 'system.audit-list', summary: 'Where audit records go', input: {}, output: { document } })
export const enableAudit = operation({
  ...ofServer, work: 'write', status: 204, id: 'system.enableAudit', method: 'POST', path: '/v1/sys/audit/:path+', audit: 'system.audit-enable', summary: 'Enable an audit device: every record goes there, too, in the form of Vault',
  input: { path, type: f.text('file, socket or syslog', { max: 64 }).default(''), description: f.text('Description', { max: 1024 }).default(''), options: f.labels('Options of the type', { maxKeys: 32, maxKey: 64, maxValue: 1024 }).nullable().optional(), local: f.bool('Kept, and without effect').default(false) },
  output: {},
})
export const disableAudit = operation({ ...ofServer, work: 'write', status: 204, id: 'system.disableAudit', method: 'DELETE', path: '/v1/sys/audit/:path+', audit: 'system.audit-disable', summary: 'Disable an audit device', input: { path }, output: {} })
export const auditHash = operation({ ...common, work: 'read', id: 'system.auditHash', method: 'POST', path: '/v1/sys/audit-hash/:path+', audit: 'system.audit-hash', summary: 'The HMAC by which records of a device name a value', input: { path, input: f.secret('The value', { max: 1024 * 1024 }).optional() }, output: { document } })

const JOURNAL = 'journal'
const journal: ShownDevice = { path: JOURNAL, type: JOURNAL, description: 'The durable journal of every request; it cannot be disabled', options: {}, local: false }

const row = ({ path: at, type, description, options, local }: ShownDevice) => ({ type, description, options, local, path: `${at}/` })

const typeOf = (given: string): DeviceCommand['type'] => {
  if (given === 'file' || given === 'socket' || given === 'syslog') return given
  throw fail('invalid_request', 'audit.unknown_type', `unknown backend type: ${JSON.stringify(given)}: invalid configuration`, { field: 'type' })
}

const nameOf = (given: string): string => {
  const name = given.replace(/^\/+|\/+$/g, '')
  if (name === '') throw fail('invalid_request', 'audit.no_path', 'backend path must be specified: invalid configuration', { field: 'path' })
  if (name.length > 128 || !/^[A-Za-z0-9_][A-Za-z0-9_./-]*$/.test(name)) throw fail('invalid_request', 'audit.bad_path', 'The name of an audit device has 1 to 128 letters, digits and any of "_./-".', { field: 'path' })
  return name
}

export const auditDeviceOperations = (port: AuditDevicesPort): readonly Implemented[] =>
  implement({ listAudit, enableAudit, disableAudit, auditHash }, {
    async listAudit(_input, call) {
      call.authorise('read', { kind: 'system', apiPath: 'sys/audit', sudo: true })
      const rows = [...(await port.list()), journal].map((device) => [`${device.path}/`, row(device)] as const)
      return { document: Object.fromEntries(rows.sort(([one], [other]) => (one < other ? -1 : 1))) }
    },
    async enableAudit(input, call) {
      const name = nameOf(input.path)
      const grant = call.authorise('update', { kind: 'system', apiPath: `sys/audit/${name}`, sudo: true })
      // The device's own first record: when the request began, nobody wanted to know its path yet.
      call.audit.request ??= { operation: 'update', path: `sys/audit/${name}` }
      const type = typeOf(input.type)
      if (name === JOURNAL || name.startsWith(`${JOURNAL}/`)) throw fail('invalid_request', 'audit.path_in_use', 'path already in use: invalid configuration', { field: 'path' })
      await port.enable(grant, call, { path: name, type, description: input.description, options: input.options ?? {}, local: input.local })
      return {}
    },
    async disableAudit(input, call) {
      const name = nameOf(input.path)
      const grant = call.authorise('delete', { kind: 'system', apiPath: `sys/audit/${name}`, sudo: true })
      if (name === JOURNAL) throw fail('invalid_request', 'audit.built_in', 'The journal is the record of this server; it cannot be disabled.', { field: 'path' })
      // As in Vault, what is not there is disabled already.
      if ((await port.list()).some((device) => device.path === name)) await port.disable(grant, call, name)
      return {}
    },
    async auditHash(input, call) {
      const name = nameOf(input.path)
      call.authorise('update', { kind: 'system', apiPath: `sys/audit-hash/${name}` })
      if (input.input === undefined) throw fail('invalid_request', 'audit.no_input', 'the "input" parameter is empty', { field: 'input' })
      const hash = await port.hash(call.orgId, name, input.input)
      if (hash === undefined) throw fail('invalid_request', 'audit.unknown_device', `unknown audit backend ${JSON.stringify(`${name}/`)}`, { field: 'path' })
      return { document: { hash } }
    },
  })
