// needs: git, python3
// The newcomer: a clean clone, `npm start`, every command of the README with what the README says it prints, then programs
// in two languages that take their settings from `coffer run`, a rotation, the audit of all this, and a second start.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { comparable, stepsOf } from '../support/console.ts'
import { exchange, type Json } from '../support/http.ts'
import { makeNewcomer } from '../support/newcomer.ts'
import { scratchDirectory } from '../support/server.ts'
import { until } from '../support/wait.ts'

const newcomer = makeNewcomer({ after })
const [start, ...tour] = stepsOf(readFileSync(join(newcomer.folder, 'README.md'), 'utf8'))
const programs = scratchDirectory({ after })
// The README's port may be somebody else's on this machine; any free one does.
let server = await newcomer.npmStart({ COFFER_LISTEN: '127.0.0.1:0' })

/** Records are durable at once and can be searched a moment later. */
const untilShipped = (): Promise<void> =>
  until(async () => {
    const { text } = await exchange(server.address, 'GET', '/metrics')
    const waiting = [...text.matchAll(/^coffer_audit_backlog_frames(?:\{.*\})? (\d+)$/gm)]
    return waiting.length > 0 && waiting.every(([, frames]) => frames === '0')
  }, 'all records have been shipped')

interface Event {
  readonly action: string
  readonly path?: string
  readonly version?: number
  readonly decision: string
  readonly principal: string
}

const audit = async (filter: string): Promise<readonly Event[]> => {
  await untilShipped()
  return JSON.parse(await newcomer.works(`bin/coffer audit search ${filter} --limit 500 --output json`)) as readonly Event[]
}

test('npm start says where it is, how to log in and what to try, and keeps the token to itself', () => {
  assert.equal(start?.command, 'npm start', 'the first command of the README')
  const output = server.output()
  assert.match(output, /^coffer: ready at http:\/\/127\.0\.0\.1:\d+ \(unsealed\)$/m)
  assert.match(output, /bin\/coffer login --data-dir \.\/data$/m)
  const token = readFileSync(join(newcomer.folder, 'data', 'login'), 'utf8').trim()
  assert.match(token, /^hvs\./)
  assert.ok(!output.includes(token), 'the token is in output that is no terminal')
})

/** A login at another port than the usual one remembers it. */
const asAtTheUsualPort = (text: string): string => comparable(text).replace(/^address {2}http:\/\/ADDRESS$/m, 'address  -')

test('the README tells the truth: each command works and prints what is written there', async (t) => {
  assert.ok(tour.length > 15)
  for (const { command, output } of tour) {
    const { code, shown } = await newcomer.shell(command)
    await t.test(command, () => {
      assert.equal(code, 0, shown)
      assert.equal(asAtTheUsualPort(shown), comparable(output))
    })
    // The README waits for as long as it takes on an idle machine.
    if (command.startsWith('sleep')) await untilShipped()
  }
})

test('what npm start proposes to try works for somebody who has done nothing else', async () => {
  const lines = server.output().split('\n').filter((line) => line.startsWith('  ')).map((line) => line.trim())
  assert.equal(lines.length, 4, 'the login and three commands')
  const shown: string[] = []
  for (const line of lines) shown.push(await newcomer.works(`export XDG_CONFIG_HOME='${programs}/other'\n${line}`))
  assert.match(shown[0] ?? '', /^Logged in/)
  assert.deepEqual(shown.slice(2).map((text) => text.trim()), ['s3cret', 's3cret'])
})

const inNode = `
const { DATABASE_URL, STRIPE_KEY } = process.env
const { host, password } = new URL(DATABASE_URL)
process.on('SIGTERM', () => { console.log('stopping'); process.exit(7) })
console.log(JSON.stringify({ host, password, key: STRIPE_KEY, token: process.env.COFFER_TOKEN ?? null }))
if (process.argv[2] === 'serve') setInterval(() => {}, 1000)
else process.exit(Number(process.argv[2]))
`

const inPython = `
import json, os, signal, sys
from urllib.parse import urlsplit
database = urlsplit(os.environ['DATABASE_URL'])
def stop(*_):
    print('stopping', flush=True)
    sys.exit(7)
signal.signal(signal.SIGTERM, stop)
print(json.dumps({'host': database.hostname, 'password': database.password, 'key': os.environ['STRIPE_KEY'], 'token': os.environ.get('COFFER_TOKEN')}), flush=True)
if sys.argv[1] == 'serve':
    while True: signal.pause()
sys.exit(int(sys.argv[1]))
`

const languages = [
  { name: 'Node', command: 'node', file: join(programs, 'service.mjs'), text: inNode },
  { name: 'Python', command: process.env['COFFER_TEST_PYTHON'] ?? 'python3', file: join(programs, 'service.py'), text: inPython },
] as const

for (const { name, command, file, text } of languages) {
  test(`a ${name} program reads its configuration; its exit code and the signals to it pass through`, async (t) => {
    writeFileSync(file, text)
    const settings = { host: 'db1.internal', password: 's3cret', key: 'sk_test_4eC39', token: null }
    const before = (await audit('--action secret.reveal --path STRIPE_KEY')).length
    const ended = await newcomer.shell(`bin/coffer run -- ${command} ${file} 42`)
    assert.equal(ended.code, 42, ended.shown)
    assert.deepEqual(JSON.parse(ended.shown), settings)
    assert.equal((await newcomer.shell(`bin/coffer run -- ${command} ${file} 0`)).code, 0)

    const service = spawn('bin/coffer', ['run', '--', command, file, 'serve'], { cwd: newcomer.folder, env: newcomer.env, stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => service.kill('SIGKILL'))
    let shown = ''
    service.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
    await until(() => shown.includes('\n'), 'the program has started')
    assert.deepEqual(JSON.parse(shown), settings)
    service.kill('SIGTERM')
    assert.deepEqual(await once(service, 'close'), [7, null])
    assert.match(shown, /stopping\n$/)
    assert.equal((await audit('--action secret.reveal --path STRIPE_KEY')).length, before + 3, 'each of the three starts is in the audit')
  })
}

const host = async (): Promise<string> => (JSON.parse(await newcomer.works(`bin/coffer run -- node ${languages[0].file} 0`)) as Json).host

test('a secret is rotated, the program gets the new value, and each touch is in the audit', async () => {
  const current = Number((JSON.parse(await newcomer.works('bin/coffer secret get DATABASE_URL --metadata --output json')) as Json).currentVersion)
  await newcomer.works('printf %s postgres://shop:r0tated@db3.internal/shop | bin/coffer secret propose DATABASE_URL')
  assert.equal(await host(), 'db1.internal')
  await newcomer.works('bin/coffer secret promote DATABASE_URL')
  assert.equal(await host(), 'db3.internal')
  assert.match(await newcomer.works('bin/coffer secret get DATABASE_URL --alias previous'), /db1\.internal/)

  const touches = (await audit('--path DATABASE_URL')).filter(({ action }) => action !== 'secret.read').map(({ action, version, decision }) => `${action} ${version ?? '-'} ${decision}`).toReversed()
  // Newest last: the two starts of the program stand around the promotion.
  assert.deepEqual(touches.slice(-5), [
    `secret.propose ${current + 1} ALLOW`,
    `secret.reveal ${current} ALLOW`,
    `secret.promote ${current + 1} ALLOW`,
    `secret.reveal ${current + 1} ALLOW`,
    `secret.reveal ${current} ALLOW`,
  ])
  assert.ok(touches.includes('secret.create 1 ALLOW'), 'the import of the tour')
  const shown = await newcomer.works('bin/coffer audit search --limit 500 --output json')
  for (const value of ['s3cret', 'n3w', 'r0tated', 'sk_test_4eC39']) assert.ok(!shown.includes(value), 'a value is in the audit')
})

test('a second npm start finds everything again, and the clone is as clean as before', async () => {
  const { host: address } = new URL(server.address)
  const login = readFileSync(join(newcomer.folder, 'data', 'login'), 'utf8')
  await server.interrupt()
  await assert.rejects(exchange(server.address, 'GET', '/healthz'))
  assert.match((await newcomer.shell('bin/coffer secret list')).shown, /cannot be reached|refused/)

  server = await newcomer.npmStart({ COFFER_LISTEN: address, COFFER_GRPC_LISTEN: '127.0.0.1:0' })
  assert.equal(readFileSync(join(newcomer.folder, 'data', 'login'), 'utf8'), login)
  assert.equal(await host(), 'db3.internal')
  assert.match(await newcomer.works('bin/coffer audit verify'), /^intact: /)
  assert.equal((await audit('--action secret.promote --path DATABASE_URL')).length, 2, 'the record of the first run')
  await server.interrupt()
  assert.equal(await newcomer.works('git status --porcelain'), '')
})
