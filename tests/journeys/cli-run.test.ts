// coffer run and shell against a real server: which variables a program gets, its exit code, its signals, and that
// nothing of it stays anywhere.

import assert from 'node:assert/strict'
import { chmodSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { isAlive } from '../support/processes.ts'
import { makePerson, type Person } from '../support/person.ts'
import { startDevServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const { server, root, rootToken } = await startDevServer({ after })
let number = 0

const developer = async (t: TestContext, secrets: Readonly<Record<string, string>>): Promise<Person> => {
  const project = `run${(number += 1)}`
  await root.expect('POST', '/api/v1/projects', { name: project })
  for (const [path, value] of Object.entries(secrets)) {
    await root.expect('POST', `/api/v1/secrets/${path}?project=${project}&environment=dev`, { value, ...(value.startsWith('{') ? { type: 'json' } : {}) })
  }
  return makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken, COFFER_PROJECT: project, COFFER_ENVIRONMENT: 'dev' })
}

/** Prints the variables of the program as JSON. */
const printVariables = ['--', process.execPath, '-e', 'console.log(JSON.stringify(process.env))']

test('a program gets the secrets over what it inherits, and no token', async (t) => {
  const person = await developer(t, { 'db/password': 'Grüße\n"x"', 'api-key.v2': 'k', KEPT: 'from the store', 'service/config': '{"user_name":"app","port":5432,"tls":true,"nested":{"a":1},"none":null}' })
  const variables = JSON.parse(await person.works(['run', ...printVariables], { env: { KEPT: 'from the shell', OTHER: 'x', VAULT_TOKEN: 'y' } }))
  assert.deepEqual(
    Object.fromEntries(['PASSWORD', 'API_KEY_V2', 'KEPT', 'USER_NAME', 'PORT', 'TLS', 'OTHER', 'NESTED', 'NONE', 'COFFER_TOKEN', 'VAULT_TOKEN', 'NODE_COMPILE_CACHE'].map((name) => [name, variables[name]])),
    { PASSWORD: 'Grüße\n"x"', API_KEY_V2: 'k', KEPT: 'from the store', USER_NAME: 'app', PORT: '5432', TLS: 'true', OTHER: 'x', NESTED: undefined, NONE: undefined, COFFER_TOKEN: undefined, VAULT_TOKEN: undefined, NODE_COMPILE_CACHE: undefined },
  )
  const passed = JSON.parse(await person.works(['run', '--pass-token', ...printVariables]))
  assert.equal(passed.COFFER_TOKEN, rootToken)
  assert.equal(JSON.parse(await person.works(['inject', ...printVariables])).PASSWORD, 'Grüße\n"x"')
})

test('names that could take over the program are left out and named, values never', async (t) => {
  const person = await developer(t, { ld_preload: 'canary.so', path: '/canary', 'node-options': '--require=canary', 'a/bash.env': 'canary', 'x/dyld_insert_libraries': 'canary', fine: 'ok' })
  const { code, stdout, stderr } = await person.coffer(['run', ...printVariables])
  assert.equal(code, 0)
  const variables = JSON.parse(stdout)
  assert.equal(variables.FINE, 'ok')
  assert.equal(variables.PATH, person.env['PATH'])
  assert.doesNotMatch(stdout + stderr, /canary/)
  for (const name of ['LD_PRELOAD', 'PATH', 'NODE_OPTIONS', 'BASH_ENV', 'DYLD_INSERT_LIBRARIES']) assert.match(stderr, new RegExp(`\\b${name}\\b`))
})

test('--prefix, --prefix-path, --alias and --require choose', async (t) => {
  const person = await developer(t, { 'a/key': '1', 'b/key': '2' })
  const clash = await person.coffer(['run', ...printVariables])
  assert.equal(clash.code, 5)
  assert.match(clash.stderr, /a\/key[\s\S]*b\/key[\s\S]*--prefix-path/)
  assert.equal(clash.stdout, '')
  assert.equal(JSON.parse(await person.works(['run', '--prefix', 'b', ...printVariables])).KEY, '2')
  assert.equal(JSON.parse(await person.works(['run', '--prefix-path', ...printVariables])).A_KEY, '1')
  const missing = await person.coffer(['run', '--prefix', 'a', '--require', 'KEY,ABSENT', ...printVariables])
  assert.equal(missing.code, 4)
  assert.match(missing.stderr, /ABSENT is required/)
  assert.equal(missing.stdout, '', 'the program was not started')
})

test('what may not be revealed is left out, counted, and not handed over', async (t) => {
  const person = await developer(t, { 'open/a': '1', 'closed/b': '2' })
  const policy = `path "${person.env['COFFER_PROJECT']}/data/dev/open/*" { capabilities = ["read"] }\npath "${person.env['COFFER_PROJECT']}/metadata/dev/*" { capabilities = ["list", "read"] }\n`
  await root.expect('PUT', `/api/v1/policies/${person.env['COFFER_PROJECT']}`, { kind: 'acl', body: policy })
  const token = (await person.works(['token', 'create', 'narrow', '--policy', person.env['COFFER_PROJECT'] ?? ''])).trim()
  const { code, stdout, stderr } = await person.coffer(['run', ...printVariables], { env: { COFFER_TOKEN: token } })
  assert.equal(code, 0, stderr)
  const variables = JSON.parse(stdout)
  assert.deepEqual([variables.A, variables.B], ['1', undefined])
  assert.match(stderr, /1 secret was left out/)
})

test('the exit code is the program\'s, 128 + n after a signal, and what shells say when it cannot run', async (t) => {
  const person = await developer(t, {})
  const codeOf = async (...command: string[]): Promise<number | null> => (await person.coffer(['run', '--', ...command])).code
  assert.equal(await codeOf('sh', '-c', 'exit 0'), 0)
  assert.equal(await codeOf('sh', '-c', 'exit 42'), 42)
  assert.equal(await codeOf('sh', '-c', 'kill -TERM $$'), 143)
  assert.equal(await codeOf('sh', '-c', 'kill -KILL $$'), 137)
  assert.equal(await codeOf('no-such-program'), 127)
  writeFileSync(join(person.home, 'data'), 'x')
  chmodSync(join(person.home, 'data'), 0o644)
  assert.equal(await codeOf('./data'), 126)
})

test('standard streams go through, and arguments arrive as they are', async (t) => {
  const person = await developer(t, {})
  assert.equal(await person.works(['run', '--', 'cat'], { input: 'through\0\xff' }), 'through\0\xff')
  assert.equal(await person.works(['run', '--', 'sh', '-c', 'printf "<%s>" "$@"', 'sh', '--env', 'a b', '', '--', '$HOME']), '<--env><a b><><--><$HOME>')
  const { stdout, stderr } = await person.coffer(['run', '--', 'sh', '-c', 'echo out; echo err >&2'])
  assert.deepEqual([stdout, stderr], ['out\n', 'err\n'])
})

test('signals reach the program, which may answer them in its own way', async (t) => {
  const person = await developer(t, {})
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) {
    const script = `process.on('${signal}', () => { console.log('got'); process.exitCode = 9; clearInterval(alive) }); const alive = setInterval(() => {}, 1000); console.log('ready')`
    const { child, outcome } = person.start(['run', '--', process.execPath, '-e', script])
    await new Promise((resolve) => child.stdout?.once('data', resolve))
    child.kill(signal)
    const { code, stdout } = await outcome
    assert.deepEqual([code, stdout], [9, 'ready\ngot\n'], signal)
  }
})

test('a program that ignores the signal is not left alone: the command waits for its end', async (t) => {
  const person = await developer(t, {})
  const { child, outcome } = person.start(['run', '--', 'sh', '-c', 'trap "" TERM; echo $$; while :; do sleep 1; done'])
  const pid = Number(await new Promise((resolve) => child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))))
  child.kill('SIGTERM')
  await until(() => /SigIgn:\s*[0-9a-f]*[4-7c-f][0-9a-f]{3}$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')), 'the program ignores SIGTERM')
  assert.ok(isAlive(pid))
  assert.ok(isAlive(child.pid ?? 0))
  child.kill('SIGHUP')
  assert.equal((await outcome).code, 129)
})

test('nothing is written to disk, and only the program\'s own variables hold a value', async (t) => {
  const person = await developer(t, { secret: 'canary-on-disk-4711' })
  const { child, outcome } = person.start(['run', '--', 'sh', '-c', 'echo $$; exec sleep 1000'])
  const pid = String(await new Promise((resolve) => child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))))
  const holds = (path: string): boolean => {
    try {
      return readFileSync(path, 'latin1').includes('canary-on-disk-4711')
    } catch {
      return false // ended in between
    }
  }
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  assert.deepEqual(processes.filter((name) => holds(`/proc/${name}/cmdline`)), [])
  assert.deepEqual(processes.filter((name) => holds(`/proc/${name}/environ`)), [pid])
  const files = readdirSync(person.home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  assert.deepEqual(files.filter((file) => holds(join(file.parentPath, file.name))), [])
  child.kill()
  assert.equal((await outcome).code, 143)
})

test('one request is enough', async (t) => {
  const person = await developer(t, { x: '1' })
  const count = async (): Promise<number> => {
    const text = (await root.expect('GET', '/metrics')).text
    return [...text.matchAll(/^coffer_request_seconds_count\{[^}]*\} (\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0)
  }
  const before = await count()
  await person.works(['run', '--', 'true'])
  await until(async () => (await count()) > before, 'the request is counted')
  assert.equal((await count()) - before, 1)
})

test('a shell gets the same variables, and its exit code is the command\'s', async (t) => {
  const person = await developer(t, { x: 'in the shell' })
  for (const args of [['shell'], ['inject', '--shell']]) {
    const { code, stdout } = await person.coffer(args, { input: 'echo "$X"; exit 3\n', env: { SHELL: '/bin/sh' } })
    assert.deepEqual([code, stdout], [3, 'in the shell\n'])
  }
  assert.equal((await person.coffer(['inject'])).code, 2)
  assert.equal((await person.coffer(['inject', '--shell', '--', 'true'])).code, 2)
})

test('without a server the program is not started', async (t) => {
  const person = await developer(t, {})
  const { code, stdout } = await person.coffer(['run', '--address', 'http://127.0.0.1:1', '--', 'echo', 'started'])
  assert.deepEqual([code, stdout], [7, ''])
})
