// The contract of the cert method, as Vault has it.

import { loginOutput } from '../../kernel/auth/method.ts'
import { deprecatedTokenFields, tokenFields, tokenOutput } from '../../kernel/auth/token-settings.ts'
import { allOptional, f } from '../../kernel/fields.ts'
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
  allowedOrganizations: patterns('Organizations'),
  requiredExtensions: patterns('Extensions that the certificate must have: `oid:pattern`, or `hex:oid:pattern`'),
  allowedMetadataExtensions: patterns('Object identifiers of extensions whose text goes into the metadata'),
}

export const listCerts = operation({ id: 'cert.listCerts', method: 'LIST', path: '/certs', tag, access: 'policy', audit: 'auth.role-list', work: 'list', errors, summary: 'List entries', input: {}, output: { keys: f.list('Names', f.text('Name', { max: 128 }), { max: 100_000 }) } })
export const readCert = operation({ id: 'cert.readCert', method: 'GET', path: '/certs/:name', tag, access: 'policy', audit: 'auth.role-read', work: 'read', errors, summary: 'Read an entry', input: { name }, output: { ...entry, ocspEnabled: f.bool('Always false'), ...tokenOutput } })
export const writeCert = operation({
  id: 'cert.writeCert', method: 'POST', path: '/certs/:name', tag, access: 'policy', audit: 'auth.role-write', work: 'write', status: 204, errors, summary: 'Make or change an entry',
  input: {
    name, ...allOptional(entry),
    ocspEnabled: f.bool('Not supported: true is refused').optional(), ...tokenFields, policies, ttl, maxTtl, period, boundCidrs,
  }, output: {},
})
export const deleteCert = operation({ id: 'cert.deleteCert', method: 'DELETE', path: '/certs/:name', tag, access: 'policy', audit: 'auth.role-delete', work: 'write', status: 204, errors, summary: 'Delete an entry', input: { name }, output: {} })
const settings = {
  disableBinding: f.bool('Whether a token is renewed without the certificate that it was given for'),
  enableIdentityAliasMetadata: f.bool('Whether the metadata go to the alias, too'),
  ocspCacheSize: f.int('Kept and shown', { min: 0, max: 1_000_000 }),
  roleCacheSize: f.int('Kept and shown', { min: -1, max: 1_000_000 }),
  enableMetadataOnFailures: f.bool('Kept and shown'),
}
export const readConfig = operation({ id: 'cert.readConfig', method: 'GET', path: '/config', tag, access: 'policy', audit: 'auth.config-read', work: 'read', errors, summary: 'Read how the method behaves', input: {}, output: settings })
export const writeConfig = operation({
  id: 'cert.writeConfig', method: 'POST', path: '/config', tag, access: 'policy', audit: 'auth.config-write', work: 'write', status: 204, errors, summary: 'Say how the method behaves',
  input: { disableBinding: settings.disableBinding.optional(), enableIdentityAliasMetadata: settings.enableIdentityAliasMetadata.optional(), ocspCacheSize: settings.ocspCacheSize.optional(), roleCacheSize: settings.roleCacheSize.optional(), enableMetadataOnFailures: settings.enableMetadataOnFailures.optional() }, output: {},
})
const crlName = f.name('Name of the revocation list')
export const listCrls = operation({ id: 'cert.listCrls', method: 'LIST', path: '/crls', tag, access: 'policy', audit: 'auth.crl-list', work: 'list', errors, summary: 'List revocation lists', input: {}, output: { keys: f.list('Names', f.text('Name', { max: 128 }), { max: 100_000 }) } })
export const readCrl = operation({ id: 'cert.readCrl', method: 'GET', path: '/crls/:name', tag, access: 'policy', audit: 'auth.crl-read', work: 'read', errors, summary: 'Read a revocation list', input: { name: crlName }, output: { document: f.json('Where it came from, and serial numbers', { maxBytes: 16 * 1024 * 1024 }) } })
export const writeCrl = operation({
  id: 'cert.writeCrl', method: 'POST', path: '/crls/:name', tag, access: 'policy', audit: 'auth.crl-write', work: 'write', status: 204, errors: [...errors, 'upstream_failed'], summary: 'Set a revocation list, or the address that it is fetched from',
  input: { name: crlName, crl: f.text('The list, PEM', { max: 1_048_576 }).optional(), url: f.text('Where it is fetched from, and again when it has run out', { max: 2048 }).optional() }, output: {},
})
export const deleteCrl = operation({ id: 'cert.deleteCrl', method: 'DELETE', path: '/crls/:name', tag, access: 'policy', audit: 'auth.crl-delete', work: 'write', status: 204, errors, summary: 'Delete a revocation list', input: { name: crlName }, output: {} })
export const login = operation({
  id: 'cert.login', method: 'POST', path: '/login', tag, access: 'public', audit: 'auth.login', work: 'login', errors,
  summary: 'Log in with the client certificate of the connection', input: { name: f.text('Entry; absent: whichever fits', { max: 255 }).optional() }, output: loginOutput,
})
