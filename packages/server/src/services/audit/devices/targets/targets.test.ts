// Where lines go: real files, real sockets on loopback, a real logger. What hangs or refuses is given up, and works again later.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileTarget } from './file.ts'
import { datagramTarget, streamTarget } from './socket.ts'
import { syslogTarget } from './syslog.ts'
import { Unwritable } from './target.ts'

const { signal } = new AbortController()

const scratch = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-device-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a file is made for its owner only, and follows a rotation when it is told to', async (t) => {
  const path = join(scratch(t), 'audit.log')
  const target = fileTarget({ path, mode: undefined, forbidden: [] })
  await target.write(['one', 'two'], signal)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  renameSync(path, `${path}.1`)
  await target.write(['three'], signal)
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'one\ntwo\nthree\n')
  await target.reopen()
  await target.write(['four'], signal)
  assert.equal(readFileSync(path, 'utf8'), 'four\n')
  await target.reopen()
})

test('a mode is applied to a file that is there, and mode 0 leaves it alone', async (t) => {
  const path = join(scratch(t), 'audit.log')
  writeFileSync(path, 'before\n')
  chmodSync(path, 0o644)
  const kept = fileTarget({ path, mode: 0, forbidden: [] })
  await kept.write(['a'], signal)
  assert.equal(statSync(path).mode & 0o777, 0o644)
  await kept.reopen()
  const changed = fileTarget({ path, mode: 0o640, forbidden: [] })
  await changed.write(['b'], signal)
  assert.equal(statSync(path).mode & 0o777, 0o640)
  assert.equal(readFileSync(path, 'utf8'), 'before\na\nb\n')
  await changed.reopen()
})

test('no link, no other kind of file and nothing of the server\'s own is written to', async (t) => {
  const folder = scratch(t)
  const data = join(folder, 'data')
  mkdirSync(join(data, 'audit'), { recursive: true })
  const victim = join(data, 'victim')
  writeFileSync(victim, 'untouched')
  symlinkSync(victim, join(folder, 'link'))
  symlinkSync(join(data, 'audit'), join(folder, 'way'))
  linkSync(victim, join(folder, 'twin'))
  const refused = async (path: string): Promise<void> => assert.rejects(fileTarget({ path, mode: undefined, forbidden: [data] }).write(['x'], signal), path)
  for (const path of [victim, join(data, 'new'), join(data, 'audit', 'deep'), join(folder, 'link'), join(folder, 'way', 'new'), join(folder, 'twin'), folder, '/dev/full', join(folder, 'nowhere', 'x')]) await refused(path)
  assert.equal(readFileSync(victim, 'utf8'), 'untouched')
  assert.ok(!existsSync(join(data, 'new')) && !existsSync(join(data, 'audit', 'new')))
})

const listening = async (t: TestContext, at: { readonly port: number; readonly host: string } | { readonly path: string }, onSocket: (socket: Socket) => void): Promise<Server> => {
  const server = createServer(onSocket)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => void sockets.add(socket).add(socket.on('error', () => undefined)))
  server.listen(at)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server
}

const portOf = (server: Server): number => {
  const address = server.address()
  return address === null || typeof address === 'string' ? 0 : address.port
}

const collected = (): { readonly text: () => string; readonly add: (socket: Socket) => void; until(part: string): Promise<void> } => {
  let text = ''
  return {
    text: () => text,
    add: (socket) => void socket.on('data', (chunk: Buffer) => (text += chunk.toString('utf8'))),
    async until(part) {
      while (!text.includes(part)) await new Promise((resolve) => setTimeout(resolve, 5))
    },
  }
}

test('lines reach a TCP and a Unix listener, also one that went away and came back', async (t) => {
  const seen = collected()
  const first = await listening(t, { port: 0, host: '127.0.0.1' }, seen.add)
  const target = streamTarget({ host: '127.0.0.1', port: portOf(first) }, 1000)
  await target.write(['one', 'two'], signal)
  await seen.until('one\ntwo\n')
  await target.reopen()
  await target.write(['three'], signal)
  await seen.until('three\n')
  await target.reopen()
  const path = join(scratch(t), 's.sock')
  await listening(t, { path }, seen.add)
  const unix = streamTarget({ path }, 1000)
  await unix.write(['four'], signal)
  await seen.until('four\n')
  await unix.reopen()
})

test('a listener that never reads is given up in time', async (t) => {
  const server = await listening(t, { port: 0, host: '127.0.0.1' }, (socket) => void socket.pause())
  const target = streamTarget({ host: '127.0.0.1', port: portOf(server) }, 200)
  const line = 'x'.repeat(1024 * 1024)
  await assert.rejects(async () => {
    for (let n = 0; n < 64; n += 1) await target.write([line], signal)
  }, /took no bytes in time/)
  await assert.rejects(streamTarget({ host: '127.0.0.1', port: 1 }, 200).probe(signal))
})

test('each line is a datagram; one that is too large is named and the others arrive', async (t) => {
  const socket = createSocket('udp4')
  t.after(() => void socket.close())
  const got: string[] = []
  socket.on('message', (message) => void got.push(message.toString('utf8')))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const to = { host: '127.0.0.1', port: socket.address().port }
  await assert.rejects(datagramTarget(to).write(['one', 'x'.repeat(70_000), 'two'], signal), (error) => error instanceof Unwritable && error.lines === 1)
  while (got.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(got, ['one', 'two'])
  const at = new Date(2026, 3, 8, 1, 2, 3)
  await syslogTarget({ kind: 'syslog', priority: 38, tag: 'vault', to: { kind: 'udp', ...to } }, () => at).write(['{"a":1}'], signal)
  while (got.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.match(got[2] ?? '', /^<38>Apr {2}8 01:02:03 \S+ vault\[\d+\]: \{"a":1\}$/)
})

test('the local daemon is spoken to over a stream where it has one', async (t) => {
  const seen = collected()
  const path = join(scratch(t), 'log')
  await listening(t, { path }, seen.add)
  const target = syslogTarget({ kind: 'syslog', priority: 38, tag: 'vault', to: { kind: 'local', path } }, () => new Date(2026, 3, 8))
  await target.probe(signal)
  await target.write(['{"a":1}'], signal)
  await seen.until('{"a":1}\n')
  assert.match(seen.text(), /^<38>Apr {2}8 00:00:00 vault\[\d+\]: /)
  await target.reopen()
  await assert.rejects(syslogTarget({ kind: 'syslog', priority: 38, tag: 'vault', to: { kind: 'local', path: `${path}.none` } }, () => new Date()).probe(signal))
})

// needs: python3 and util-linux's logger; a machine without one of them has no such daemon either.
const hasLogger = existsSync('/usr/bin/logger') && existsSync('/usr/bin/python3')

test('the local daemon is spoken to by datagrams where it has those', { skip: hasLogger ? false : 'logger or python3 is not installed' }, async (t) => {
  const path = join(scratch(t), 'log')
  const program = "import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);s.bind(sys.argv[1]);print('bound',flush=True)\nwhile True: print(s.recv(1<<20).decode(),flush=True)"
  const daemon = spawn('/usr/bin/python3', ['-c', program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => void daemon.kill('SIGKILL'))
  let text = ''
  daemon.stdout.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
  const until = async (part: string): Promise<void> => {
    while (!text.includes(part)) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await until('bound')
  const target = syslogTarget({ kind: 'syslog', priority: 38, tag: 'vault', to: { kind: 'local', path } }, () => new Date())
  await target.probe(signal)
  const long = `{"long":"${'x'.repeat(8000)}"}`
  await target.write(['{"a":1}', long], signal)
  await until(long)
  assert.match(text, /^<38>.*vault\[\d+\]: \{"a":1\}$/m)
})
