// The files that TLS settings name are looked at before anything starts: a worker that met a bad one could only end.

import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'

interface TlsFiles {
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly clientCa: string | undefined
}

interface Candidate {
  readonly key: string
  readonly path: string
  readonly form: string
  /** Throws when the text is not of the form. */
  readonly parse: (pem: string) => unknown
}

/** Node takes anything as `ca` and trusts what it understands of it; an authority alone is a certificate, too. */
const parseCertificates = (pem: string): unknown => createSecureContext({ cert: pem })

const problemOf = ({ key, path, form, parse }: Candidate, from: string): readonly string[] => {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    return [`${key}: must be a file with ${form}, and it cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'}; ${from})`]
  }
  try {
    parse(text)
    return []
  } catch {
    // The reason in OpenSSL's words may quote the file.
    return [`${key}: must be a file with ${form} (${from})`]
  }
}

/** A problem for each file that is not there or not what its setting needs. */
export const checkTlsFiles = (tls: TlsFiles, from: (key: string) => string): readonly string[] => {
  const { cert, key, clientCa } = tls
  if (cert === undefined || key === undefined) return []
  const certificate = problemOf({ key: 'tls.cert', path: cert, form: 'a certificate chain, PEM', parse: parseCertificates }, from('tls.cert'))
  const isPair = (pem: string): unknown => createSecureContext({ key: pem, ...(certificate.length === 0 ? { cert: readFileSync(cert, 'utf8') } : {}) })
  return [
    ...certificate,
    ...problemOf({ key: 'tls.key', path: key, form: 'the private key of tls.cert, PEM, without a passphrase', parse: isPair }, from('tls.key')),
    ...(clientCa === undefined ? [] : problemOf({ key: 'tls.client_ca', path: clientCa, form: 'certificates of authorities, PEM', parse: parseCertificates }, from('tls.client_ca'))),
  ]
}
