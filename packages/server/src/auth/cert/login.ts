// The login with a client certificate: verified by the listener, trusted by an entry, and named as the entry wants.

import { login as loginOf, type AuthParts, type Login } from '../../kernel/auth/method.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { SealedStore } from '../../kernel/ports/sealed-store.ts'
import { CertificateError, findTrusted, parseCertificates, type CheckedCertificate, type CertificateNames } from '../../crypto/x509.ts'
import { globMatches } from '../../lib/jwt-claims.ts'
import { login } from './operations.ts'
import { markOf, roleOfLogin } from '../../kernel/auth/roles.ts'
import { certs, type CertEntry } from './records.ts'

const refused = (message: string): Error => fail('invalid_request', 'cert.login', message)

/** No pattern allows everything; else one must fit one of the names. */
const allows = (patterns: readonly string[], names: readonly string[]): boolean => patterns.length === 0 || patterns.some((pattern) => names.some((name) => globMatches(pattern, name)))

export const matchesNames = (entry: CertEntry, names: CertificateNames): boolean =>
  allows(entry.allowedNames, [names.commonName, ...names.dns, ...names.emails]) &&
  allows(entry.allowedCommonNames, [names.commonName]) &&
  allows(entry.allowedDnsSans, names.dns) &&
  allows(entry.allowedEmailSans, names.emails) &&
  allows(entry.allowedUriSans, names.uris) &&
  allows(entry.allowedOrganizationalUnits, names.organizationalUnits)

const candidates = async (store: SealedStore, name: string | undefined): Promise<readonly CertEntry[]> => {
  const wanted = name === undefined || name === '' ? await certs.names(store) : [name]
  return (await Promise.all(wanted.map((each) => roleOfLogin(certs, store, each)))).filter((each) => each !== undefined)
}

const find = async (parts: AuthParts, call: Call, name: string | undefined): Promise<{ readonly entry: CertEntry; readonly certificate: CheckedCertificate }> => {
  const peer = call.peer?.()
  if (peer === undefined) throw refused('client certificate must be supplied')
  if (!peer.isVerified) throw refused('invalid certificate or no client certificate supplied')
  let isTrusted = false
  for (const entry of await candidates(parts.store(call), name)) {
    const certificate = findTrusted(peer.chain, parseCertificates(entry.certificate), call.now())
    if (certificate === undefined) continue
    isTrusted = true
    if (matchesNames(entry, certificate)) return { entry, certificate }
  }
  throw refused(isTrusted ? 'no chain matching all constraints could be found for this login certificate' : 'invalid certificate or no client certificate supplied')
}

export const certLogin = (parts: AuthParts): Login =>
  loginOf(login, {
    nameOf: (input) => input.name,
    async verify(input, call) {
      try {
        const { entry, certificate } = await find(parts, call, input.name)
        const metadata = { cert_name: entry.name, common_name: certificate.commonName, serial_number: certificate.serialNumber, fingerprint: certificate.fingerprint }
        return { alias: certificate.commonName, displayName: entry.displayName, kind: 'workload', metadata, token: entry.token, role: markOf(certs, entry) }
      } catch (error) {
        throw error instanceof CertificateError ? refused('the certificate cannot be read') : error
      }
    },
  })
