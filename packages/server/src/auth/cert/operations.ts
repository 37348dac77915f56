// The contract of the cert method, as Vault has it.

import { loginOutput } from '../../kernel/auth/method.ts'
import { deprecatedTokenFields, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { f } from '../../kernel/fields.ts'
import { operation } from '../../kernel/operation.ts'

const tag = 'cert'
const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
const name = f.name('Name of the entry')
const patterns = (describe: string) => f.list(describe, f.text('Name or pattern', { max: 512 }), { max: 500 })
const { policies, ttl, maxTtl, period, boundCidrs } = deprecatedTokenFields

const entry = {
  certificate: f.text('Authorities or the client\'s own certificate, PEM', { max: 262_144 }),
  displayName: f.text('Display name of tokens', { max: 256 }),
  allowedNames: patterns('Names, common or alternative'),
  allowedCommonNames: patterns('Common names'),
  allowedDnsSans: patterns('Alternative DNS names'),
  allowedEmailSans: patterns('Alternative mail addresses'),
  allowedUriSans: patterns('Alternative URIs'),
  allowedOrganizationalUnits: patterns('Organizational units'),
}

export const listCerts = operation({ id: 'cert.listCerts', method: 'LIST', path: '/certs', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List entries', input: {}, output: { keys: f.list('Names', f.text('Name', { max: 128 }), { max: 100_000 }) } })
export const readCert = operation({ id: 'cert.readCert', method: 'GET', path: '/certs/:name', tag, access: 'policy', audit: 'auth.role-read', work: 'read', errors, summary: 'Read an entry', input: { name }, output: { ...entry, ...tokenOutput } })
export const writeCert = operation({
  id: 'cert.writeCert', method: 'POST', path: '/certs/:name', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Make or change an entry',
  input: {
    name, ...(Object.fromEntries(Object.entries(entry).map(([key, field]) => [key, field.optional()])) as { readonly [K in keyof typeof entry]: ReturnType<(typeof entry)[K]['optional']> }), // fromEntries forgets which name has which field
    requiredExtensions: patterns('Not supported: refused').optional(), ocspEnabled: f.bool('Not supported: refused').optional(), ...tokenFields, policies, ttl, maxTtl, period, boundCidrs,
  }, output: {},
})
export const deleteCert = operation({ id: 'cert.deleteCert', method: 'DELETE', path: '/certs/:name', tag, access: 'policy', audit: 'auth.role-delete', work: 'write', status: 204, errors, summary: 'Delete an entry', input: { name }, output: {} })
export const login = operation({
  id: 'cert.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors,
  summary: 'Log in with the client certificate of the connection', input: { name: f.text('Entry; absent: whichever fits', { max: 255 }).optional() }, output: loginOutput,
})
