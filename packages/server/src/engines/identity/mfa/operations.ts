// The contract of second steps, as Vault has it: methods by TOTP, who must use them, secrets of entities, and finishing a login.

import { loginOutput } from '../../../kernel/auth/method.ts'
import { f } from '../../../kernel/fields.ts'
import { operation } from '../../../kernel/operation.ts'
import { totpAlgorithms } from '../../../kernel/ports/mfa.ts'
import { deleting, document, id, ids, listed, listing, reading, text, writing } from '../common.ts'

const methodId = id('Id of the method')
const base = '/v1/identity/mfa/method'
const wishes = {
  methodName: text('Name by which logins may call it', 128).default(''), issuer: text('Who issues the codes, as authenticators show it', 256).default(''), period: f.duration('How long a code is good', { maxSeconds: 3600 }).default(30), keySize: f.int('Bytes of a secret', { min: 10, max: 128 }).default(20),
  qrSize: f.int('Width of the picture in pixels; 0: none', { min: 0, max: 2000 }).default(200), algorithm: text('SHA1, SHA256 or SHA512', 16).default(totpAlgorithms[0]), digits: f.int('Digits of a code: 6 or 8', { min: 1, max: 10 }).default(6), skew: f.int('How many periods a code may be early or late: 0 or 1', { min: 0, max: 10 }).default(1), maxValidationAttempts: f.int('How many codes may be tried in a period', { min: 0, max: 1000 }).default(5),
}
const made = { methodId: methodId.optional() }

export const listMethods = operation({ ...listing, id: 'identity.listMfaMethods', method: 'LIST', path: base, audit: 'identity.mfa-list', summary: 'List the methods of second steps', input: {}, output: listed })
export const readMethod = operation({ ...reading, id: 'identity.readMfaMethod', method: 'GET', path: `${base}/:method`, audit: 'identity.mfa-read', summary: 'Read a method', input: { method: methodId }, output: { document } })
export const listTotp = operation({ ...listing, id: 'identity.listTotpMethods', method: 'LIST', path: `${base}/totp`, audit: 'identity.mfa-list', summary: 'List the TOTP methods', input: {}, output: listed })
export const createTotp = operation({ ...writing, id: 'identity.createTotpMethod', method: 'POST', path: `${base}/totp`, audit: 'identity.mfa-write', summary: 'Make a TOTP method', input: wishes, output: made })
export const readTotp = operation({ ...reading, id: 'identity.readTotpMethod', method: 'GET', path: `${base}/totp/:method`, audit: 'identity.mfa-read', summary: 'Read a TOTP method', input: { method: methodId }, output: { document } })
export const updateTotp = operation({ ...writing, id: 'identity.updateTotpMethod', method: 'POST', path: `${base}/totp/:method`, audit: 'identity.mfa-write', summary: 'Change a TOTP method; secrets that were made stay as they are', input: { method: methodId, ...wishes }, output: made })
export const deleteTotp = operation({ ...deleting, id: 'identity.deleteTotpMethod', method: 'DELETE', path: `${base}/totp/:method`, audit: 'identity.mfa-delete', summary: 'Delete a TOTP method and the secrets made for it', input: { method: methodId }, output: {} })

const shown = { barcode: f.secret('Picture of the address, PNG in base64', { max: 1024 * 1024 }).optional(), url: f.secret('Address for an authenticator', { max: 4096 }).optional(), warnings: f.list('Warnings', text('Warning', 512), { max: 4 }).optional() }
export const generate = operation({ ...writing, id: 'identity.generateTotp', method: 'POST', path: `${base}/totp/generate`, audit: 'identity.mfa-generate', summary: 'Make your own secret of a method; it is shown once', input: { methodId }, output: shown })
export const adminGenerate = operation({ ...writing, id: 'identity.adminGenerateTotp', method: 'POST', path: `${base}/totp/admin-generate`, audit: 'identity.mfa-generate', summary: 'Make an entity\'s secret of a method; it is shown once', input: { methodId, entityId: id('Id of the entity') }, output: shown })
export const adminDestroy = operation({ ...writing, status: 204, id: 'identity.adminDestroyTotp', method: 'POST', path: `${base}/totp/admin-destroy`, audit: 'identity.mfa-destroy', summary: 'Delete an entity\'s secret of a method', input: { methodId, entityId: id('Id of the entity') }, output: {} })

const name = text('Name', 256)
const place = '/v1/identity/mfa/login-enforcement'
export const listEnforcements = operation({ ...listing, id: 'identity.listEnforcements', method: 'LIST', path: place, audit: 'identity.enforcement-list', summary: 'List which logins need a second step', input: {}, output: listed })
export const readEnforcement = operation({ ...reading, id: 'identity.readEnforcement', method: 'GET', path: `${place}/:name`, audit: 'identity.enforcement-read', summary: 'Read which logins need a second step', input: { name }, output: { document } })
export const writeEnforcement = operation({
  ...writing, status: 204, id: 'identity.writeEnforcement', method: 'POST', path: `${place}/:name`, audit: 'identity.enforcement-write', summary: 'Say which logins need a second step',
  input: { name, mfaMethodIds: ids('Methods, one of which will do').default([]), authMethodAccessors: ids('Accessors of auth methods').default([]), authMethodTypes: f.list('Types of auth methods', text('Type', 64), { max: 100 }).default([]), identityGroupIds: ids('Groups').default([]), identityEntityIds: ids('Entities').default([]) }, output: {},
})
export const deleteEnforcement = operation({ ...deleting, id: 'identity.deleteEnforcement', method: 'DELETE', path: `${place}/:name`, audit: 'identity.enforcement-delete', summary: 'Ask these logins for a second step no more', input: { name }, output: {} })

const errors = ['invalid_request', 'unauthenticated', 'permission_denied', 'not_found', 'sealed', 'unavailable'] as const
export const validate = operation({
  id: 'identity.validateMfa', method: 'POST', path: '/v1/sys/mfa/validate', tag: 'system', access: 'public', audit: 'auth.login', work: 'anonymous', errors, summary: 'Finish a login with its second step',
  input: { mfaRequestId: id('Id that the login was answered with'), mfaPayload: f.json('Passcodes by id of the method', { maxBytes: 16_384 }) }, output: loginOutput,
})
