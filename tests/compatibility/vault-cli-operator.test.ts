// needs: vault
// The operator's commands of Vault's own program, on a server that nobody has opened yet.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { Json } from '../support/http.ts'
import { scratchDirectory, startServer } from '../support/server.ts'

const scope = { after }
const home = scratchDirectory(scope)
const server = await startServer(scope, {
  args: ['server', '--data-dir', join(home, 'data'), '--seal', 'shamir', '--workers', '1', '--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB'],
})
const program = process.env['COFFER_TEST_VAULT'] ?? 'vault'

/** Fails with what the program wrote unless it ends with this code; `status` of a sealed server ends with 2. */
const run = async (args: readonly string[], { token, code = 0 }: { readonly token?: string; readonly code?: number } = {}): Promise<string> => {
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, VAULT_ADDR: server.address, VAULT_FORMAT: 'json', ...(token === undefined ? {} : { VAULT_TOKEN: token }) }
  const outcome = await promisify(execFile)(program, args, { env, cwd: home }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { readonly code: number; readonly stdout: string; readonly stderr: string }) => error,
  )
  assert.equal(outcome.code, code, `vault ${args.join(' ')}: ${outcome.stderr}${outcome.stdout}`)
  return outcome.stdout
}
const json = async (args: readonly string[], options = {}): Promise<Json> => JSON.parse(await run(args, options)) as Json

describe('vault operator, from init to seal', () => {
  let shares: readonly string[] = []
  let token = ''

  test('status of a server without keys says so', async () => {
    const status = await json(['status'], { code: 2 })
    assert.equal(status['initialized'], false)
    assert.equal(status['sealed'], true)
    await run(['operator', 'init', '-status'], { code: 2 })
  })

  test('init gives shares and a root token, and two of three shares unseal', async () => {
    const made = await json(['operator', 'init', '-key-shares=3', '-key-threshold=2'])
    shares = made['unseal_keys_b64'] as string[]
    token = made['root_token'] as string
    assert.equal(shares.length, 3)
    assert.equal((await json(['operator', 'unseal', shares[0] ?? '']))['progress'], 1)
    assert.equal((await json(['operator', 'unseal', shares[2] ?? '']))['sealed'], false)
    await run(['operator', 'init', '-status'])
    assert.equal((await json(['token', 'lookup'], { token }))['data'].policies[0], 'root')
  })

  test('rotate begins a new term', async () => {
    const { term } = await json(['operator', 'key-status'], { token })
    await run(['operator', 'rotate'], { token })
    assert.equal((await json(['operator', 'key-status'], { token }))['term'], Number(term) + 1)
  })

  test('rekey with verification replaces the shares, and can be given up', async () => {
    const given = await json(['operator', 'rekey', '-init', '-key-shares=1', '-key-threshold=1'])
    await run(['operator', 'rekey', '-cancel', `-nonce=${given['nonce']}`])
    assert.equal((await json(['operator', 'rekey', '-status']))['started'], false)
    const { nonce } = await json(['operator', 'rekey', '-init', '-verify', '-key-shares=2', '-key-threshold=2'])
    await run(['operator', 'rekey', `-nonce=${nonce}`, shares[0] ?? ''])
    const made = await json(['operator', 'rekey', `-nonce=${nonce}`, shares[1] ?? ''])
    const fresh = made['keys_base64'] as string[]
    assert.equal(fresh.length, 2)
    const verification = made['verification_nonce'] as string
    await run(['operator', 'rekey', '-verify', `-nonce=${verification}`, fresh[0] ?? ''])
    assert.match(await run(['operator', 'rekey', '-verify', `-nonce=${verification}`, fresh[1] ?? '']), /verification successful/)
    shares = fresh
  })

  test('generate-root makes a root token of the shares and a one-time password', async () => {
    const { nonce, otp } = await json(['operator', 'generate-root', '-init'])
    await run(['operator', 'generate-root', `-nonce=${nonce}`, shares[0] ?? ''])
    const { encoded_token } = await json(['operator', 'generate-root', `-nonce=${nonce}`, shares[1] ?? ''])
    const { token: made } = await json(['operator', 'generate-root', `-decode=${encoded_token}`, `-otp=${otp}`])
    assert.equal((await json(['token', 'lookup'], { token: made as string }))['data'].policies[0], 'root')
  })

  test('seal closes, and only the new shares open it', async () => {
    await run(['operator', 'seal'], { token })
    assert.equal((await json(['status'], { code: 2 }))['sealed'], true)
    for (const share of shares) await run(['operator', 'unseal', share])
    assert.equal((await json(['status']))['sealed'], false)
  })
})
