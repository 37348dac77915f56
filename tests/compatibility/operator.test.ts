// needs: gpg
// The ceremonies over Vault's paths: new shares, root tokens, recovery, keys, on a server of several workers.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { makeGnupgHome } from '../../packages/server/src/crypto/testing/gnupg.ts'
import { exchange, type Json } from '../support/http.ts'
import { scratchDirectory, startServer, type Server } from '../support/server.ts'
import type { Scope } from '../support/cleanup.ts'
import { until } from '../support/wait.ts'

const small = ['--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB']

const startWith = (scope: Scope, kind: 'shamir' | 'keyfile', folder: string, workers = 2): Promise<Server> =>
  startServer(scope, { args: ['server', '--data-dir', join(folder, 'data'), '--seal', kind, '--workers', String(workers), ...small, ...(kind === 'keyfile' ? ['--seal-key-file', join(folder, 'key')] : [])] })

interface Hand {
  readonly server: Server
  sys(method: string, path: string, body?: unknown, token?: string): Promise<{ readonly status: number; readonly json: Json }>
  good(method: string, path: string, body?: unknown, token?: string): Promise<Json>
}

const handOf = (server: Server): Hand => {
  const sys: Hand['sys'] = (method, path, body, token) => exchange(server.address, method, `/v1/sys/${path}`, { ...(body === undefined ? {} : { body }), token })
  return {
    server,
    sys,
    async good(method, path, body, token) {
      const { status, json } = await sys(method, path, body, token)
      assert.ok(status === 200 || status === 204, `${method} ${path}: ${status} ${JSON.stringify(json)}`)
      return json
    },
  }
}

const serves = (hand: Hand): Promise<void> => until(async () => (await hand.sys('GET', 'health').catch(() => undefined))?.status === 200, 'the server serves')

interface Opened extends Hand {
  readonly made: Json
}

const open = async (scope: Scope, numbers = { secret_shares: 3, secret_threshold: 2 }, folder = scratchDirectory(scope)): Promise<Opened> => {
  const hand = handOf(await startWith(scope, 'shamir', folder))
  const made = await hand.good('PUT', 'init', numbers)
  for (const key of made.keys.slice(0, numbers.secret_threshold)) await hand.good('PUT', 'unseal', { key })
  await serves(hand)
  return { ...hand, made }
}

const refused = async (answer: ReturnType<Hand['sys']>, status: number, words: RegExp): Promise<void> => {
  const { status: got, json } = await answer
  assert.equal(got, status, JSON.stringify(json))
  assert.match(json.errors[0], words)
}

/** Gives present shares until the rekey is complete; returns that answer. */
const rekey = async (hand: Hand, shares: readonly string[], plan: unknown, base = 'rekey'): Promise<Json> => {
  const { nonce } = await hand.good('PUT', `${base}/init`, plan)
  let answer: Json
  for (const key of shares) answer = await hand.good('PUT', `${base}/update`, { nonce, key })
  assert.equal(answer.complete, true, JSON.stringify(answer))
  assert.equal(answer.nonce, nonce)
  return answer
}

const sealAndUnseal = async (hand: Hand, token: string, shares: readonly string[]): Promise<void> => {
  await hand.good('PUT', 'seal', {}, token)
  await until(async () => (await hand.sys('GET', 'seal-status').catch(() => undefined))?.json?.sealed === true, 'the server is sealed')
  for (const key of shares) await hand.good('PUT', 'unseal', { key })
  await serves(hand)
}

const write = (hand: Hand, token: string, value: string) => exchange(hand.server.address, 'PUT', '/v1/secret/data/a', { token, body: { data: { value } } })
const read = async (hand: Hand, token: string): Promise<string> => (await exchange(hand.server.address, 'GET', '/v1/secret/data/a', { token })).json.data.data.value as string

describe('rekeying', () => {
  test('gives new shares while the server goes on serving; the old ones open nothing afterwards', async (t) => {
    const hand = await open(t)
    const { keys, root_token: token } = hand.made
    assert.equal((await write(hand, token, 'kept')).status, 200)
    assert.deepEqual(await hand.good('GET', 'rekey/init'), { nonce: '', started: false, t: 0, n: 0, progress: 0, required: 2, pgp_fingerprints: null, backup: false, verification_required: false })
    const started = await hand.good('PUT', 'rekey/init', { secret_shares: 5, secret_threshold: 3 })
    assert.deepEqual({ ...started, nonce: '' }, { nonce: '', started: true, t: 3, n: 5, progress: 0, required: 2, pgp_fingerprints: null, backup: false, verification_required: false })
    assert.match(started.nonce, /^[0-9a-f]{8}-/)
    await refused(hand.sys('PUT', 'rekey/init', { secret_shares: 1, secret_threshold: 1 }), 400, /^rekey already in progress$/)
    await refused(hand.sys('PUT', 'rekey/update', { nonce: 'x', key: keys[0] }), 400, /^incorrect nonce supplied; nonce for this rekey operation is "/)
    await refused(hand.sys('PUT', 'rekey/update', { nonce: started.nonce }), 400, /^'key' must be specified/)
    await refused(hand.sys('PUT', 'rekey/update', { nonce: started.nonce, key: 'not a share' }), 400, /^'key' must be a valid hex or base64 string$/)
    await refused(hand.sys('PUT', 'rekey/update', { nonce: started.nonce, key: '00'.repeat(33) }), 400, /fingerprint [0-9a-f]{8}/)
    assert.equal((await hand.good('PUT', 'rekey/update', { nonce: started.nonce, key: keys[0] })).progress, 1)
    await refused(hand.sys('PUT', 'rekey/update', { nonce: started.nonce, key: keys[0] }), 400, /already been provided/)
    // Each request is a connection of its own, and so may meet another worker.
    for (let i = 0; i < 10; i++) assert.equal((await hand.good('GET', 'rekey/init')).progress, 1)
    const workers = hand.server.workers()
    const done = await hand.good('PUT', 'rekey/update', { nonce: started.nonce, key: keys[2] })
    assert.equal(done.complete, true)
    assert.equal(done.keys.length, 5)
    assert.deepEqual(done.keys.map((key: string) => Buffer.from(key, 'hex').toString('base64')), done.keys_base64)
    // With what is cached and what is not, on every worker, and without a new process.
    for (let i = 0; i < 10; i++) assert.equal(await read(hand, token), 'kept')
    assert.equal((await write(hand, token, 'after')).status, 200)
    assert.deepEqual(hand.server.workers(), workers)
    assert.equal((await hand.good('GET', 'seal-status')).n, 5)

    await hand.good('PUT', 'seal', {}, token)
    await until(async () => (await hand.sys('GET', 'seal-status').catch(() => undefined))?.json?.sealed === true, 'the server is sealed')
    await refused(hand.sys('PUT', 'unseal', { key: keys[0] }), 400, /none of this server's/)
    await refused(hand.sys('GET', 'rekey/init'), 503, /^Vault is sealed$/)
    for (const key of done.keys.slice(1, 4)) await hand.good('PUT', 'unseal', { key })
    await serves(hand)
    assert.equal(await read(hand, token), 'after')
  })

  test('is cancelled with its nonce only, and a seal forgets it', async (t) => {
    const hand = await open(t)
    const { keys, root_token: token } = hand.made
    const { nonce } = await hand.good('POST', 'rekey/init', { secret_shares: 3, secret_threshold: 2 })
    await refused(hand.sys('DELETE', 'rekey/init'), 400, /^invalid request/)
    await hand.good('DELETE', 'rekey/init', { nonce })
    assert.equal((await hand.good('GET', 'rekey/init')).started, false)
    await refused(hand.sys('PUT', 'rekey/update', { nonce, key: keys[0] }), 400, /^no barrier rekey in progress$/)
    await hand.good('POST', 'rekey/init', { secret_shares: 3, secret_threshold: 2 })
    await sealAndUnseal(hand, token, keys.slice(0, 2))
    assert.equal((await hand.good('GET', 'rekey/init')).started, false)
    for (const plan of [{}, { secret_shares: 2, secret_threshold: 3 }, { secret_shares: 3, secret_threshold: 1 }, { secret_shares: 256, secret_threshold: 2 }, { secret_shares: 'x' }, { secret_shares: -1 }, { secret_shares: 2, secret_threshold: 2, pgp_keys: ['x'] }, { secret_shares: 1, secret_threshold: 1, pgp_keys: ['keybase:ann'] }, { secret_shares: 1, secret_threshold: 1, backup: true }, { pgp_keys: 5 }]) {
      assert.equal((await hand.sys('PUT', 'rekey/init', plan)).status, 400, JSON.stringify(plan))
    }
    await refused(hand.sys('GET', 'rekey-recovery-key/init'), 400, /^recovery rekeying not supported$/)
    await refused(hand.sys('GET', 'rekey/verify'), 400, /^no rekey configuration found$/)
  })

  test('with verification changes nothing until a threshold of the new shares was given back', async (t) => {
    const hand = await open(t)
    const { keys, root_token: token } = hand.made
    const made = await rekey(hand, keys.slice(0, 2), { secret_shares: 3, secret_threshold: 2, require_verification: true })
    assert.equal(made.verification_required, true)
    assert.ok(made.verification_nonce)
    const pending = await hand.good('GET', 'rekey/verify')
    assert.deepEqual(pending, { nonce: made.verification_nonce, started: true, t: 2, n: 3, progress: 0 })
    await refused(hand.sys('PUT', 'rekey/update', { nonce: made.nonce, key: keys[0] }), 400, /^rekey operation already finished; verification must be performed/)
    await refused(hand.sys('PUT', 'rekey/verify', { nonce: made.verification_nonce, key: keys[0] }), 400, /none of the new shares/)
    assert.equal((await hand.good('PUT', 'rekey/verify', { nonce: made.verification_nonce, key: made.keys[0] })).progress, 1)
    const again = await hand.good('DELETE', 'rekey/verify')
    assert.notEqual(again.nonce, made.verification_nonce)
    assert.equal(again.progress, 0)
    await hand.good('PUT', 'rekey/verify', { nonce: again.nonce, key: made.keys[1] })
    assert.deepEqual(await hand.good('PUT', 'rekey/verify', { nonce: again.nonce, key: made.keys[2] }), { nonce: again.nonce, complete: true })
    await refused(hand.sys('GET', 'rekey/verify'), 400, /^no rekey configuration found$/)
    await sealAndUnseal(hand, token, made.keys.slice(0, 2))
  })

  test('abandoned before its verification leaves the old shares in force', async (t) => {
    const hand = await open(t)
    const { keys, root_token: token } = hand.made
    const made = await rekey(hand, keys.slice(0, 2), { secret_shares: 3, secret_threshold: 2, require_verification: true })
    await hand.good('PUT', 'seal', {}, token)
    await until(async () => (await hand.sys('GET', 'seal-status').catch(() => undefined))?.json?.sealed === true, 'the server is sealed')
    await refused(hand.sys('PUT', 'unseal', { key: made.keys[0] }), 400, /none of this server's/)
    for (const key of keys.slice(1, 3)) await hand.good('PUT', 'unseal', { key })
    await serves(hand)
  })

  test('to OpenPGP keys gives shares that GnuPG decrypts, and keeps copies when asked', async (t) => {
    const gnupg = makeGnupgHome(t)
    const people = ['ann', 'bob', 'cy'].map((name) => gnupg.makeKey(name, 'future-default'))
    const pgp_keys = people.map(({ publicKey }) => publicKey.toString('base64'))
    const hand = handOf(await startWith(t, 'shamir', scratchDirectory(t)))
    await refused(hand.sys('PUT', 'init', { secret_shares: 2, secret_threshold: 2, pgp_keys }), 400, /^incorrect number of PGP keys$/)
    const made = await hand.good('PUT', 'init', { secret_shares: 3, secret_threshold: 2, pgp_keys, root_token_pgp_key: pgp_keys[0] })
    const plain = (texts: readonly string[]): readonly string[] => texts.map((text) => gnupg.decrypt(Buffer.from(text, 'hex')).toString())
    const first = plain(made.keys)
    assert.deepEqual(plain(made.keys_base64.map((text: string) => Buffer.from(text, 'base64').toString('hex'))), first)
    for (const share of first) assert.match(share, /^[0-9a-f]{66}$/)
    const token = gnupg.decrypt(Buffer.from(made.root_token, 'base64')).toString()
    assert.match(token, /^hvs\./)
    for (const key of first.slice(0, 2)) await hand.good('PUT', 'unseal', { key })
    await serves(hand)

    await refused(hand.sys('GET', 'rekey/backup', undefined, token), 400, /^no backed-up keys found$/)
    const done = await rekey(hand, first.slice(1), { secret_shares: 3, secret_threshold: 2, pgp_keys, backup: true })
    assert.deepEqual(done.pgp_fingerprints, people.map(({ fingerprint }) => fingerprint))
    assert.equal(done.backup, true)
    assert.equal((await hand.sys('GET', 'rekey/backup')).status, 403)
    const { data: backup } = await hand.good('GET', 'rekey/backup', undefined, token)
    assert.equal(backup.nonce, done.nonce)
    assert.deepEqual(backup.keys, Object.fromEntries(people.map(({ fingerprint }, at) => [fingerprint, [done.keys[at]]])))
    assert.deepEqual(people.flatMap(({ fingerprint }) => backup.keys_base64[fingerprint]), done.keys_base64)
    await hand.good('DELETE', 'rekey/backup', undefined, token)
    await refused(hand.sys('GET', 'rekey/backup', undefined, token), 400, /^no backed-up keys found$/)
    await sealAndUnseal(hand, token, plain(done.keys).slice(0, 2))
  })
})

describe('a root token', () => {
  const decode = (encoded: string, otp: string): string => {
    const bytes = Buffer.from(encoded, 'base64')
    const pad = Buffer.from(otp)
    assert.equal(bytes.length, pad.length)
    return Buffer.from(bytes.map((byte, at) => byte ^ (pad[at] ?? 0))).toString()
  }

  test('is made for a threshold of shares, under a one-time pad, and is good for everything', async (t) => {
    const hand = await open(t)
    const { keys } = hand.made
    const idle = await hand.good('GET', 'generate-root/attempt')
    assert.deepEqual(idle, { nonce: '', started: false, progress: 0, required: 2, complete: false, encoded_token: '', encoded_root_token: '', pgp_fingerprint: '', otp: '', otp_length: idle.otp_length })
    await refused(hand.sys('PUT', 'generate-root/attempt', { otp: 'short' }), 400, /^OTP string is wrong length/)
    const started = await hand.good('PUT', 'generate-root/attempt', {})
    assert.equal(started.otp.length, started.otp_length)
    assert.equal((await hand.good('GET', 'generate-root/attempt')).otp, '', 'the pad is told once')
    await refused(hand.sys('PUT', 'generate-root/attempt', {}), 400, /^root generation already in progress$/)
    await refused(hand.sys('PUT', 'generate-root/update', { nonce: 'x', key: keys[0] }), 400, /^incorrect nonce supplied; nonce for this root generation operation is "/)
    const { nonce } = started
    assert.equal((await hand.good('PUT', 'generate-root/update', { nonce, key: keys[0] })).progress, 1)
    await refused(hand.sys('PUT', 'generate-root/update', { nonce, key: keys[0] }), 400, /^given key has already been provided/)
    const done = await hand.good('PUT', 'generate-root/update', { nonce, key: keys[1] })
    assert.equal(done.complete, true)
    assert.equal(done.progress, 2)
    assert.equal(done.encoded_token, done.encoded_root_token)
    const token = decode(done.encoded_token, started.otp)
    assert.deepEqual((await hand.good('POST', 'decode-token', { encoded_token: done.encoded_token, otp: started.otp })).data, { token })
    const self = (await exchange(hand.server.address, 'GET', '/v1/auth/token/lookup-self', { token })).json.data
    assert.deepEqual(self.policies, ['root'])
    assert.equal(self.ttl, 0)
    assert.equal((await hand.good('GET', 'generate-root/attempt')).started, false)
    await until(async () => {
      const actions = (await exchange(hand.server.address, 'GET', '/api/v1/audit/events?limit=500', { token })).data.items.map((event: Json) => event.action)
      return ['operator.generate-root-start', 'operator.generate-root-share', 'operator.generate-root'].every((action) => actions.includes(action))
    }, 'the ceremony is in the record')
  })

  test('comes encrypted to an OpenPGP key, is given up with DELETE, and needs nothing but shares', async (t) => {
    const gnupg = makeGnupgHome(t)
    const { publicKey, fingerprint } = gnupg.makeKey('ann', 'rsa2048')
    const hand = await open(t, { secret_shares: 1, secret_threshold: 1 })
    await hand.good('PUT', 'generate-root/attempt', {})
    await hand.good('DELETE', 'generate-root/attempt')
    await refused(hand.sys('PUT', 'generate-root/attempt', { pgp_key: 'AAAA' }), 400, /^error parsing given PGP key/)
    const started = await hand.good('PUT', 'generate-root/attempt', { pgp_key: publicKey.toString('base64') })
    assert.equal(started.pgp_fingerprint, fingerprint)
    const done = await hand.good('PUT', 'generate-root/update', { nonce: started.nonce, key: hand.made.keys_base64[0] })
    const token = gnupg.decrypt(Buffer.from(done.encoded_token, 'base64')).toString()
    assert.equal((await exchange(hand.server.address, 'GET', '/v1/auth/token/lookup-self', { token })).status, 200)
    await refused(hand.sys('PUT', 'generate-root/update', { nonce: started.nonce, key: hand.made.keys[0] }), 400, /^no root generation in progress$/)
  })
})

describe('a server that opens by itself', () => {
  test('has recovery shares: they make root tokens, are rekeyed, and open the seal when the file is lost', async (t) => {
    const folder = scratchDirectory(t)
    const hand = handOf(await startWith(t, 'keyfile', folder))
    const before = await hand.good('GET', 'seal-status')
    assert.equal(before.recovery_seal, true)
    assert.equal(before.type, 'keyfile')
    await refused(hand.sys('PUT', 'init', { secret_shares: 3, secret_threshold: 2 }), 400, /^parameters secret_shares,secret_threshold not applicable to seal type keyfile$/)
    const made = await hand.good('PUT', 'init', { recovery_shares: 3, recovery_threshold: 2 })
    assert.deepEqual(made.keys, [])
    assert.equal(made.recovery_keys.length, 3)
    await serves(hand)
    const status = await hand.good('GET', 'seal-status')
    assert.deepEqual([status.type, status.sealed, status.t, status.n, status.recovery_seal, status.recovery_seal_type], ['keyfile', false, 2, 3, true, 'shamir'])

    const { nonce, otp } = await hand.good('PUT', 'generate-root/attempt', {})
    await hand.good('PUT', 'generate-root/update', { nonce, key: made.recovery_keys[0] })
    const { encoded_token } = await hand.good('PUT', 'generate-root/update', { nonce, key: made.recovery_keys[2] })
    const token = (await hand.good('POST', 'decode-token', { encoded_token, otp })).data.token as string
    assert.equal((await write(hand, token, 'x')).status, 200)

    assert.deepEqual((await rekey(hand, made.recovery_keys.slice(0, 2), { secret_shares: 1, secret_threshold: 1 })).keys, [], 'the barrier gets a new root key, and nobody a share')
    const renewed = await rekey(hand, made.recovery_keys.slice(0, 2), { secret_shares: 2, secret_threshold: 2 }, 'rekey-recovery-key')
    assert.equal(renewed.keys.length, 2)
    for (let i = 0; i < 6; i++) assert.equal(await read(hand, token), 'x')
    await hand.server.stop()

    // The same data as a server of shares: the file is not needed.
    const other = handOf(await startWith(t, 'shamir', folder))
    await refused(other.sys('PUT', 'unseal', { key: made.recovery_keys[0] }), 400, /none of this server's/)
    for (const key of renewed.keys) await other.good('PUT', 'unseal', { key })
    await serves(other)
    assert.equal(await read(other, token), 'x')
    await other.server.stop()
    // And the file opens the root key that was rotated twice.
    const third = handOf(await startWith(t, 'keyfile', folder))
    await serves(third)
    assert.equal(await read(third, token), 'x')
  })

  test('without recovery shares says what to do', async (t) => {
    const hand = handOf(await startWith(t, 'keyfile', scratchDirectory(t), 1))
    await hand.good('PUT', 'init', {})
    await serves(hand)
    await refused(hand.sys('PUT', 'generate-root/attempt', {}), 400, /coffer operator slots add/)
    await refused(hand.sys('PUT', 'rekey/init', { secret_shares: 1, secret_threshold: 1 }), 400, /coffer operator slots add/)
  })
})

describe('keys and nodes', () => {
  test('say what Vault says, with and without rights', async (t) => {
    const hand = await open(t, { secret_shares: 1, secret_threshold: 1 })
    const token = hand.made.root_token as string
    assert.deepEqual(await hand.good('GET', 'seal-backend-status'), { healthy: true, backends: [{ name: 'shamir', healthy: true }], fully_wrapped: true })
    for (const [method, path] of [['GET', 'key-status'], ['PUT', 'rotate'], ['GET', 'rotate/config'], ['PUT', 'rotate/config'], ['PUT', 'step-down'], ['GET', 'ha-status'], ['GET', 'rekey/backup'], ['DELETE', 'rekey/backup']] as const) {
      assert.equal((await hand.sys(method, path, method === 'PUT' ? {} : undefined)).status, 403, `${method} ${path} without a token`)
    }
    const before = (await hand.good('GET', 'key-status', undefined, token)).data
    await hand.good('PUT', 'rotate', {}, token)
    const after = await hand.good('GET', 'key-status', undefined, token)
    assert.equal(after.data.term, before.term + 1)
    assert.equal(after.term, after.data.term)
    assert.deepEqual((await hand.good('GET', 'rotate/config', undefined, token)).data, { max_operations: 2 ** 30, enabled: true, interval: 0 })
    await hand.good('PUT', 'rotate/config', { max_operations: '2000000', interval: '48h' }, token)
    await hand.good('PUT', 'rotate/config', { enabled: false }, token)
    assert.deepEqual((await hand.good('GET', 'rotate/config', undefined, token)).data, { max_operations: 2_000_000, enabled: false, interval: '48h0m0s' })
    await refused(hand.sys('PUT', 'rotate/config', { interval: '1h' }, token), 400, /^interval must be greater or equal to 24h0m0s$/)
    await refused(hand.sys('PUT', 'rotate/config', { max_operations: 10 }, token), 400, /^max_operations must be in the range \[1000000,3865470566\]$/)
    await hand.good('PUT', 'step-down', {}, token)
    await refused(hand.sys('PUT', 'unseal', { reset: true }), 400, /^vault is unsealed$/)
    await refused(hand.sys('PUT', 'unseal', { key: hand.made.keys[0], migrate: true }), 400, /no migration seal found/)
    await refused(hand.sys('PUT', 'init', { secret_shares: 1, secret_threshold: 1 }), 400, /^Vault is already initialized$/)
    const outside = await exchange(hand.server.address, 'GET', '/v1/sys/rekey/init', { headers: { 'x-vault-namespace': 'nowhere' } })
    assert.equal(outside.status, 404)
  })
})
