// What an operator sets and what comes of it, through bin/coffer: mistakes are named before anything is touched, the
// nearest source wins, a stop loses nothing, and a directory or an address has one server.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { afterwards } from '../support/cleanup.ts'
import { superuserOf } from '../support/database.ts'
import { exchange, type Client } from '../support/http.ts'
import { dataDirectoryOf, launch, launchDurableServer, scratchDirectory, startDevServer, startDurableServer, type Server } from '../support/server.ts'
import { until } from '../support/wait.ts'

/** What a server that does not start leaves: its exit code and words for a person. */
const failure = async (server: Server): Promise<readonly [number | null, string]> => {
  const { code } = await server.exited
  assert.equal(server.stdout(), '')
  return [code, server.stderr()]
}

const smallSpool = ['--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB']

test('every mistake is named at once, with the form expected and where it stands, and nothing has been touched', async (t) => {
  const folder = scratchDirectory(t)
  const file = join(folder, 'coffer.yaml')
  writeFileSync(file, 'listne: 127.0.0.1:1\nlog:\n  level: canary-loud\naudit:\n  directory: [canary]\n')
  const server = launchDurableServer(t, {
    folder,
    flags: ['--config', file, '--workers', 'canary-many', '--no-such-flag', 'canary'],
    env: { COFFER_CACHE_BYTES: 'canary', COFFER_WORKRES: 'canary', COFFER_DATABASE_URL: 'mysql://root:canary@db/x' },
  })
  const [code, said] = await failure(server)
  assert.equal(code, 2)
  for (const problem of [
    `listne: there is no such setting (file ${file}, line 1); did you mean listen?`,
    `log.level: must be one of error, warn, info, debug (file ${file}, line 3)`,
    `audit.directory: must be a path (file ${file}, line 5)`,
    'there is no such setting (environment variable COFFER_WORKRES); did you mean COFFER_WORKERS?',
    'there is no such flag: --no-such-flag',
    'workers: must be a whole number from 1 to 64 (flag --workers)',
    'cache.bytes: must be a number of bytes from 1MiB to 64GiB, for example 1MiB (environment variable COFFER_CACHE_BYTES)',
    'database.url: must be a URL that starts with postgres:// or postgresql:// and names a database (environment variable COFFER_DATABASE_URL)',
  ]) assert.ok(said.includes(`  - ${problem}`), `${problem}\n\nis not in\n\n${said}`)
  assert.doesNotMatch(said, /canary|\n\s+at /)
  assert.equal(existsSync(dataDirectoryOf(folder)), false)
})

test('a file, a variable and a flag: the nearest wins, whatever else each of them sets', async (t) => {
  const file = join(scratchDirectory(t), 'coffer.json')
  writeFileSync(file, JSON.stringify({ cluster_name: 'of the file', limits: { value_bytes: 1024, body_bytes: '2KiB' } }))
  const server = launch(t, {
    args: ['server', '--dev', '--dev-root-token-id=root', '--cluster-name', 'of the flag'],
    env: { COFFER_CONFIG: file, COFFER_CLUSTER_NAME: 'of the variable', COFFER_LIMITS_BODY_BYTES: '4KiB' },
  })
  await until(() => server.stdout().includes('ready'), 'the server is ready')
  assert.equal((await exchange(server.address, 'GET', '/v1/sys/health')).json.cluster_name, 'of the flag')
  const write = (length: number) => exchange(server.address, 'POST', '/api/v1/secrets/a?environment=dev', { token: 'root', body: { value: 'v'.repeat(length) } })
  assert.equal((await write(1024)).status, 200)
  assert.equal((await write(3000)).data.field, 'value', 'the file alone says how long a value may be')
  assert.equal((await write(5000)).data.field, 'body', 'the variable says how long a body may be')
})

/** Sends the head of a write; resolves when the server has read it and asks for the body (RFC 9110, 10.1.1). */
const beginWrite = async (root: Client, path: string, token: string, body: string): Promise<Socket> => {
  const { hostname, port } = new URL(root.address)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.write(`POST /api/v1/secrets/${path}?environment=dev HTTP/1.1\r\nhost: ${hostname}\r\nx-vault-token: ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`)
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  assert.match(chunk.toString(), /^HTTP\/1\.1 100 /)
  return socket
}

const isRefused = async (address: string): Promise<boolean> => exchange(address, 'GET', '/healthz').then(() => false, () => true)

const wasCutShort = (server: Server): boolean => server.entries().some(({ message }) => message === 'the worker was ended before it had finished')

test('SIGTERM: what was begun is finished, nothing new is taken, and the write is there after the next start', async (t) => {
  const folder = scratchDirectory(t)
  const first = await startDurableServer(t, { folder, flags: smallSpool })
  const body = JSON.stringify({ value: 'begun before the end' })
  const socket = await beginWrite(first.root, 'late', first.rootToken, body)
  const stopped = first.server.stop()
  await until(() => isRefused(first.root.address), 'no connection is taken any more')
  const answered = once(socket, 'data')
  socket.write(body)
  assert.match(String((await answered)[0]), /^HTTP\/1\.1 200 /)
  assert.deepEqual(await stopped, { code: 0, signal: null })
  assert.equal(wasCutShort(first.server), false)
  const second = await startDurableServer(t, { folder, flags: smallSpool }, first.rootToken)
  assert.equal((await second.root.expect('GET', '/api/v1/secrets/late?environment=dev&reveal=true')).data.value, 'begun before the end')
})

test('SIGTERM: a client that never ends its request does not keep the server', async (t) => {
  const { server, root, rootToken } = await startDevServer(t)
  const socket = await beginWrite(root, 'never', rootToken, '{"value":"x"}')
  t.after(() => socket.destroy())
  // The supervisor gives itself less than ten seconds: had it taken longer, the code would be 1.
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
  assert.equal(wasCutShort(server), true)
})

test('a second server on a data directory, or on an address, is refused and the first goes on', async (t) => {
  const folder = scratchDirectory(t)
  const { server, root } = await startDurableServer(t, { folder, flags: smallSpool })
  await root.expect('POST', '/api/v1/secrets/a?environment=dev', { value: 'x' })
  const [code, said] = await failure(launchDurableServer(t, { folder, flags: smallSpool }))
  assert.equal(code, 5, said)
  assert.match(said, new RegExp(`^coffer: .*${dataDirectoryOf(folder)}.*`, 'm'))
  const [taken, words] = await failure(launchDurableServer(t, { folder: scratchDirectory(t), flags: [...smallSpool, '--listen', new URL(server.address).host] }))
  assert.equal(taken, 5, words)
  assert.match(words, new RegExp(`^coffer: .*${new URL(server.address).host}.*`, 'm'))
  assert.equal((await root.expect('GET', '/api/v1/secrets/a?environment=dev&reveal=true')).data.value, 'x')
})

test('with audit.durability=database a record is in the database when the answer comes', async (t) => {
  const folder = scratchDirectory(t)
  const { root } = await startDurableServer(t, { folder, flags: [...smallSpool, '--audit-durability', 'database'] })
  const superuser = superuserOf(t, dataDirectoryOf(folder))
  const isRecorded = async (requestId: string): Promise<boolean> => (await superuser.query('select 1 from coffer.audit_events where request_id = $1', [requestId])).rows.length > 0
  const written = await root.expect('POST', '/api/v1/secrets/a?environment=dev', { value: 'x' })
  assert.ok(await isRecorded(written.requestId), 'a write')
  for (let round = 0; round < 10; round += 1) {
    const { requestId, data } = await root.expect('GET', '/api/v1/secrets/a?environment=dev&reveal=true')
    assert.equal(data.value, 'x')
    assert.ok(await isRecorded(requestId), `reveal ${round}`)
  }
  const denied = await root.as('nobody').call('GET', '/api/v1/secrets/a?environment=dev&reveal=true')
  assert.equal(denied.status, 401)
  assert.ok(await isRecorded(denied.requestId), 'a denial')
})

const tmpfs = 0x01021994

/** A directory in memory: one mounted here, else one in the machine's own. */
const directoryInMemory = (t: TestContext, folder: string): string | undefined => {
  const mount = join(folder, 'memory')
  mkdirSync(mount)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=0700', 'coffer-test', mount], { stdio: 'ignore' })
    afterwards(t, () => void execFileSync('umount', ['-l', mount]))
    return mount
  } catch {
    if (!existsSync('/dev/shm') || statfsSync('/dev/shm').type !== tmpfs) return undefined
    const directory = mkdtempSync('/dev/shm/coffer-test-')
    afterwards(t, () => rmSync(directory, { recursive: true }))
    return directory
  }
}

test('a spool in memory is refused by a real server unless that is acknowledged, before anything listens', async (t) => {
  const folder = scratchDirectory(t)
  const memory = directoryInMemory(t, folder)
  if (memory === undefined) return t.skip('this machine has no file system in memory, and this account may not mount one')
  const flags = [...smallSpool, '--audit-directory', join(memory, 'spool')]
  for (const seal of ['keyfile', 'shamir']) {
    const [code, said] = await failure(launch(t, { args: ['server', '--data-dir', dataDirectoryOf(folder), '--seal', seal, ...flags], env: { HOME: folder, COFFER_AUDIT_ALLOW_EPHEMERAL: 'false' } }))
    assert.equal(code, 2)
    assert.match(said, /^coffer: The audit spool lies on tmpfs.*audit\.directory.*audit\.allow_ephemeral/m)
    assert.doesNotMatch(said, /embedded database runs/)
  }
  const { root } = await startDurableServer(t, { folder, flags: [...flags, '--audit-allow-ephemeral'] })
  await root.expect('POST', '/api/v1/secrets/a?environment=dev', { value: 'x' })
})
