// sys/config: pages of other origins, headers of pages, headers in audit records; and the configuration as it is.

import type { Action, Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { f } from '../../kernel/fields.ts'
import { implement, operation, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { usualHeaders, type ServerSettings } from '../../kernel/ports/server-settings.ts'
import type { SettingsPort } from './port.ts'

const tag = 'system'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const common = { tag, access: 'policy', scope: 'server', errors } as const
const reading = { ...common, work: 'read' } as const
const writing = { ...common, work: 'write', status: 204, output: {} } as const
const document = f.json('The answer', { maxBytes: 1024 * 1024 })
const header = f.text('Name of a header', { max: 256 })
const values = (describe: string) => f.list(describe, f.text('One of them', { max: 1024 }), { max: 100 })
const HEADERS = '/v1/sys/config/auditing/request-headers'

export const settingContracts = {
  readCors: operation({ ...reading, id: 'system.readCors', method: 'GET', path: '/v1/sys/config/cors', audit: 'system.cors-read', summary: 'Which pages of other origins may use this server', input: {}, output: { document } }),
  writeCors: operation({ ...writing, id: 'system.writeCors', method: 'POST', path: '/v1/sys/config/cors', audit: 'system.cors-write', summary: 'Let pages of other origins use this server', input: { enable: f.bool('Accepted and without effect').optional(), allowedOrigins: values('Origins, or * alone').optional(), allowedHeaders: values('Headers besides the usual ones').optional() } }),
  deleteCors: operation({ ...writing, id: 'system.deleteCors', method: 'DELETE', path: '/v1/sys/config/cors', audit: 'system.cors-delete', summary: 'Let no page of another origin use this server', input: {} }),
  listUiHeaders: operation({ ...reading, work: 'list', id: 'system.listUiHeaders', method: 'LIST', path: '/v1/sys/config/ui/headers', audit: 'system.ui-headers-list', summary: 'List the headers that are sent with pages', input: {}, output: { keys: f.list('Names', header, { max: 1000 }) } }),
  readUiHeader: operation({ ...reading, id: 'system.readUiHeader', method: 'GET', path: '/v1/sys/config/ui/headers/:header', audit: 'system.ui-header-read', summary: 'Read a header that is sent with pages', input: { header, multivalue: f.bool('All values instead of the first').in('query').optional() }, output: { document } }),
  writeUiHeader: operation({ ...writing, id: 'system.writeUiHeader', method: 'POST', path: '/v1/sys/config/ui/headers/:header', audit: 'system.ui-header-write', summary: 'Send a header with pages', input: { header, values: values('Its values').optional() } }),
  deleteUiHeader: operation({ ...writing, id: 'system.deleteUiHeader', method: 'DELETE', path: '/v1/sys/config/ui/headers/:header', audit: 'system.ui-header-delete', summary: 'Send a header with pages no more', input: { header } }),
  listAuditedHeaders: operation({ ...reading, id: 'system.listAuditedHeaders', method: 'GET', path: HEADERS, audit: 'system.audited-headers-list', summary: 'Which headers audit devices record', input: {}, output: { document } }),
  readAuditedHeader: operation({ ...reading, id: 'system.readAuditedHeader', method: 'GET', path: `${HEADERS}/:header`, audit: 'system.audited-header-read', summary: 'How audit devices record a header', input: { header }, output: { document } }),
  writeAuditedHeader: operation({ ...writing, id: 'system.writeAuditedHeader', method: 'POST', path: `${HEADERS}/:header`, audit: 'system.audited-header-write', summary: 'Let audit devices record a header', input: { header, hmac: f.bool('As an HMAC').default(false) } }),
  deleteAuditedHeader: operation({ ...writing, id: 'system.deleteAuditedHeader', method: 'DELETE', path: `${HEADERS}/:header`, audit: 'system.audited-header-delete', summary: 'Let audit devices record a header no more', input: { header } }),
  sanitizedState: operation({ ...reading, id: 'system.sanitizedState', method: 'GET', path: '/v1/sys/config/state/sanitized', audit: 'system.config-read', summary: 'The configuration without its secrets', input: {}, output: { document } }),
}
type Handled = Handlers<typeof settingContracts>

const MOST_HEADERS = 100
// What frames a message or says who somebody is: a setting must not replace it, nor a record repeat it.
const UNSETTABLE: ReadonlySet<string> = new Set(['content-type', 'content-length', 'content-encoding', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'trailer', 'te', 'date', 'set-cookie'])
const SECRET: ReadonlySet<string> = new Set(['x-vault-token', 'authorization', 'cookie', 'proxy-authorization', 'x-coffer-body-hmac', 'x-vault-mfa', 'x-api-key', 'x-amz-security-token'])
const carriesCredential = (name: string): boolean => SECRET.has(name) || name.startsWith('x-vault-inline-auth-')

const bad = (code: string, message: string, field: string): Error => fail('invalid_request', code, message, { field })

/** RFC 9110, 5.6.2. */
const checkName = (name: string): string => {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name)) throw bad('config.bad_header', 'This is not the name of a header.', 'header')
  return name
}

const without = <T>(table: Readonly<Record<string, T>>, name: string): Readonly<Record<string, T>> => Object.fromEntries(Object.entries(table).filter(([each]) => each.toLowerCase() !== name.toLowerCase()))

const checkCount = (table: Readonly<Record<string, unknown>>): void => {
  if (Object.keys(table).length > MOST_HEADERS) throw bad('config.too_many_headers', `At most ${MOST_HEADERS} headers can be chosen.`, 'header')
}

const ask = (call: Call, action: Action, path: string, sudo = true): Grant => call.authorise(action, { kind: 'system', apiPath: `sys/config/${path}`, sudo })

const originsOf = (given: readonly string[]): readonly string[] => {
  if (given.length === 0) throw bad('config.no_origin', 'at least one origin or the wildcard must be provided', 'allowed_origins')
  if (given.includes('*') && given.length > 1) throw bad('config.origin_and_wildcard', "to allow all origins the '*' must be the only value for allowed_origins", 'allowed_origins')
  for (const origin of given) if (origin !== '*' && !/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@,]+$/i.test(origin)) throw bad('config.bad_origin', `${JSON.stringify(origin.slice(0, 200))} is no origin: a scheme, a host and perhaps a port`, 'allowed_origins')
  return given
}

const cors = (port: SettingsPort): Pick<Handled, 'readCors' | 'writeCors' | 'deleteCors'> => ({
  async readCors(_input, call) {
    ask(call, 'read', 'cors')
    const found = port.current.cors
    return { document: found === undefined ? { enabled: false } : { enabled: true, allowed_origins: found.origins, allowed_headers: [...usualHeaders, ...found.headers] } }
  },
  async writeCors(input, call) {
    const grant = ask(call, 'update', 'cors')
    const origins = originsOf(input.allowedOrigins ?? [])
    const headers = (input.allowedHeaders ?? []).map(checkName)
    await port.change(grant, call, (settings) => ({ ...settings, cors: { origins, headers } }))
    return {}
  },
  async deleteCors(_input, call) {
    const grant = ask(call, 'delete', 'cors')
    await port.change(grant, call, ({ cors: _cors, ...settings }) => settings)
    return {}
  },
})

const uiHeaders = (port: SettingsPort): Pick<Handled, 'listUiHeaders' | 'readUiHeader' | 'writeUiHeader' | 'deleteUiHeader'> => ({
  async listUiHeaders(_input, call) {
    ask(call, 'list', 'ui/headers/')
    const keys = Object.keys(port.current.uiHeaders).sort()
    if (keys.length === 0) throw fail('not_found', 'config.no_headers', 'No header is sent with pages.')
    return { keys }
  },
  async readUiHeader(input, call) {
    ask(call, 'read', `ui/headers/${input.header}`)
    const found = Object.entries(port.current.uiHeaders).find(([name]) => name.toLowerCase() === input.header.toLowerCase())?.[1]
    if (found === undefined) throw fail('not_found', 'config.no_header', 'This header is not sent with pages.')
    return { document: input.multivalue === true ? { values: found } : { value: found[0] ?? '' } }
  },
  async writeUiHeader(input, call) {
    const grant = ask(call, 'update', `ui/headers/${input.header}`)
    const name = checkName(input.header)
    if (/^x-(vault|coffer)-/i.test(name)) throw bad('config.reserved_header', 'X-Vault headers cannot be set', 'header')
    if (UNSETTABLE.has(name.toLowerCase())) throw bad('config.reserved_header', `The header ${name} cannot be set.`, 'header')
    const given = input.values ?? []
    if (given.length === 0) throw bad('config.no_values', 'header and values must be specified', 'values')
    // RFC 9110, 5.5: a value has no line break, or it would be another header.
    if (!given.every((value) => /^[\t\x20-\x7e]*$/.test(value))) throw bad('config.bad_value', 'A value of a header has printable ASCII characters only.', 'values')
    await port.change(grant, call, (settings) => {
      const next = { ...without(settings.uiHeaders, name), [name]: given }
      checkCount(next)
      return { ...settings, uiHeaders: next }
    })
    return {}
  },
  async deleteUiHeader(input, call) {
    const grant = ask(call, 'delete', `ui/headers/${input.header}`)
    await port.change(grant, call, (settings) => ({ ...settings, uiHeaders: without(settings.uiHeaders, input.header) }))
    return {}
  },
})

const shown = (settings: ServerSettings): Readonly<Record<string, unknown>> => Object.fromEntries(Object.entries(settings.auditedHeaders).map(([name, hmac]) => [name, { hmac }]))

const auditedHeaders = (port: SettingsPort): Pick<Handled, 'listAuditedHeaders' | 'readAuditedHeader' | 'writeAuditedHeader' | 'deleteAuditedHeader'> => ({
  async listAuditedHeaders(_input, call) {
    ask(call, 'read', 'auditing/request-headers')
    return { document: { headers: shown(port.current) } }
  },
  async readAuditedHeader(input, call) {
    ask(call, 'read', `auditing/request-headers/${input.header}`)
    const hmac = port.current.auditedHeaders[input.header.toLowerCase()]
    if (hmac === undefined) throw bad('config.header_not_audited', 'Could not find header in config', 'header')
    return { document: { [input.header]: { hmac } } }
  },
  async writeAuditedHeader(input, call) {
    const grant = ask(call, 'update', `auditing/request-headers/${input.header}`)
    const name = checkName(input.header).toLowerCase()
    if (carriesCredential(name) && !input.hmac) throw bad('config.secret_header', 'This header carries a credential: it is recorded as an HMAC only (hmac=true).', 'hmac')
    await port.change(grant, call, (settings) => {
      const next = { ...settings.auditedHeaders, [name]: input.hmac }
      checkCount(next)
      return { ...settings, auditedHeaders: next }
    })
    return {}
  },
  async deleteAuditedHeader(input, call) {
    const grant = ask(call, 'delete', `auditing/request-headers/${input.header}`)
    await port.change(grant, call, (settings) => ({ ...settings, auditedHeaders: without(settings.auditedHeaders, input.header) }))
    return {}
  },
})

export const configOperations = (port: SettingsPort): readonly Implemented[] =>
  implement(settingContracts, {
    ...cors(port),
    ...uiHeaders(port),
    ...auditedHeaders(port),
    async sanitizedState(_input, call) {
      ask(call, 'read', 'state/sanitized', false)
      return { document: port.sanitized() }
    },
  })
