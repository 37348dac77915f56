import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeServerCertificate } from '../../../../tests/support/certificate.ts'
import { loadConfig } from '../config/config.ts'
import { devGuide, newcomersGuide, readyLine, type Announcement } from './announce.ts'

const token = 'hvs.kestrel42'
const announcement = (argv: readonly string[] = []): Announcement => ({
  config: loadConfig({ command: 'start', argv, environment: {} }),
  status: { initialized: true, sealed: false, type: 'keyfile', recoverySeal: true, shares: 0, threshold: 0, progress: 0, nonce: '', version: '0' },
  rootToken: token,
})

test('the first token is shown on a terminal and nowhere else', () => {
  assert.match(newcomersGuide(announcement(), true), /hvs\.kestrel42/)
  assert.match(devGuide(announcement(), true), /hvs\.kestrel42/)
  for (const text of [newcomersGuide(announcement(), false), devGuide(announcement(), false), readyLine(announcement())]) assert.doesNotMatch(text, /kestrel42/)
  assert.doesNotMatch(newcomersGuide({ ...announcement(), rootToken: undefined }, true), /first token/)
})

test('the guide names the data directory as a person would, and the address with its scheme', (t) => {
  assert.match(newcomersGuide(announcement(), false), /login --data-dir \.\/data$/m)
  assert.match(newcomersGuide(announcement(['--data-dir', '/srv/coffer']), false), /login --data-dir \/srv\/coffer$/m)
  assert.equal(readyLine(announcement()), 'coffer: ready at http://127.0.0.1:8200 (unsealed)\n')
  const folder = mkdtempSync(join(tmpdir(), 'coffer-announce-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [made, certificate, key] = [makeServerCertificate(), join(folder, 'cert.pem'), join(folder, 'key.pem')]
  writeFileSync(certificate, made.certificate)
  writeFileSync(key, made.key)
  const tls = announcement(['--tls-cert', certificate, '--tls-key', key])
  assert.match(readyLine({ ...tls, status: { ...tls.status, initialized: false } }), /^coffer: ready at https:\/\/127\.0\.0\.1:8200 \(not initialised\)$/m)
})
