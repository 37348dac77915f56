// Identity tokens for workloads: the issuer, keys, roles, and tokens.

import { f } from '../../../kernel/fields.ts'
import { implement, operation, type Implemented } from '../../../kernel/operation.ts'
import type { OidcPort } from '../../../kernel/ports/oidc.ts'
import { reveal } from '../../../crypto/secret.ts'
import { deleting, listed, listing, mayLookUp, mayRead, mayReveal, mayWrite, reading, text, writing } from '../common.ts'
import { named, nameOf, seconds, template, texts, warnings } from './fields.ts'

const base = '/v1/identity/oidc'
const issuer = text('Scheme, host and port of the addresses that tokens name as their issuer; empty: the server\'s own', 512)
const key = { rotationPeriod: seconds('How often a new pair signs'), verificationTtl: seconds('How long a pair that signed stays published'), allowedClientIds: texts('Client ids of roles and clients that the key signs for; * for all'), algorithm: text('RS256, RS384, RS512, ES256, ES384, ES512 or EdDSA', 64) }
const role = { key: text('Key that signs', 256), template, ttl: seconds('How long tokens live'), clientId: text('Audience of the tokens', 512) }
const optional = { rotationPeriod: key.rotationPeriod.optional(), verificationTtl: key.verificationTtl.optional(), allowedClientIds: key.allowedClientIds.optional(), algorithm: key.algorithm.optional() }
const optionalRole = { key: role.key.optional(), template: role.template.optional(), ttl: role.ttl.optional(), clientId: role.clientId.optional() }
const keyName = nameOf('key')
const roleName = nameOf('role')

export const readOidcConfig = operation({ ...reading, id: 'identity.readOidcConfig', method: 'GET', path: `${base}/config`, audit: 'identity.oidc-config-read', summary: 'Read under which address identity tokens are issued', input: {}, output: { issuer } })
export const writeOidcConfig = operation({ ...writing, id: 'identity.writeOidcConfig', method: 'POST', path: `${base}/config`, audit: 'identity.oidc-config-write', summary: 'Set under which address identity tokens are issued', input: { issuer: issuer.optional() }, output: { warnings } })
export const writeOidcKey = operation({ ...writing, id: 'identity.writeOidcKey', method: 'POST', path: `${base}/key/:name`, audit: 'identity.oidc-key-write', summary: 'Make or change a key that signs identity tokens', input: { name: keyName, ...optional }, output: { warnings } })
export const readOidcKey = operation({ ...reading, id: 'identity.readOidcKey', method: 'GET', path: `${base}/key/:name`, audit: 'identity.oidc-key-read', summary: 'Read how a key is used and rotated', input: { name: keyName }, output: key })
export const deleteOidcKey = operation({ ...deleting, id: 'identity.deleteOidcKey', method: 'DELETE', path: `${base}/key/:name`, audit: 'identity.oidc-key-delete', summary: 'Delete a key that nothing uses', input: { name: keyName }, output: {} })
export const listOidcKeys = operation({ ...listing, id: 'identity.listOidcKeys', method: 'LIST', path: `${base}/key`, audit: 'identity.oidc-key-list', summary: 'List keys that sign identity tokens', input: {}, output: listed })
export const rotateOidcKey = operation({ ...writing, id: 'identity.rotateOidcKey', method: 'POST', path: `${base}/key/:name/rotate`, audit: 'identity.oidc-key-rotate', summary: 'Rotate a key now', input: { name: keyName, verificationTtl: seconds('How long the pair that signed until now stays published, instead of what the key says').optional() }, output: {} })
export const writeOidcRole = operation({ ...writing, id: 'identity.writeOidcRole', method: 'POST', path: `${base}/role/:name`, audit: 'identity.oidc-role-write', summary: 'Make or change a role that identity tokens are made by', input: { name: roleName, ...optionalRole }, output: { warnings } })
export const readOidcRole = operation({ ...reading, id: 'identity.readOidcRole', method: 'GET', path: `${base}/role/:name`, audit: 'identity.oidc-role-read', summary: 'Read a role of identity tokens', input: { name: roleName }, output: role })
export const deleteOidcRole = operation({ ...deleting, id: 'identity.deleteOidcRole', method: 'DELETE', path: `${base}/role/:name`, audit: 'identity.oidc-role-delete', summary: 'Delete a role of identity tokens', input: { name: roleName }, output: {} })
export const listOidcRoles = operation({ ...listing, id: 'identity.listOidcRoles', method: 'LIST', path: `${base}/role`, audit: 'identity.oidc-role-list', summary: 'List roles of identity tokens', input: {}, output: listed })
export const makeIdentityToken = operation({
  ...reading, id: 'identity.makeToken', method: 'GET', path: `${base}/token/:name`, audit: 'identity.oidc-token', summary: 'Get a signed token that says who calls', description: 'Whoever trusts the issuer can verify it under the keys that are published.',
  input: { name: roleName }, output: { token: f.secret('JSON Web Token', { max: 256 * 1024 }), clientId: role.clientId, ttl: seconds('How long it lives'), warnings },
})
export const introspectToken = operation({
  ...writing, id: 'identity.introspectToken', method: 'POST', path: `${base}/introspect`, bare: true, orNothing: false, work: 'read', audit: 'identity.oidc-introspect', summary: 'Ask whether an identity token is valid, and whoever it is about still active',
  input: { token: f.secret('Identity token', { max: 64 * 1024 }).optional(), clientId: text('Audience that it must have').default('') }, output: { active: f.bool('Whether it is'), error: text('Why not', 1024).optional() },
})

const settings = (oidc: OidcPort): readonly Implemented[] =>
  implement({ readOidcConfig, writeOidcConfig }, {
    async readOidcConfig(_input, call) {
      mayRead(call, 'oidc/config')
      return { issuer: await oidc.issuer(call.orgId) }
    },
    async writeOidcConfig(input, call) {
      const grant = mayWrite(call, 'oidc/config')
      const found = input.issuer === undefined ? [] : await oidc.setIssuer(grant, call, input.issuer)
      return found.length === 0 ? {} : { warnings: found }
    },
  })

const keys = (oidc: OidcPort): readonly Implemented[] => {
  const records = named(oidc.keys, 'key')
  return implement({ writeOidcKey, readOidcKey, deleteOidcKey, listOidcKeys, rotateOidcKey }, {
    writeOidcKey: (input, call) => records.write(input, call),
    readOidcKey: (input, call) => records.read(input, call),
    deleteOidcKey: (input, call) => records.remove(input, call),
    listOidcKeys: async (_input, call) => ({ keys: await records.names(call) }),
    async rotateOidcKey(input, call) {
      await oidc.rotate(mayWrite(call, `oidc/key/${input.name}/rotate`), call, input.name, input.verificationTtl)
      return {}
    },
  })
}

const roles = (oidc: OidcPort): readonly Implemented[] => {
  const records = named(oidc.roles, 'role')
  return implement({ writeOidcRole, readOidcRole, deleteOidcRole, listOidcRoles }, {
    writeOidcRole: (input, call) => records.write(input, call),
    readOidcRole: (input, call) => records.read(input, call),
    deleteOidcRole: (input, call) => records.remove(input, call),
    listOidcRoles: async (_input, call) => ({ keys: await records.names(call) }),
  })
}

const tokens = (oidc: OidcPort): readonly Implemented[] =>
  implement({ makeIdentityToken, introspectToken }, {
    async makeIdentityToken(input, call) {
      const { warnings: found, ...made } = await oidc.token(mayReveal(call, `oidc/token/${input.name}`), call, input.name)
      return { ...made, ...(found.length === 0 ? {} : { warnings: found }) }
    },
    async introspectToken(input, call) {
      const token = input.token === undefined ? '' : reveal(input.token, 'an identity token, to be verified')
      const error = await oidc.introspect(mayLookUp(call, 'oidc/introspect'), call, token, input.clientId)
      return error === undefined ? { active: true } : { active: false, error }
    },
  })

export const tokenOperations = (oidc: OidcPort): readonly Implemented[] => [...settings(oidc), ...keys(oidc), ...roles(oidc), ...tokens(oidc)]
