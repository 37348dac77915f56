// needs: python3
// The command line on a terminal (a pseudo-terminal, with the person's keys): hidden prompts, questions, Ctrl-C, colours.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, test } from 'node:test'
import { makePerson } from '../support/person.ts'
import { coffer, startDevServer } from '../support/server.ts'

const { server, root, rootToken } = await startDevServer({ after })

/**
 * Runs a command as the leader of a new terminal session. The steps are pairs: text to wait for, keys to press then.
 * Prints what the terminal showed, then the exit code on a line of its own.
 */
const driver = `
import json, os, pty, select, sys, time
steps, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(command[0], command)
shown, searched = b'', 0
end = time.monotonic() + 60
while True:
    if steps and steps[0][0].encode() in shown[searched:]:
        searched = len(shown)
        os.write(terminal, steps.pop(0)[1].encode())
    if time.monotonic() > end:
        os.kill(pid, 9)
        print('TIMED OUT'); break
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            break
        if not chunk: break
        shown += chunk
status = os.waitpid(pid, 0)[1]
sys.stdout.write(shown.decode(errors='replace') + '\\nEXIT %d' % (os.waitstatus_to_exitcode(status)))
`

interface Shown {
  readonly screen: string
  readonly code: number
}

const onTerminal = (env: Readonly<Record<string, string>>, args: readonly string[], steps: readonly (readonly [string, string])[] = [], program = coffer): Shown => {
  const { stdout, stderr } = spawnSync(process.env['COFFER_TEST_PYTHON'] ?? 'python3', ['-c', driver, JSON.stringify(steps), program, ...args], { env: { ...env, TERM: 'xterm' }, encoding: 'utf8' })
  const [, screen = '', code = ''] = /^([\s\S]*)\nEXIT (-?\d+)$/.exec(stdout) ?? []
  assert.notEqual(code, '', stdout + stderr)
  return { screen, code: Number(code) }
}

test('a typed value is not shown, may be corrected, and is stored', async (t) => {
  const { env, works } = makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken, COFFER_ENVIRONMENT: 'dev' })
  const { screen, code } = onTerminal(env, ['secret', 'set', 'typed'], [['(not shown): ', 'wrong\u0015s3crex\u007Ft-ü\r']])
  assert.equal(code, 0, screen)
  assert.doesNotMatch(screen, /s3cre|wrong/)
  assert.equal(await works(['secret', 'get', 'typed']), 's3cret-ü')
})

test('Ctrl-C at a prompt ends the command and stores nothing', (t) => {
  const { env } = makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken, COFFER_ENVIRONMENT: 'dev' })
  const { code } = onTerminal(env, ['secret', 'set', 'interrupted'], [['(not shown): ', 'abc\u0003']])
  assert.equal(code, 130)
  assert.equal(onTerminal(env, ['secret', 'get', 'interrupted']).code, 4)
})

test('login asks for the token unseen', async (t) => {
  const { env, works } = makePerson(t, { COFFER_ADDR: server.address })
  const { screen, code } = onTerminal(env, ['login'], [['(not shown): ', `${rootToken}\r`]])
  assert.equal(code, 0, screen)
  assert.doesNotMatch(screen, new RegExp(rootToken))
  assert.match(await works(['whoami']), /root/)
})

test('what cannot be undone asks, and only yes is yes', async (t) => {
  const { env, coffer: run } = makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken, COFFER_ENVIRONMENT: 'dev' })
  await root.expect('POST', '/api/v1/secrets/precious?environment=dev', { value: 'x' })
  assert.equal(onTerminal(env, ['secret', 'purge', 'precious'], [['[y/N] ', '\r']]).code, 2)
  assert.equal((await run(['secret', 'get', 'precious'])).code, 0)
  assert.equal(onTerminal(env, ['secret', 'purge', 'precious'], [['[y/N] ', 'y\r']]).code, 0)
  assert.equal((await run(['secret', 'get', 'precious'])).code, 4)
})

test('a program keeps the terminal, and one Ctrl-C is one', (t) => {
  const { env } = makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken, COFFER_ENVIRONMENT: 'dev' })
  const program = `let n = 0
    process.on('SIGINT', () => { n += 1; if (n === 1) setTimeout(() => { console.log('count=' + n); process.exit(n + 10) }, 300) })
    console.log('terminals=' + [0, 1, 2].map((fd) => require('node:tty').isatty(fd)).join())
    setInterval(() => {}, 1000)`
  const { screen, code } = onTerminal(env, ['run', '--', process.execPath, '-e', program], [['terminals=true,true,true', '\u0003']])
  assert.match(screen, /count=1/)
  assert.equal(code, 11)
})

test('a value ends with a new line on a terminal, tables have a bold heading there, and NO_COLOR is heard', async (t) => {
  const { env } = makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken, COFFER_ENVIRONMENT: 'dev' })
  await root.expect('POST', '/api/v1/secrets/shown?environment=dev', { value: 'x' })
  assert.equal(onTerminal(env, ['secret', 'get', 'shown']).screen, 'x\r\n')
  assert.match(onTerminal(env, ['secret', 'list']).screen, /^\u001B\[1mPATH/)
  assert.match(onTerminal({ ...env, NO_COLOR: '1' }, ['secret', 'list']).screen, /^PATH/)
})

test('an import asks after showing the changes', async (t) => {
  const { env, home, works } = makePerson(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken, COFFER_ENVIRONMENT: 'staging' })
  const { writeFileSync } = await import('node:fs')
  writeFileSync(`${home}/.env`, 'IMPORTED=1\n')
  const { screen, code } = onTerminal(env, ['import', `${home}/.env`], [['Write this? [y/N] ', 'yes\r']])
  assert.equal(code, 0, screen)
  assert.match(screen, /\+ IMPORTED[\s\S]*1 to create/)
  assert.equal(await works(['secret', 'get', 'IMPORTED']), '1')
})
