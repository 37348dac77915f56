// needs: python-clients, vault
// The ceremonies as unmodified clients do them: Vault's own command line, and hvac.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { exchange, type Json } from '../support/http.ts'
import { scratchDirectory, startServer, type Server } from '../support/server.ts'
import type { Scope } from '../support/cleanup.ts'
import { until } from '../support/wait.ts'

const small = ['--workers', '2', '--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB']
const startWith = (scope: Scope, kind: 'shamir' | 'keyfile', folder: string): Promise<Server> =>
  startServer(scope, { args: ['server', '--data-dir', join(folder, 'data'), '--seal', kind, ...small, ...(kind === 'keyfile' ? ['--seal-key-file', join(folder, 'key')] : [])] })

const run = (program: string, args: readonly string[], env: Readonly<Record<string, string>>, input = ''): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> =>
  new Promise((resolve) => {
    const child = spawn(program, args, { env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    const output = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()))
    child.once('close', (code) => resolve({ code, ...output }))
    child.stdin.end(input)
  })

interface VaultCli {
  token: string
  json(...args: readonly string[]): Promise<Json>
  text(...args: readonly string[]): Promise<string>
}

const vaultAt = (server: Server): VaultCli => {
  const cli: VaultCli = {
    token: '',
    async json(...args) {
      const text = await call(['-format=json'], args)
      return JSON.parse(text) as Json
    },
    text: (...args) => call([], args),
  }
  const call = async (flags: readonly string[], [first = '', second = '', ...rest]: readonly string[]): Promise<string> => {
    const args = second === '' ? [first, ...flags] : [first, second, ...flags, ...rest]
    const { code, out, err } = await run(process.env['COFFER_TEST_VAULT'] ?? 'vault', args, { VAULT_ADDR: server.address, ...(cli.token === '' ? {} : { VAULT_TOKEN: cli.token }) })
    assert.ok(code === 0 || (first === 'status' && code === 2), `vault ${args.join(' ')} ended with ${String(code)}: ${err}${out}`)
    return out
  }
  return cli
}

const serves = (server: Server): Promise<void> => until(async () => (await exchange(server.address, 'GET', '/v1/sys/health').catch(() => undefined))?.status === 200, 'the server serves')

test('vault operator: init, unseal, rekey, generate-root, rotate, key-status, step-down, seal', async (t) => {
  const server = await startWith(t, 'shamir', scratchDirectory(t))
  const vault = vaultAt(server)
  const made = await vault.json('operator', 'init', '-key-shares=3', '-key-threshold=2')
  assert.equal(made.unseal_keys_b64.length, 3)
  for (const key of made.unseal_keys_b64.slice(0, 2)) await vault.json('operator', 'unseal', key)
  await serves(server)
  vault.token = made.root_token
  assert.equal((await vault.json('status')).sealed, false)

  const { nonce } = await vault.json('operator', 'rekey', '-init', '-key-shares=5', '-key-threshold=3', '-verify')
  await vault.json('operator', 'rekey', `-nonce=${nonce}`, made.unseal_keys_b64[0])
  const renewed = await vault.json('operator', 'rekey', `-nonce=${nonce}`, made.unseal_keys_b64[1])
  assert.equal(renewed.keys_base64.length, 5)
  for (const key of renewed.keys_base64.slice(0, 3)) await vault.text('operator', 'rekey', '-verify', `-nonce=${renewed.verification_nonce}`, key)
  await vault.text('operator', 'rekey', '-init', '-key-shares=1', '-key-threshold=1')
  const { nonce: other } = await vault.json('operator', 'rekey', '-status')
  await vault.text('operator', 'rekey', '-cancel', `-nonce=${other}`)

  const otp = (await vault.text('operator', 'generate-root', '-generate-otp')).trim()
  const root = await vault.json('operator', 'generate-root', '-init', `-otp=${otp}`)
  for (const key of renewed.keys_base64.slice(1, 3)) await vault.json('operator', 'generate-root', `-nonce=${root.nonce}`, key)
  const done = await vault.json('operator', 'generate-root', `-nonce=${root.nonce}`, renewed.keys_base64[4])
  vault.token = (await vault.text('operator', 'generate-root', `-decode=${done.encoded_root_token}`, `-otp=${otp}`)).trim()
  assert.deepEqual((await vault.json('token', 'lookup')).data.policies, ['root'])

  const before = await vault.json('operator', 'key-status')
  await vault.text('operator', 'rotate')
  assert.equal((await vault.json('operator', 'key-status')).term ?? (await vault.json('operator', 'key-status')).Term, (before.term ?? before.Term) + 1)
  await vault.text('operator', 'step-down')
  await vault.text('operator', 'seal')
  await until(async () => (await exchange(server.address, 'GET', '/v1/sys/seal-status').catch(() => undefined))?.json?.sealed === true, 'the server is sealed')
  for (const key of renewed.keys_base64.slice(0, 3)) await vault.json('operator', 'unseal', key)
  await serves(server)
})

test('vault operator init on a server that opens by itself asks for recovery keys, and rekeys them', async (t) => {
  const server = await startWith(t, 'keyfile', scratchDirectory(t))
  const vault = vaultAt(server)
  const made = await vault.json('operator', 'init')
  assert.equal(made.recovery_keys_b64.length, 5)
  await serves(server)
  vault.token = made.root_token
  const { nonce } = await vault.json('operator', 'rekey', '-target=recovery', '-init', '-key-shares=2', '-key-threshold=2')
  let answer: Json
  for (const key of made.recovery_keys_b64.slice(0, 3)) answer = await vault.json('operator', 'rekey', '-target=recovery', `-nonce=${nonce}`, key)
  assert.equal(answer.keys_base64.length, 2)
  assert.equal((await vault.json('status')).recovery_seal, true)
})

test('hvac: initialise, unseal, rekey, generate_root, rotate, seal', async (t) => {
  const server = await startWith(t, 'shamir', scratchDirectory(t))
  const script = `
import base64, hvac, os, time
client = hvac.Client(url=os.environ['VAULT_ADDR'])
def serving():
    for _ in range(300):
        try:
            found = client.sys.read_health_status(method='GET')
            if (found if isinstance(found, dict) else found.json())['sealed'] is False: return
        except Exception: pass
        time.sleep(0.05)
    raise Exception('does not serve')
assert client.sys.is_initialized() is False
made = client.sys.initialize(secret_shares=3, secret_threshold=2)
assert client.sys.is_sealed()
client.sys.submit_unseal_keys(made['keys'][:2])
serving()
client.token = made['root_token']
status = client.sys.start_rekey(secret_shares=2, secret_threshold=2, require_verification=True)
assert client.sys.read_rekey_progress()['started']
done = client.sys.rekey_multi(made['keys'][1:], nonce=status['nonce'])
assert done['complete'] and len(done['keys']) == 2, done
shares = done['keys']
for key in shares: answer = client.adapter.put('/v1/sys/rekey/verify', json={'key': key, 'nonce': done['verification_nonce']})
assert answer['complete'] if isinstance(answer, dict) else answer.json()['complete']
root = client.sys.start_root_token_generation()
assert client.sys.read_root_generation_progress()['started']
for key in shares: answer = client.sys.generate_root(key, root['nonce'])
assert answer['complete']
encoded = answer['encoded_root_token']; encoded += '=' * (-len(encoded) % 4)
token = bytes(a ^ b for a, b in zip(base64.b64decode(encoded), root['otp'].encode())).decode()
client.token = token
assert client.auth.token.lookup_self()['data']['policies'] == ['root']
term = client.sys.get_encryption_key_status()['data']['term']
client.sys.rotate_encryption_key()
assert client.sys.get_encryption_key_status()['data']['term'] == term + 1
assert client.sys.read_leader_status()['is_self']
client.sys.start_rekey(secret_shares=1, secret_threshold=1)
client.sys.seal()
for _ in range(300):
    try:
        if client.sys.is_sealed(): break
    except Exception: pass
    time.sleep(0.05)
client.sys.submit_unseal_keys(shares)
serving()
assert client.sys.read_rekey_progress()['started'] is False
print('good')
`
  const { code, out, err } = await run(process.env['COFFER_TEST_PYTHON_CLIENTS'] ?? 'python3', ['-c', script], { VAULT_ADDR: server.address })
  assert.equal(code, 0, err)
  assert.match(out, /good/)
})
