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
import { fileTarget, requirePlace } from './file.ts'
import { datagramTarget, streamTarget } from './socket.ts'
import { syslogTarget } from './syslog.ts'
import { Unwritable } from './target.ts'

const { signal } = new AbortController()

const anywhere = { allowed: [tmpdir()], forbidden: [] }
/** As a device writes it. */
const ENTRY = '{"auth":{},"request":{"id":"1"},"time":"2026-01-01T00:00:00Z","type":"request"}'

const scratch = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-device-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a file is made for its owner only, and follows a rotation when it is told to', async (t) => {
  const path = join(scratch(t), 'audit.log')
  const target = fileTarget({ path, mode: undefined, ...anywhere })
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
  writeFileSync(path, `${ENTRY}\n`)
  chmodSync(path, 0o644)
  const kept = fileTarget({ path, mode: 0, ...anywhere })
  await kept.write(['a'], signal)
  assert.equal(statSync(path).mode & 0o777, 0o644)
  await kept.reopen()
  const changed = fileTarget({ path, mode: 0o640, ...anywhere })
  await changed.write(['b'], signal)
  assert.equal(statSync(path).mode & 0o777, 0o640)
  assert.equal(readFileSync(path, 'utf8'), `${ENTRY}\na\nb\n`)
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
  const refused = async (path: string): Promise<void> => assert.rejects(fileTarget({ path, mode: undefined, allowed: [folder], forbidden: [data] }).write(['x'], signal), path)
  for (const path of [victim, join(data, 'new'), join(data, 'audit', 'deep'), join(folder, 'link'), join(folder, 'way', 'new'), join(folder, 'twin'), folder, '/dev/full', join(folder, 'nowhere', 'x')]) await refused(path)
  assert.equal(readFileSync(victim, 'utf8'), 'untouched')
  assert.ok(!existsSync(join(data, 'new')) && !existsSync(join(data, 'audit', 'new')))
})

test('a file lies below the directories that are named, whatever links and dots lead there', async (t) => {
  const folder = scratch(t)
  const [logs, other] = [join(folder, 'logs'), join(folder, 'other')]
  for (const each of [join(logs, 'deep'), other, join(folder, 'logs-beside')]) mkdirSync(each, { recursive: true })
  symlinkSync(other, join(logs, 'way'))
  symlinkSync(logs, join(folder, 'named'))
  const at = (path: string) => ({ path, mode: undefined, allowed: [join(folder, 'named')], forbidden: [] })
  for (const path of [join(other, 'new'), join(folder, 'new'), join(logs, 'way', 'new'), `${logs}/../other/new`, join(folder, 'logs-beside', 'new'), logs]) {
    const refusal = { kind: 'invalid_request', message: /file_path .*audit\.device_directories/ }
    await assert.rejects(fileTarget(at(path)).write(['x'], signal), refusal, path)
    await assert.rejects(requirePlace(at(path)), refusal, path)
    assert.ok(path === logs || !existsSync(path), path)
  }
  await assert.rejects(requirePlace(at(join(other, 'not', 'yet', 'there'))), /audit\.device_directories/)
  await requirePlace(at(join(logs, 'not', 'yet', 'there')))
  for (const path of [join(logs, 'new'), join(logs, 'deep', 'new'), join(folder, 'named', 'again')]) {
    const target = fileTarget(at(path))
    await target.write([ENTRY], signal)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    await target.reopen()
  }
})

test('a file that was there is taken when it is empty or begins with an entry, and else stays as it is, its mode, too', async (t) => {
  const folder = scratch(t)
  const write = async (name: string, content: string): Promise<string> => {
    const path = join(folder, name)
    writeFileSync(path, content, { mode: 0o644 })
    const target = fileTarget({ path, mode: undefined, ...anywhere })
    try {
      await target.write([ENTRY], signal)
      return readFileSync(path, 'utf8') === `${content}${ENTRY}\n` ? 'written' : 'something else'
    } catch (error) {
      assert.match(String(error), /file_path holds something else than audit entries/)
      assert.deepEqual([readFileSync(path, 'utf8'), statSync(path).mode & 0o777], [content, 0o644])
      return 'refused'
    } finally {
      await target.reopen()
    }
  }
  const long = ENTRY.replace('"id":"1"', `"id":"${'x'.repeat(100_000)}"`)
  for (const [name, content] of [['empty', ''], ['json', `${ENTRY}\n${ENTRY}\n`], ['prefixed', `@cee: ${ENTRY}\n`], ['vault', '{"time":"2026-01-01T00:00:00Z","type":"response","auth":{},"request":{}}\n'], ['xml', '<json:object name="auth"></json:object>\n'], ['torn', ENTRY.slice(0, 40)], ['long', `${long}\n`]] as const) assert.equal(await write(name, content), 'written', name)
  for (const [name, content] of [['passwd', 'root:x:0:0:root:/root:/bin/sh\n'], ['script', '#!/bin/sh\ntrue\n'], ['other-json', '{"level":"info","time":1,"msg":"x"}\n'], ['array', '[]\n'], ['line', '\n'], ['torn-other', '{"level":"in'], ['binary', '\u0000\u0001'], ['late', `hello\n${ENTRY}\n`]] as const) assert.equal(await write(name, content), 'refused', name)
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
