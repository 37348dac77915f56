// Which directory is asked, and how. The password of binddn goes in and never comes out, nor to another directory.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { applyTokenFields, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { reveal } from '../../crypto/secret.ts'
import { certificatesFit } from '../../crypto/x509.ts'
import { render, templateNames } from './names.ts'
import { readConfig, writeConfig } from './operations.ts'
import { CONFIG, configs, defaultConfig, type Config } from './records.ts'

const operations = { readConfig, writeConfig }
type Input = Parameters<Handlers<typeof operations>['writeConfig']>[0]

const MAX_ADDRESSES = 10
const FILTER_WARNING = 'userfilter configured does not consider userattr and may result in colliding entity aliases on logins'
const CLEAR_WARNING = 'Passwords go to the directory in the clear: use ldaps:// or starttls.'

const invalid = (field: string, message: string): Error => fail('invalid_request', 'ldap.config', message, { field })

const checkedUrl = (given: string): string => {
  const addresses = given.toLowerCase().split(',').map((each) => each.trim())
  if (addresses.length > MAX_ADDRESSES) throw invalid('url', `at most ${MAX_ADDRESSES} addresses can be given`)
  for (const address of addresses) if (!/^ldaps?:\/\/[^/?#@\s]+\/?$/.test(address) || !URL.canParse(address)) throw invalid('url', `${JSON.stringify(address.slice(0, 100))} is no ldap:// or ldaps:// address without path, user or query`)
  return addresses.join(',')
}

const versionOf = (field: string, given: string | undefined, before: 'TLSv1.2' | 'TLSv1.3'): 'TLSv1.2' | 'TLSv1.3' => {
  if (given === undefined) return before
  if (given === 'tls12') return 'TLSv1.2'
  if (given === 'tls13') return 'TLSv1.3'
  throw invalid(field, `invalid '${field}'`)
}

const shownVersion = (version: 'TLSv1.2' | 'TLSv1.3'): string => (version === 'TLSv1.2' ? 'tls12' : 'tls13')

const checkedFilter = (parts: AuthParts, field: string, filter: string, names: readonly string[]): string => {
  if (filter === '') return filter
  const used = templateNames(filter)
  const unknown = used?.find((each) => !names.includes(each))
  if (used === undefined || unknown !== undefined) throw invalid(field, `invalid ${field}: a template names ${names.map((each) => `{{.${each}}}`).join(' and ')}, and nothing else`)
  const fault = parts.directories.filterFault(render(filter, Object.fromEntries(names.map((each) => [each, 'x']))))
  if (fault !== undefined) throw invalid(field, `invalid ${field}: ${fault}`)
  return filter
}

const tlsOf = (input: Input, before: Config['tls']): Config['tls'] => {
  const tls: Config['tls'] = {
    startTls: input.starttls ?? before.startTls,
    insecure: input.insecureTls ?? before.insecure,
    caPem: input.certificate ?? before.caPem,
    clientCertificatePem: input.clientTlsCert ?? before.clientCertificatePem,
    clientKeyPem: input.clientTlsKey === undefined ? before.clientKeyPem : reveal(input.clientTlsKey, 'to be sealed'),
    minVersion: versionOf('tls_min_version', input.tlsMinVersion, before.minVersion),
    maxVersion: versionOf('tls_max_version', input.tlsMaxVersion, before.maxVersion),
  }
  if (tls.maxVersion < tls.minVersion) throw invalid('tls_max_version', "'tls_max_version' must be greater than or equal to 'tls_min_version'")
  if (tls.caPem !== '' && !certificatesFit(tls.caPem)) throw invalid('certificate', 'failed to parse server tls cert: failed to decode PEM block in the certificate')
  if ((tls.clientCertificatePem === '') !== (tls.clientKeyPem === '')) throw invalid('client_tls_cert', 'both client_tls_cert and client_tls_key must be set')
  if (tls.clientCertificatePem !== '' && !certificatesFit(tls.clientCertificatePem, tls.clientKeyPem)) throw invalid('client_tls_cert', 'failed to parse client X509 key pair')
  return tls
}

/** A password stays where nothing is said of it only while it would go to the same place, under the same name, no less protected. */
const keptPassword = (before: Config, after: { readonly url: string; readonly bindName: string; readonly tls: Config['tls'] }): string => {
  const isSame = before.url === after.url && before.bindName === after.bindName
  const isWeaker = (after.tls.insecure && !before.tls.insecure) || (before.tls.startTls && !after.tls.startTls) || before.tls.caPem !== after.tls.caPem
  return isSame && !isWeaker ? before.bindPassword : ''
}

const configOf = (parts: AuthParts, input: Input, before: Config): Config => {
  if (input.denyNullBind === false) throw invalid('deny_null_bind', 'deny_null_bind cannot be false: a directory answers an empty password with success, whoever asks')
  if (input.usePre111GroupCnBehavior === true) throw invalid('use_pre111_group_cn_behavior', 'use_pre111_group_cn_behavior is not supported')
  const url = input.url === undefined ? before.url : checkedUrl(input.url)
  const tls = tlsOf(input, before.tls)
  const bindName = input.binddn ?? before.bindName
  return {
    v: 1, url, tls, bindName,
    bindPassword: input.bindpass === undefined ? keptPassword(before, { url, bindName, tls }) : reveal(input.bindpass, 'to be sealed'),
    userBase: input.userdn ?? before.userBase,
    userAttribute: (input.userattr ?? before.userAttribute).toLowerCase() || 'cn',
    userFilter: input.userfilter === undefined ? before.userFilter : checkedFilter(parts, 'userfilter', input.userfilter, ['UserAttr', 'Username']),
    upnDomain: input.upndomain ?? before.upnDomain,
    samAccountNames: input.enableSamaccountnameLogin ?? before.samAccountNames,
    discover: input.discoverdn ?? before.discover,
    anonymousGroupSearch: input.anonymousGroupSearch ?? before.anonymousGroupSearch,
    groupBase: input.groupdn ?? before.groupBase,
    groupFilter: input.groupfilter === undefined ? before.groupFilter : checkedFilter(parts, 'groupfilter', input.groupfilter, ['UserDN', 'Username']),
    groupAttribute: (input.groupattr ?? before.groupAttribute) || 'cn',
    useTokenGroups: input.useTokenGroups ?? before.useTokenGroups,
    caseSensitive: input.caseSensitiveNames ?? before.caseSensitive,
    usernameAsAlias: input.usernameAsAlias ?? before.usernameAsAlias,
    requestTimeoutSeconds: input.requestTimeout ?? before.requestTimeoutSeconds,
    connectionTimeoutSeconds: input.connectionTimeout ?? before.connectionTimeoutSeconds,
    dereference: input.dereferenceAliases ?? before.dereference,
    pageSize: Math.max(0, input.maxPageSize ?? before.pageSize),
    token: applyTokenFields(before.token, input),
  }
}

const ATTRIBUTE = /^[A-Za-z0-9][A-Za-z0-9.;-]*$/

/** @throws invalid_request for attributes that would be part of a filter as more than a name */
const checked = (config: Config): Config => {
  if (!ATTRIBUTE.test(config.userAttribute)) throw invalid('userattr', 'userattr is not the name of an attribute')
  if (!ATTRIBUTE.test(config.groupAttribute)) throw invalid('groupattr', 'groupattr is not the name of an attribute')
  if (!/^[A-Za-z0-9.-]*$/.test(config.upnDomain)) throw invalid('upndomain', 'upndomain is not a domain')
  return config
}

const warningsOf = (config: Config): readonly string[] => [
  ...(config.userFilter === '' || config.userFilter.includes(config.userAttribute) || templateNames(config.userFilter)?.includes('UserAttr') === true ? [] : [FILTER_WARNING]),
  ...(config.tls.startTls || config.url.split(',').every((each) => each.startsWith('ldaps:') || /^ldap:\/\/(localhost|127\.[\d.]+|\[::1\])(:|\/|$)/.test(each)) ? [] : [CLEAR_WARNING]),
]

const shown = (config: Config) => ({
  url: config.url, starttls: config.tls.startTls, insecureTls: config.tls.insecure, tlsMinVersion: shownVersion(config.tls.minVersion), tlsMaxVersion: shownVersion(config.tls.maxVersion), certificate: config.tls.caPem,
  binddn: config.bindName, userdn: config.userBase, userattr: config.userAttribute, userfilter: config.userFilter, upndomain: config.upnDomain, enableSamaccountnameLogin: config.samAccountNames,
  discoverdn: config.discover, anonymousGroupSearch: config.anonymousGroupSearch, denyNullBind: true, groupdn: config.groupBase, groupfilter: config.groupFilter, groupattr: config.groupAttribute,
  useTokenGroups: config.useTokenGroups, usePre111GroupCnBehavior: false, caseSensitiveNames: config.caseSensitive, usernameAsAlias: config.usernameAsAlias, requestTimeout: config.requestTimeoutSeconds,
  connectionTimeout: config.connectionTimeoutSeconds, dereferenceAliases: config.dereference, maxPageSize: config.pageSize, ...showTokenSettings(config.token),
})

export const configOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async readConfig(_input, call) {
      authorised(call, 'read', 'config')
      const config = (await configs.get(parts.store(call), CONFIG))?.value ?? defaultConfig
      const warnings = warningsOf(config)
      return { ...shown(config), ...(warnings.length === 0 ? {} : { warnings }) }
    },
    async writeConfig(input, call) {
      authorised(call, 'update', 'config')
      const store = parts.store(call)
      const before = await configs.get(store, CONFIG)
      const config = checked(configOf(parts, input, before?.value ?? defaultConfig))
      await store.change((view) => configs.put(view, CONFIG, config, { cas: before?.version ?? 0 }))
      return {}
    },
  })
