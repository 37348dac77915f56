// Ceremonies and slots as an operator does them: through `coffer operator`, secrets on standard input only.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exchange, type Json } from '../support/http.ts'
import { coffer, scratchDirectory, startServer, type Server } from '../support/server.ts'
import { until } from '../support/wait.ts'

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** With a home of its own, so that no stored token or context of somebody else's is met. */
const operatorOf = (server: Server, home: string, token: () => string) => {
  const run = (args: readonly string[], input = ''): Promise<Ran> =>
    new Promise((resolve) => {
      const child = spawn(coffer, ['operator', ...args, '--output', 'json'], { env: { PATH: process.env['PATH'] ?? '', HOME: home, COFFER_ADDR: server.address, COFFER_TOKEN: token() }, stdio: ['pipe', 'pipe', 'pipe'] })
      const output = { out: '', err: '' }
      child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()))
      child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()))
      child.once('close', (code) => resolve({ code, ...output }))
      child.stdin.end(input)
    })
  const good = async (args: readonly string[], input = ''): Promise<Json> => {
    const { code, out, err } = await run(args, input)
    assert.equal(code, 0, `${args.join(' ')}: ${err}`)
    return JSON.parse(out) as Json
  }
  return { run, good }
}

const serves = (server: Server): Promise<void> => until(async () => (await exchange(server.address, 'GET', '/v1/sys/health').catch(() => undefined))?.status === 200, 'the server serves')

test('a server with a key file: recovery shares, a root token, a rekey, a second key file, and the first one removed', { timeout: 300_000 }, async (t) => {
  const folder = scratchDirectory(t)
  const keyFile = join(folder, 'first.key')
  const start = (file: string): Promise<Server> => startServer(t, { args: ['server', '--data-dir', join(folder, 'data'), '--seal', 'keyfile', '--seal-key-file', file, '--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB'] })
  let server = await start(keyFile)
  let token = ''
  let { good, run } = operatorOf(server, folder, () => token)
  const made = await good(['init', '--shares', '3', '--threshold', '2'])
  assert.equal(made.recovery_keys_base64.length, 3)
  await serves(server)
  const shares = made.recovery_keys_base64 as readonly string[]

  const begun = await good(['generate-root', 'start'])
  assert.equal((await run(['generate-root', 'share'], shares[0])).code, 2, 'a share is given for something that is named')
  await good(['generate-root', 'share', '--nonce', begun.nonce], shares[0])
  // Somebody without a token starts another one in its place.
  await exchange(server.address, 'DELETE', '/v1/sys/generate-root/attempt')
  const { otp, nonce: ours } = await good(['generate-root', 'start'])
  assert.equal((await run(['generate-root', 'share', '--nonce', begun.nonce], shares[0])).code, 2)
  await good(['generate-root', 'share', '--nonce', ours], shares[0])
  const { encoded_token } = await good(['generate-root', 'share', '--nonce', ours], `${shares[1]}\n`)
  token = (await good(['generate-root', 'decode'], `${encoded_token}\n${otp}\n`)).token
  assert.match(token, /^hvs\./)

  const rekey = ['rekey', 'start', '--recovery', '--shares', '2', '--threshold', '2']
  const swapped = (await good(rekey)).nonce as string
  // Somebody without a token reads the nonce, gives the rekey up, and asks for one share that opens everything.
  await exchange(server.address, 'DELETE', '/v1/sys/rekey-recovery-key/init', { body: { nonce: swapped } })
  const theirs = await exchange(server.address, 'PUT', '/v1/sys/rekey-recovery-key/init', { body: { secret_shares: 1, secret_threshold: 1 } })
  assert.equal(theirs.status, 200)
  for (const nonce of [['--nonce', swapped], []]) assert.equal((await run(['rekey', 'share', '--recovery', ...nonce], shares[1])).code, 2, 'no share is given for what nobody meant')
  assert.equal((await good(['rekey', 'status', '--recovery'])).progress, 0)
  await good(['rekey', 'cancel', '--recovery'])
  const { nonce } = await good(rekey)
  await good(['rekey', 'share', '--recovery', '--nonce', nonce], shares[1])
  const last = await good(['rekey', 'share', '--recovery', '--nonce', nonce], shares[2])
  const renewed = last.keys_base64 as readonly string[]
  const verify = ['rekey', 'verify', '--recovery', '--nonce', last.verification_nonce as string]
  assert.equal((await run(['rekey', 'verify', '--recovery', '--nonce', nonce], renewed[0])).code, 2, 'the verification has a nonce of its own')
  assert.equal((await run(verify, shares[0])).code, 2, 'an old share is no new one')
  await good(verify, renewed[0])
  assert.equal((await good(verify, renewed[1])).complete, true)

  const slots = await good(['slots', 'list'])
  assert.deepEqual(slots.map(({ kind, generation }: Json) => [kind, generation]), [['keyfile', 2], ['shamir', 2]])
  const second = join(folder, 'second.key')
  const added = await good(['slots', 'add', '--key-file', second])
  assert.equal(readFileSync(second).length, 49)
  assert.equal((await run(['slots', 'add', '--key-file', second])).code, 5, 'a file that is there is never written over')
  assert.notEqual((await run(['slots', 'add', '--key-file', join(folder, 'data', 'x.key')])).code, 0, 'no key file among the data')
  assert.equal(existsSync(join(folder, 'data', 'x.key')), false)
  const first = slots.find(({ kind }: Json) => kind === 'keyfile').id as string
  assert.equal((await run(['slots', 'remove', first, '--yes'], renewed.join('\n'))).code, 2, 'the new key file was not named')
  assert.deepEqual(await good(['slots', 'remove', first, '--yes', '--key-file', second], renewed.join('\n')), { generation: 3 })
  assert.deepEqual((await good(['slots', 'list'])).map(({ id }: Json) => id).includes(added.id), true)
  const rotated = await run(['rotate'])
  assert.equal(rotated.code, 0, rotated.err)
  await server.stop()

  const broken = await startServer(t, { args: ['server', '--data-dir', join(folder, 'data'), '--seal', 'keyfile', '--seal-key-file', keyFile] }).catch((error: unknown) => error)
  assert.match(String(broken), /key file is of slot/)
  server = await start(second)
  await serves(server)
  ;({ good, run } = operatorOf(server, folder, () => token))
  assert.deepEqual(await good(['rotate-root'], renewed.join('\n')), { generation: 4 })
  assert.equal((await run(['rotate-root'], '')).code, 2, 'the shares of the other slot are needed')
  token = 'nobody'
  assert.equal((await run(['slots', 'list'])).code, 3)
})
