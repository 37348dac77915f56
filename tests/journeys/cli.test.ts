// The command line against a real server: what a developer does in a day, and the exit code of everything that fails.

import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { makePerson, type Person } from '../support/person.ts'
import { scratchDirectory, startDevServer, startServer } from '../support/server.ts'

const open = await startDevServer({ after })

let number = 0

/** Somebody with a project of their own, logged in, with `dev` as the default environment. */
const developer = async (t: TestContext): Promise<Person & { readonly project: string }> => {
  const project = `project${(number += 1)}`
  await open.root.expect('POST', '/api/v1/projects', { name: project })
  const person = makePerson(t, { COFFER_ADDR: open.server.address })
  await person.works(['login', '--token-stdin'], { input: open.rootToken })
  await person.works(['context', 'set', '--project', project, '--env', 'dev'])
  return { ...person, project }
}

const json = async (person: Person, args: readonly string[]): Promise<any> => JSON.parse(await person.works([...args, '--output', 'json'])) // oxlint-disable-line typescript/no-explicit-any -- what a server said

test('a login is stored encrypted, for one server, and forgotten again', async (t) => {
  const person = makePerson(t, { COFFER_ADDR: open.server.address })
  const directory = join(person.home, '.config', 'coffer')
  assert.equal((await person.coffer(['whoami'])).code, 3)
  assert.match(await person.works(['login', '--token-stdin'], { input: `${open.rootToken}\n` }), /^Logged in to http:/)
  assert.deepEqual(readdirSync(directory).sort(), ['config.json', 'key'])
  assert.equal(statSync(directory).mode & 0o777, 0o700)
  for (const file of ['config.json', 'key']) {
    assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600)
    assert.doesNotMatch(readFileSync(join(directory, file), 'latin1'), new RegExp(open.rootToken))
  }
  assert.match(await person.works(['whoami']), /token from +.*config\.json/)
  chmodSync(join(directory, 'key'), 0o644)
  const refused = await person.coffer(['whoami'])
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /mode 0644[\s\S]*chmod 600/)
  chmodSync(join(directory, 'key'), 0o600)
  const elsewhere = await startDevServer(t, [], 'another-root')
  assert.equal((await person.coffer(['whoami', '--address', elsewhere.server.address])).code, 3, 'the stored token is for the other server')
  await person.works(['logout'])
  assert.equal((await person.coffer(['whoami'])).code, 3)
})

test('COFFER_TOKEN wins over a stored login, that over VAULT_TOKEN and ~/.vault-token, and a wrong token is not stored', async (t) => {
  const person = await developer(t)
  const from = async (env: Record<string, string>): Promise<string | undefined> => /token from +(\S+)/.exec(await person.works(['whoami'], { env }))?.[1]
  assert.equal(await from({ COFFER_TOKEN: open.rootToken, VAULT_TOKEN: 'wrong' }), 'COFFER_TOKEN')
  assert.match((await from({ COFFER_TOKEN: '', VAULT_TOKEN: 'wrong' })) ?? '', /config\.json$/)
  assert.equal((await person.coffer(['whoami'], { env: { COFFER_TOKEN: 'wrong' } })).code, 3)
  assert.equal((await person.coffer(['login', '--token-stdin'], { input: 'wrong' })).code, 3)
  assert.match((await from({})) ?? '', /config\.json$/)
  await person.works(['logout'])
  writeFileSync(join(person.home, '.vault-token'), `${open.rootToken}\n`)
  assert.match((await from({})) ?? '', /\.vault-token$/)
  assert.equal(await from({ VAULT_TOKEN: open.rootToken }), 'VAULT_TOKEN')
})

test('whoever has only the settings of Vault needs no others, and they change nothing for whoever has logged in', async (t) => {
  const settings = { VAULT_ADDR: open.server.address, VAULT_TOKEN: open.rootToken, VAULT_NAMESPACE: 'root' }
  const guest = makePerson(t, settings)
  assert.match(await guest.works(['whoami']), new RegExp(open.server.address))
  await guest.works(['login', '--token-stdin', '--address', open.server.address], { input: open.rootToken })
  const other = { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'wrong', VAULT_NAMESPACE: '' }
  assert.match(await guest.works(['whoami'], { env: other }), new RegExp(open.server.address))
  assert.equal((await guest.coffer(['whoami'], { env: { ...other, COFFER_ADDR: 'http://127.0.0.1:1' } })).code, 7)
})

test('login --data-dir takes the first token of npm start', async (t) => {
  const folder = scratchDirectory(t)
  const server = await startServer(t, { args: ['start', '--data-dir', join(folder, 'data')], env: { HOME: folder } })
  const person = makePerson(t, {})
  assert.match(await person.works(['login', '--data-dir', join(folder, 'data')]), new RegExp(`^Logged in to ${server.address} `), 'the address is in the data directory, too')
  assert.match(await person.works(['whoami']), new RegExp(server.address), 'the address of the login is the default from then on')
  const elsewhere = await person.coffer(['login', '--data-dir', join(folder, 'data'), '--address', open.server.address])
  assert.equal(elsewhere.code, 3, 'a named address wins')
  await person.works(['whoami'])
  const missing = await person.coffer(['login', '--data-dir', person.home, '--address', server.address])
  assert.equal(missing.code, 4)
  assert.match(missing.stderr, /data directory/)
})

test('a value goes in from standard input or a file and comes out byte for byte', async (t) => {
  const person = await developer(t)
  const odd = 'Grüße "日本"\n\ttab \\ $HOME `id` %s\r\nend'
  await person.works(['secret', 'set', 'a/odd'], { input: odd })
  assert.equal(await person.works(['secret', 'get', 'a/odd']), odd)
  await person.works(['secret', 'set', 'a/echo'], { input: 'line\n' })
  assert.equal(await person.works(['secret', 'get', 'a/echo']), 'line')
  await person.works(['secret', 'set', 'a/exact', '--exact'], { input: 'line\n' })
  assert.equal(await person.works(['secret', 'get', 'a/exact']), 'line\n')
  writeFileSync(join(person.home, 'key.pem'), '-----BEGIN-----\nx\n-----END-----\n')
  await person.works(['secret', 'set', 'a/file', '--from-file', 'key.pem'])
  assert.equal(await person.works(['secret', 'get', 'a/file']), '-----BEGIN-----\nx\n-----END-----\n')
  const binary = await person.coffer(['secret', 'set', 'a/binary'], { input: Buffer.from([0xff, 0xfe, 0x00]) })
  assert.equal(binary.code, 2)
  assert.match(binary.stderr, /base64/)
  assert.equal((await person.coffer(['secret', 'set', 'a/empty'])).code, 2)
})

test('a value on the command line is refused, is not repeated, and nothing is stored', async (t) => {
  const person = await developer(t)
  for (const args of [['secret', 'set', 'PASSWORD=hunter2'], ['secret', 'set', 'PASSWORD', 'hunter2'], ['secret', 'set', 'PASSWORD', '--value', 'hunter2'], ['secret', 'set', 'PASSWORD', '--value=hunter2']]) {
    const { code, stdout, stderr } = await person.coffer(args, { input: 'x' })
    assert.equal(code, 2)
    assert.doesNotMatch(stdout + stderr, /hunter2/)
  }
  assert.deepEqual(await json(person, ['secret', 'list']), [])
})

test('without an environment the first part of a name is one, and a locked token brings its own', async (t) => {
  const person = await developer(t)
  await person.works(['context', 'set', '--env', ''])
  await person.works(['secret', 'set', 'dev/db/password'], { input: 's3cret' })
  assert.equal(await person.works(['secret', 'get', 'dev/db/password']), 's3cret')
  assert.equal(await person.works(['secret', 'get', 'db/password', '--env', 'dev']), 's3cret')
  assert.match(await person.works(['secret', 'list', 'dev']), /^db\/password/m)
  const unnamed = await person.coffer(['secret', 'list'])
  assert.equal(unnamed.code, 2)
  assert.match(unnamed.stderr, /dev, staging, prod[\s\S]*--env/)
  const token = (await person.works(['token', 'create', 'ci', '--role', 'reader', '--env', 'dev'])).trim()
  assert.equal(await person.works(['secret', 'get', 'db/password', '--project', ''], { env: { COFFER_TOKEN: token } }), 's3cret')
})

test('versions: compare-and-swap, rollback, propose, promote, disable, destroy', async (t) => {
  const person = await developer(t)
  const set = (value: string, ...more: string[]) => person.coffer(['secret', 'set', 'db', ...more], { input: value })
  assert.equal((await set('one', '--expect-version', '0')).code, 0)
  assert.equal((await set('two', '--expect-version', '0')).code, 5)
  assert.equal((await set('two', '--expect-version', '1')).code, 0)
  await person.works(['secret', 'rollback', 'db'])
  assert.equal(await person.works(['secret', 'get', 'db']), 'one')
  assert.equal(await person.works(['secret', 'get', 'db', '--version', 'v2']), 'two')
  await person.works(['secret', 'propose', 'db'], { input: 'four' })
  assert.equal(await person.works(['secret', 'get', 'db']), 'one')
  assert.equal(await person.works(['secret', 'get', 'db', '--alias', 'next']), 'four')
  assert.equal((await person.coffer(['secret', 'promote', 'db', '--expect-version', '2'])).code, 5)
  await person.works(['secret', 'promote', 'db'])
  assert.equal(await person.works(['secret', 'get', 'db']), 'four')
  assert.equal((await person.coffer(['secret', 'promote', 'db'])).code, 2, 'nothing is proposed any more')
  await person.works(['secret', 'disable', 'db', '--version', '2'])
  assert.notEqual((await person.coffer(['secret', 'get', 'db', '--version', '2'])).code, 0)
  await person.works(['secret', 'enable', 'db', '--version', '2'])
  assert.equal(await person.works(['secret', 'get', 'db', '--version', '2']), 'two')
  assert.equal((await person.coffer(['secret', 'destroy', 'db', '--version', '1'])).code, 2, 'nobody said yes')
  await person.works(['secret', 'destroy', 'db', '--version', '1', '--yes'])
  assert.deepEqual((await json(person, ['secret', 'history', 'db'])).map(({ version, state }: { version: number; state: string }) => `${version} ${state}`), ['4 CURRENT', '3 PREVIOUS', '2 PREVIOUS', '1 DESTROYED'])
})

test('a deleted secret comes back, a purged one does not', async (t) => {
  const person = await developer(t)
  await person.works(['secret', 'set', 'x'], { input: 'v' })
  await person.works(['secret', 'rm', 'x'])
  assert.equal((await person.coffer(['secret', 'get', 'x'])).code, 4)
  assert.match(await person.works(['secret', 'list', '--deleted']), /^x /m)
  await person.works(['secret', 'restore', 'x'])
  assert.equal(await person.works(['secret', 'get', 'x']), 'v')
  assert.equal((await person.coffer(['secret', 'purge', 'x'])).code, 2)
  await person.works(['secret', 'purge', 'x', '--yes'])
  assert.equal((await person.coffer(['secret', 'restore', 'x'])).code, 4)
})

test('a list is complete beyond one page', async (t) => {
  const person = await developer(t)
  const names = Array.from({ length: 620 }, (_, index) => `k${String(index).padStart(3, '0')}`)
  for (const half of [names.slice(0, 310), names.slice(310)]) {
    await person.works(['import', '-', '--format', 'json', '--yes'], { input: JSON.stringify(Object.fromEntries(half.map((name) => [name, 'v']))) })
  }
  assert.deepEqual((await json(person, ['secret', 'list'])).map(({ path }: { path: string }) => path), names)
})

test('an import shows what would change, writes nothing without a yes, and prints no value', async (t) => {
  const person = await developer(t)
  await person.works(['secret', 'set', 'A'], { input: 'same' })
  await person.works(['secret', 'set', 'B'], { input: 'old' })
  writeFileSync(join(person.home, '.env'), '# settings\nA=same\nexport B="canary-b \\"q\\""\nC=\'canary c\'\n')
  const asked = await person.coffer(['import', '.env'])
  assert.equal(asked.code, 2)
  assert.match(asked.stderr, /^~ B$[\s\S]*^\+ C$[\s\S]*1 to create, 1 to update, 1 unchanged/m)
  assert.equal(await person.works(['secret', 'get', 'B']), 'old')
  const done = await person.coffer(['import', '.env', '--yes'])
  assert.equal(done.code, 0)
  assert.doesNotMatch(asked.stderr + asked.stdout + done.stderr + done.stdout, /canary/)
  assert.equal(await person.works(['secret', 'get', 'B']), 'canary-b "q"')
  assert.match((await person.coffer(['import', '.env', '--yes'])).stderr, /0 to create, 0 to update, 3 unchanged/)
  assert.equal((await person.coffer(['import', 'missing.env'])).code, 2)
  assert.equal((await person.coffer(['import', 'data.txt'])).code, 2)
})

test('an export is an import of the same, in each form, and its file is private', async (t) => {
  const person = await developer(t)
  const values = { A: 'plain', B: 'two words # no comment', C: 'line\nbreak', D: 'quote " and \\ and $x', E: 'ünïcode ✓' }
  await person.works(['import', '-', '--format', 'json', '--yes'], { input: JSON.stringify(values) })
  for (const format of ['env', 'json', 'yaml']) {
    const document = await person.works(['export', '--format', format])
    await person.works(['import', '-', '--format', format, '--env', 'staging', '--yes'], { input: document })
    assert.deepEqual(JSON.parse(await person.works(['export', '--format', 'json', '--env', 'staging'])), values, format)
  }
  await person.works(['export', '--file', 'out.json'])
  assert.equal(statSync(join(person.home, 'out.json')).mode & 0o777, 0o600)
  assert.deepEqual(JSON.parse(readFileSync(join(person.home, 'out.json'), 'utf8')), values)
  assert.equal((await person.coffer(['export', '--file', 'out.json'])).code, 5, 'a file that is there is not overwritten')
})

test('projects, environments and their protection', async (t) => {
  const person = await developer(t)
  await person.works(['project', 'create', `${person.project}-more`, '--description', 'More'])
  assert.match(await person.works(['project', 'list']), new RegExp(`^${person.project}-more +dev staging prod +More$`, 'm'))
  await person.works(['env', 'create', 'qa'])
  await person.works(['env', 'protect', 'qa'])
  assert.match(await person.works(['env', 'list']), /^qa +qa +yes$/m)
  await person.works(['env', 'protect', 'qa', '--off'])
  assert.match(await person.works(['env', 'list']), /^qa +qa +no$/m)
  assert.equal((await person.coffer(['env', 'list', '--project', 'nowhere'])).code, 4)
})

test('a token is locked to the context, alone on standard output, and ends when it is revoked', async (t) => {
  const person = await developer(t)
  await person.works(['secret', 'set', 'x'], { input: 'v' })
  const made = await person.coffer(['token', 'create', 'ci', '--role', 'reader', '--ttl', '1h'])
  const token = made.stdout.trim()
  assert.match(token, /^hvs\.\w+$/)
  assert.match(made.stderr, new RegExp(`${person.project}/dev`))
  const env = { COFFER_TOKEN: token }
  assert.equal(await person.works(['secret', 'get', 'x'], { env }), 'v')
  assert.equal((await person.coffer(['secret', 'set', 'x'], { env, input: 'w' })).code, 3)
  assert.equal((await person.coffer(['secret', 'get', 'x', '--env', 'prod'], { env })).code, 3)
  const { accessor } = await json({ ...person, works: (args) => person.works(args, { env }) }, ['whoami'])
  assert.match(await person.works(['token', 'list']), new RegExp(`^${accessor} `, 'm'))
  await person.works(['token', 'revoke', accessor])
  assert.equal((await person.coffer(['secret', 'get', 'x'], { env })).code, 3)
})

test('policies, and why something is allowed or not', async (t) => {
  const person = await developer(t)
  mkdirSync(join(person.home, 'policies'))
  writeFileSync(join(person.home, 'policies', 'p.hcl'), `path "${person.project}/data/dev/open/*" { capabilities = ["read"] }\n`)
  const name = `${person.project}-open`
  await person.works(['policy', 'put', name, 'policies/p.hcl'])
  assert.match(await person.works(['policy', 'list']), new RegExp(`^${name} +acl`, 'm'))
  assert.equal(await person.works(['policy', 'get', name, '--kind', 'acl']), readFileSync(join(person.home, 'policies', 'p.hcl'), 'utf8'))
  const env = { COFFER_TOKEN: (await person.works(['token', 'create', 'narrow', '--policy', name])).trim() }
  assert.match(await person.works(['explain', 'reveal', 'open/x'], { env }), /^allowed/)
  assert.match(await person.works(['explain', 'reveal', 'closed/x'], { env }), /^denied/)
  await person.works(['policy', 'rm', name, '--kind', 'acl', '--yes'])
  assert.equal((await person.coffer(['policy', 'get', name, '--kind', 'acl'])).code, 4)
})

test('groups are made, filled and emptied', async (t) => {
  const person = await developer(t)
  const name = `${person.project}-oncall`
  await person.works(['token', 'create', `${person.project}-ann`, '--kind', 'user', '--everywhere'])
  assert.match(await person.works(['group', 'create', name, '--policy', 'default']), new RegExp(`^${name}: grp_`))
  assert.equal((await person.coffer(['group', 'create', name])).code, 5)
  assert.equal(await person.works(['group', 'add', name, `user:${person.project}-ann`]), 'added\n')
  assert.match(await person.works(['group', 'list']), new RegExp(`^${name} +internal +1 +default`, 'm'))
  const member = (await person.works(['group', 'show', name])).trim()
  assert.match(member, /^usr_/)
  assert.equal(await person.works(['group', 'remove', name, member]), 'removed\n')
  assert.equal(await person.works(['group', 'show', name]), '')
  assert.equal((await person.coffer(['group', 'add', 'nothing', `user:${person.project}-ann`])).code, 4)
})

test('each touch is in the audit, without its value, and the record is intact', async (t) => {
  const person = await developer(t)
  await person.works(['secret', 'set', 'watched'], { input: 'canary-audit' })
  await person.works(['secret', 'get', 'watched'])
  let found = ''
  // Records are durable at once and in the table a moment later.
  while (!/secret\.reveal/.test(found)) found = await person.works(['audit', 'search', '--project', person.project, '--path', 'watched'])
  assert.match(found, new RegExp(`ALLOW +secret\\.reveal +\\S+ +${person.project}/dev/watched v1`))
  assert.doesNotMatch(found, /canary/)
  assert.equal((await person.works(['audit', 'tail', '-n', '3'])).trim().split('\n').length, 3)
  assert.match(await person.works(['audit', 'verify']), /^intact/)
})

test('every kind of failure has its exit code, says what to do, and has a JSON form', async (t) => {
  const person = await developer(t)
  const codes = [
    [['nonsense'], 2, /coffer help/], [['secret', 'lst'], 2, /secret list/], [['secret', 'get', 'x', '--alais', 'y'], 2, /--alias/], [['secret', 'get'], 2, /NAME/],
    [['secret', 'get', 'nope'], 4, /secret list/], [['secret', 'get', 'a/../b'], 2, /path/i], [['whoami', '--address', 'http://127.0.0.1:1'], 7, /--address/], [['whoami', '--address', 'http://u:canary@h'], 2, /https:/],
  ] as const
  for (const [args, code, hint] of codes) {
    const outcome = await person.coffer(args)
    assert.equal(outcome.code, code, args.join(' '))
    assert.equal(outcome.stdout, '', args.join(' '))
    assert.match(outcome.stderr, hint)
    assert.doesNotMatch(outcome.stderr, /canary|\n\s+at /)
  }
  const { stderr } = await person.coffer(['secret', 'get', 'nope', '-o', 'json'])
  const { error, data } = JSON.parse(stderr)
  assert.deepEqual([error, data.kind, data.code], [true, 'not_found', 'secret.not_found'])
  assert.match(data.requestId, /^req_/)
})

test('the ceremony of a sealed server, and the exit code of a script that waits', async (t) => {
  const folder = scratchDirectory(t)
  const server = await startServer(t, { args: ['server', '--data-dir', join(folder, 'data'), '--seal', 'shamir', '--audit-segment-bytes', '1MiB', '--audit-max-spool-bytes', '16MiB'] })
  const person = makePerson(t, { COFFER_ADDR: server.address })
  assert.equal((await person.coffer(['operator', 'status'])).code, 7)
  const made = await json(person, ['operator', 'init', '--shares', '3', '--threshold', '2'])
  assert.equal((await person.coffer(['secret', 'list', '--env', 'dev'], { env: { COFFER_TOKEN: made.root_token } })).code, 7)
  assert.equal((await person.coffer(['operator', 'unseal', made.keys[0]])).code, 2, 'a share is no argument')
  assert.match(await person.works(['operator', 'unseal'], { input: made.keys[0] }), /given so far +1 of 2/)
  assert.match(await person.works(['operator', 'unseal', '--reset']), /given so far +0 of 2/)
  assert.equal((await person.coffer(['operator', 'unseal'], { input: 'nonsense' })).code, 2)
  await person.works(['operator', 'unseal'], { input: `${made.keys_base64[2]}\n` })
  assert.match(await person.works(['operator', 'unseal'], { input: made.keys[1] }), /sealed +no/)
  await person.works(['login', '--token-stdin'], { input: made.root_token })
  assert.equal((await person.coffer(['doctor'])).code, 0)
  assert.equal((await person.coffer(['operator', 'seal'])).code, 2)
  await person.works(['operator', 'seal', '--yes'])
  const doctor = await person.coffer(['doctor'])
  assert.equal(doctor.code, 1)
  assert.match(doctor.stdout, /operator unseal/)
})

test('help and completion know every command', async (t) => {
  const person = makePerson(t, {})
  const help = await person.works(['help'])
  for (const line of ['secret set NAME', 'operator unseal', 'audit verify', 'run']) assert.match(help, new RegExp(`^ {2}${line} `, 'm'))
  assert.match(await person.works(['secret', 'set', '--help']), /--from-file FILE/)
  assert.match(await person.works(['help', 'secret']), /secret promote/)
  assert.match(await person.works(['version']), /^coffer \d+\.\d+\.\d+/)
  const script = join(person.home, 'completion.bash')
  writeFileSync(script, await person.works(['completion', 'bash']))
  const { spawnSync } = await import('node:child_process')
  const complete = (...words: string[]): string[] => {
    const quoted = words.map((word) => `'${word}'`).join(' ')
    const result = spawnSync('bash', ['-c', `source '${script}'; COMP_WORDS=(coffer ${quoted}); COMP_CWORD=${words.length}; _coffer; echo "\${COMPREPLY[*]}"`], { encoding: 'utf8' })
    assert.equal(result.status, 0, result.stderr)
    return result.stdout.trim().split(' ')
  }
  assert.deepEqual(complete('sec'), ['secret'])
  assert.deepEqual(complete('secret', 'pro'), ['propose', 'promote'])
  assert.ok(complete('secret', 'get', '--').includes('--alias'))
  assert.deepEqual(complete('--env', 'dev', 'secret', 'li'), ['list'])
  assert.equal(existsSync(join(person.home, '.config')), false, 'help stores nothing')
})
