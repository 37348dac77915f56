// Certificates made by openssl for one test file: authorities, one between, and clients with names.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scratchDirectory } from '../support/server.ts'
import type { Scope } from '../support/cleanup.ts'

export interface Made {
  readonly certificate: string
  readonly key: string
  /** Files, for flags. */
  readonly certificateFile: string
  readonly keyFile: string
}

export interface CertificateOptions {
  readonly subject: string
  readonly issuer?: Made
  readonly authority?: boolean
  readonly alternatives?: string
  readonly usage?: string
  readonly days?: number
  /** Lines of an extension file of openssl. */
  readonly more?: readonly string[]
}

export interface CertificateMaker {
  make(options: CertificateOptions): Made
  /** A revocation list of an authority, PEM. */
  revoke(authority: Made, revoked: readonly Made[], life?: readonly string[]): string
}

export const certificateMaker = (scope: Scope): CertificateMaker => {
  const folder = scratchDirectory(scope)
  let count = 0
  return {
    make({ subject, issuer, authority = false, alternatives, usage = 'clientAuth', days = 30, more = [] }) {
      count += 1
      const file = (end: string): string => join(folder, `${count}.${end}`)
      const extensions = [`basicConstraints=critical,CA:${authority ? 'TRUE' : 'FALSE'}`, ...(authority ? ['keyUsage=critical,keyCertSign'] : usage === '' ? [] : [`extendedKeyUsage=${usage}`]), ...(alternatives === undefined ? [] : [`subjectAltName=${alternatives}`]), ...more]
      writeFileSync(file('ext'), extensions.join('\n'))
      const run = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' })
      run('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key'), '-out', file('csr'), '-subj', subject)
      const signer = issuer === undefined ? ['-signkey', file('key')] : ['-CA', issuer.certificateFile, '-CAkey', issuer.keyFile, '-set_serial', String(1000 + count)]
      run('x509', '-req', '-in', file('csr'), ...signer, '-out', file('pem'), '-days', String(days), '-extfile', file('ext'))
      return { certificate: readFileSync(file('pem'), 'utf8'), key: readFileSync(file('key'), 'utf8'), certificateFile: file('pem'), keyFile: file('key') }
    },
    revoke(authority, revoked, life = ['-crldays', '30']) {
      count += 1
      const file = (end: string): string => join(folder, `${count}.${end}`)
      for (const [end, text] of [['index', ''], ['number', '01'], ['cnf', `[ca]\ndefault_ca=own\n[own]\ndatabase=${file('index')}\ncrlnumber=${file('number')}\ndefault_md=sha256\n`]] as const) writeFileSync(file(end), text)
      const run = (...args: readonly string[]): void => void execFileSync('openssl', ['ca', '-config', file('cnf'), '-cert', authority.certificateFile, '-keyfile', authority.keyFile, ...args], { stdio: 'pipe' })
      for (const each of revoked) run('-revoke', each.certificateFile)
      run('-gencrl', ...life, '-out', file('crl'))
      return readFileSync(file('crl'), 'utf8')
    },
  }
}
