// A self-signed ECDSA P-256 certificate for loopback, the same for every server of a run; made with openssl, kept in the bench's cache.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from './places.ts'

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

const files: CertificateFiles = { cert: join(cacheDirectory, 'bench-tls', 'cert.pem'), key: join(cacheDirectory, 'bench-tls', 'key.pem') }

export const makeCertificate = (): CertificateFiles => {
  if (existsSync(files.cert) && existsSync(files.key)) return files
  mkdirSync(join(cacheDirectory, 'bench-tls'), { recursive: true, mode: 0o700 })
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '3650', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', files.key, '-out', files.cert]
  const made = spawnSync('openssl', args, { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.stderr}`)
  return files
}

/** What clients trust when they speak TLS. */
export const certificateAuthority = (): string => readFileSync(makeCertificate().cert, 'utf8')
