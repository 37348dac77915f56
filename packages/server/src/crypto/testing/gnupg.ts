// GnuPG with a home of its own, for tests of what is encrypted to people.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Gnupg {
  makeKey(name: string, algorithm: string, usage?: string): { readonly publicKey: Buffer; readonly fingerprint: string }
  exportSecretKey(fingerprint: string): Buffer
  decrypt(message: Buffer): Buffer
}

interface Scope {
  after(work: () => void): void
}

/** Socket paths are bounded by some 100 bytes, so the home lies directly below the temporary directory. */
export const makeGnupgHome = (scope: Scope): Gnupg => {
  const home = mkdtempSync(join(tmpdir(), 'gpg-'))
  const run = (args: readonly string[], input?: Buffer): Buffer => {
    const done = spawnSync('gpg', ['--homedir', home, '--batch', '--quiet', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], { input, maxBuffer: 1024 * 1024 })
    if (done.status !== 0) throw new Error(`gpg ${args.join(' ')} ended with ${String(done.status)}: ${done.stderr.toString()}`)
    return done.stdout
  }
  scope.after(() => {
    spawnSync('gpgconf', ['--homedir', home, '--kill', 'all'])
    rmSync(home, { recursive: true, force: true, maxRetries: 3 })
  })
  return {
    makeKey(name, algorithm, usage = 'default') {
      const id = `${name} <${name}@example.test>`
      run(['--quick-generate-key', id, algorithm, usage, 'never'])
      const lines = run(['--with-colons', '--list-keys', `=${id}`]).toString().split('\n')
      const fingerprint = (lines.find((line) => line.startsWith('fpr:'))?.split(':')[9] ?? '').toLowerCase()
      // `default` names both keys; any other algorithm makes the primary alone.
      if (usage === 'default' && algorithm.startsWith('rsa')) run(['--quick-add-key', fingerprint, algorithm, 'encr', 'never'])
      return { publicKey: run(['--export', fingerprint]), fingerprint }
    },
    exportSecretKey: (fingerprint) => run(['--export-secret-keys', fingerprint]),
    decrypt: (message) => run(['--decrypt'], message),
  }
}
