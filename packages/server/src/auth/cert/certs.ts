// Entries: which certificates are trusted, and what a client's must say.

import type { AuthParts } from '../../kernel/auth/method.ts'
import { roleBook, roleKey } from '../../kernel/auth/roles.ts'
import { applyTokenFields, noTokenSettings, showTokenSettings } from '../../kernel/auth/token-settings.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { CertificateError, isForClients, parseCertificates } from '../../crypto/x509.ts'
import { deleteCert, listCerts, readCert, writeCert } from './operations.ts'
import { certs, type CertEntry } from './records.ts'

const operations = { listCerts, readCert, writeCert, deleteCert }
type Input = Parameters<Handlers<typeof operations>['writeCert']>[0]

const invalid = (field: string, message: string, cause?: unknown): Error => fail('invalid_request', 'cert.entry', message, { field, cause })
const noEntry = (): Error => fail('not_found', 'cert.entry_not_found', 'There is no such entry.')

const newEntry = (name: string, uid: string): CertEntry => ({
  v: 1, uid, name, certificate: '', displayName: name, allowedNames: [], allowedCommonNames: [], allowedDnsSans: [], allowedEmailSans: [], allowedUriSans: [], allowedOrganizationalUnits: [], allowedOrganizations: [], requiredExtensions: [], allowedMetadataExtensions: [], token: noTokenSettings,
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

const OID = /^[0-2](\.\d{1,20}){1,40}$/

/** An entry that no certificate could ever meet is a mistake, and is said at once. */
const checkRequired = (wanted: readonly string[]): readonly string[] => {
  for (const each of wanted) if (!/^(hex:)?[0-2](\.\d{1,20}){1,40}:/.test(each)) throw invalid('required_extensions', 'required_extensions are oid:value or hex:oid:value')
  return wanted
}

const checkOids = (oids: readonly string[]): readonly string[] => {
  for (const each of oids) if (!OID.test(each)) throw invalid('allowed_metadata_extensions', 'allowed_metadata_extensions are object identifiers')
  return oids
}

const changed = (before: CertEntry, input: Input): CertEntry => {
  if (input.ocspEnabled === true) throw invalid('ocsp_enabled', 'OCSP is not supported: a revoked certificate is known by a revocation list (crls)')
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
    allowedOrganizations: input.allowedOrganizations ?? before.allowedOrganizations,
    requiredExtensions: checkRequired(input.requiredExtensions ?? before.requiredExtensions),
    allowedMetadataExtensions: checkOids(input.allowedMetadataExtensions ?? before.allowedMetadataExtensions),
    token: applyTokenFields(before.token, input, input),
  }
}

const shown = ({ v: _v, uid: _uid, name: _name, token, ...entry }: CertEntry) => ({ ...entry, ocspEnabled: false, ...showTokenSettings(token) })

export const certOperations = (parts: AuthParts): readonly Implemented[] => {
  // Vault knows no create here: it is always an update.
  const book = roleBook(parts, { records: certs, path: 'certs', none: noEntry, isUpsert: true })
  return implement(operations, {
    listCerts: book.list,
    readCert: async (input, call) => shown(await book.read(input.name, call)),
    writeCert: (input, call) => book.write(input.name, call, (before, uid) => changed(before ?? newEntry(roleKey(input.name), uid), input)),
    deleteCert: (input, call) => book.delete(input.name, call),
  })
}
