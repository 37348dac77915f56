// Entries: which certificates are trusted, and what a client's must say.

import { authorised, type AuthParts } from '../../kernel/auth/method.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { CertificateError, isForClients, parseCertificates } from '../../crypto/x509.ts'
import { deleteCert, listCerts, readCert, writeCert } from './operations.ts'
import { certKey, certs, type CertEntry } from './records.ts'

const operations = { listCerts, readCert, writeCert, deleteCert }
type Input = Parameters<Handlers<typeof operations>['writeCert']>[0]

const invalid = (field: string, message: string, cause?: unknown): Error => fail('invalid_request', 'cert.entry', message, { field, cause })
const noEntry = (): Error => fail('not_found', 'cert.entry_not_found', 'There is no such entry.')

const newEntry = (name: string): CertEntry => ({
  v: 1, name, certificate: '', displayName: name, allowedNames: [], allowedCommonNames: [], allowedDnsSans: [], allowedEmailSans: [], allowedUriSans: [], allowedOrganizationalUnits: [], token: noTokenSettings,
})

/** @throws invalid_request for a PEM that holds none, and for a client's certificate that is not for clients */
const checkCertificate = (pem: string): string => {
  try {
    const [first] = parseCertificates(pem)
    if (first !== undefined && !first.ca && !isForClients(first)) throw invalid('certificate', 'nonCA certificates should have TLS client authentication set as an extended key usage')
    return pem
  } catch (error) {
    if (error instanceof CertificateError) throw invalid('certificate', 'failed to parse certificate', error)
    throw error
  }
}

const changed = (before: CertEntry, input: Input): CertEntry => {
  if ((input.requiredExtensions?.length ?? 0) > 0) throw invalid('required_extensions', 'required_extensions is not supported')
  if (input.ocspEnabled === true) throw invalid('ocsp_enabled', 'OCSP is not supported')
  return {
    ...before,
    certificate: checkCertificate(input.certificate ?? before.certificate),
    displayName: input.displayName ?? before.displayName,
    allowedNames: input.allowedNames ?? before.allowedNames,
    allowedCommonNames: input.allowedCommonNames ?? before.allowedCommonNames,
    allowedDnsSans: input.allowedDnsSans ?? before.allowedDnsSans,
    allowedEmailSans: input.allowedEmailSans ?? before.allowedEmailSans,
    allowedUriSans: input.allowedUriSans ?? before.allowedUriSans,
    allowedOrganizationalUnits: input.allowedOrganizationalUnits ?? before.allowedOrganizationalUnits,
    token: applyTokenFields(before.token, input, input),
  }
}

export const certOperations = (parts: AuthParts): readonly Implemented[] =>
  implement(operations, {
    async listCerts(_input, call) {
      authorised(call, 'list', 'certs/')
      const keys = await certs.names(parts.store(call))
      if (keys.length === 0) throw noEntry()
      return { keys }
    },
    async readCert(input, call) {
      authorised(call, 'read', `certs/${input.name}`)
      const found = (await certs.get(parts.store(call), certKey(input.name)))?.value
      if (found === undefined) throw noEntry()
      const { v: _v, name: _name, token, ...entry } = found
      return { ...entry, ...showTokenSettings(token) }
    },
    async writeCert(input, call) {
      const store = parts.store(call)
      const before = await certs.get(store, certKey(input.name))
      // Vault knows no create here: it is always an update.
      authorised(call, 'update', `certs/${input.name}`)
      const entry = changed(before?.value ?? newEntry(certKey(input.name)), input)
      await store.change((view) => certs.put(view, certKey(input.name), entry, { cas: before?.version ?? 0 }))
      return {}
    },
    async deleteCert(input, call) {
      authorised(call, 'delete', `certs/${input.name}`)
      await parts.store(call).change((view) => certs.delete(view, certKey(input.name)))
      return {}
    },
  })
