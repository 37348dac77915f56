// The login with a client certificate: verified by the listener, trusted by an entry, and named as the entry wants.

import { login as loginOf, type AuthParts, type Login, type RenewalCheck } from '../../kernel/auth/method.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { SealedStore } from '../../kernel/ports/sealed-store.ts'
import { CertificateError, findTrusted, parseCertificates, type CheckedCertificate, type CertificateNames } from '../../crypto/x509.ts'
import { globMatches } from '../../lib/jwt-claims.ts'
import { login } from './operations.ts'
import { markOf, roleOfLogin } from '../../kernel/auth/roles.ts'
import type { Revocations } from './crls.ts'
import { CONFIG, certs, configs, noConfig, type CertEntry } from './records.ts'

const refused = (message: string): Error => fail('invalid_request', 'cert.login', message)

/** No pattern allows everything; else one must fit one of the names. */
const allows = (patterns: readonly string[], names: readonly string[]): boolean => patterns.length === 0 || patterns.some((pattern) => names.some((name) => globMatches(pattern, name)))

const matchesNames = (entry: CertEntry, names: CertificateNames): boolean =>
  allows(entry.allowedNames, [names.commonName, ...names.dns, ...names.emails]) &&
  allows(entry.allowedCommonNames, [names.commonName]) &&
  allows(entry.allowedDnsSans, names.dns) &&
  allows(entry.allowedEmailSans, names.emails) &&
  allows(entry.allowedUriSans, names.uris) &&
  allows(entry.allowedOrganizationalUnits, names.organizationalUnits) &&
  allows(entry.allowedOrganizations, names.organizations)

/** Every extension that the entry wants is there with a value that fits. */
const hasExtensions = ({ requiredExtensions }: CertEntry, { extensions }: CheckedCertificate): boolean =>
  requiredExtensions.every((wanted) => {
    const isHex = wanted.startsWith('hex:')
    const rest = isHex ? wanted.slice(4) : wanted
    const at = rest.indexOf(':')
    const found = extensions.get(rest.slice(0, at))
    return found !== undefined && (isHex ? globMatches(rest.slice(at + 1).toLowerCase(), found.hex) : globMatches(rest.slice(at + 1), found.text))
  })

const candidates = async (store: SealedStore, name: string | undefined): Promise<readonly CertEntry[]> => {
  const wanted = name === undefined || name === '' ? await certs.names(store) : [name]
  return (await Promise.all(wanted.map((each) => roleOfLogin(certs, store, each)))).filter((each) => each !== undefined)
}

interface Verified {
  readonly entry: CertEntry
  readonly certificate: CheckedCertificate
}

/** The first entry that trusts the certificate of the connection and that it fits. @throws invalid_request */
const verified = async (parts: AuthParts, revocations: Revocations, call: Call, name: string | undefined): Promise<Verified> => {
  const peer = call.peer?.()
  if (peer === undefined) throw refused('client certificate must be supplied')
  if (!peer.isVerified) throw refused('invalid certificate or no client certificate supplied')
  let isTrusted = false
  for (const entry of await candidates(parts.store(call), name)) {
    const certificate = findTrusted(peer.chain, parseCertificates(entry.certificate), call.now())
    if (certificate === undefined) continue
    isTrusted = true
    if (matchesNames(entry, certificate) && hasExtensions(entry, certificate) && !(await revocations(call, certificate.chainSerials))) return { entry, certificate }
  }
  throw refused(isTrusted ? 'no chain matching all constraints could be found for this login certificate' : 'invalid certificate or no client certificate supplied')
}

const readable = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw error instanceof CertificateError ? refused('the certificate cannot be read') : error
  }
}

const metadataOf = ({ entry, certificate }: Verified): Readonly<Record<string, string>> => {
  const { commonName, serialNumber, fingerprint, subjectKeyId, authorityKeyId, extensions } = certificate
  // Dots end a name in policy templates.
  const more = entry.allowedMetadataExtensions.flatMap((oid) => (extensions.has(oid) ? [[oid.replaceAll('.', '-'), extensions.get(oid)?.text ?? ''] as const] : []))
  return { cert_name: entry.name, common_name: commonName, serial_number: serialNumber, fingerprint, subject_key_id: subjectKeyId, authority_key_id: authorityKeyId, ...Object.fromEntries(more) }
}

export const certLogin = (parts: AuthParts, revocations: Revocations): Login =>
  loginOf(login, {
    nameOf: (input) => input.name,
    verify: (input, call) => readable(async () => {
      const found = await verified(parts, revocations, call, input.name)
      const { entry, certificate } = found
      const metadata = metadataOf(found)
      const config = (await configs.get(parts.remembered(call), CONFIG))?.value ?? noConfig
      return { alias: certificate.commonName, displayName: entry.displayName, kind: 'workload', metadata, aliasMetadata: config.enableIdentityAliasMetadata ? metadata : {}, token: entry.token, role: markOf(certs, entry) }
    }),
  })

/** A token is renewed over a connection with the certificate that it was given for, or one of the same key, while an entry trusts it. */
export const certRenewal = (parts: AuthParts, revocations: Revocations): RenewalCheck => ({ metadata }, call) =>
  readable(async () => {
    const config = (await configs.get(parts.remembered(call), CONFIG))?.value ?? noConfig
    if (config.disableBinding) return
    const { certificate } = await verified(parts, revocations, call, metadata['cert_name'])
    const isSame = certificate.fingerprint === metadata['fingerprint'] || (certificate.subjectKeyId !== '' && certificate.subjectKeyId === metadata['subject_key_id'])
    if (!isSame) throw refused('client identity during renewal not matching client identity used during login')
  })
