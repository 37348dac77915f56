// needs: vault
// Vault's own command line, unmodified, against a running Coffer: what people and scripts do with it in a day.

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { afterwards } from '../support/cleanup.ts'
import type { Json } from '../support/http.ts'
import { scratchDirectory, startDevServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

const scope = { after }
const { server, root, rootToken } = await startDevServer(scope)
const home = scratchDirectory(scope)
const program = process.env['COFFER_TEST_VAULT'] ?? 'vault'

interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const environment = (token: string): Record<string, string> => ({ PATH: process.env['PATH'] ?? '', HOME: home, VAULT_ADDR: server.address, ...(token === '' ? {} : { VAULT_TOKEN: token }) })

const vault = (args: readonly string[], { token = rootToken, input = '', format = 'table' }: { readonly token?: string; readonly input?: string; readonly format?: string } = {}): Promise<Outcome> =>
  new Promise((resolve) => {
    const child = spawn(program, args, { env: { ...environment(token), VAULT_FORMAT: format }, cwd: home, stdio: ['pipe', 'pipe', 'pipe'] })
    const output = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()))
    child.once('close', (code) => resolve({ code, ...output }))
    child.stdin.end(input)
  })

const succeed = async (args: readonly string[], format: string): Promise<string> => {
  const { code, out, err } = await vault(args, { format })
  assert.equal(code, 0, `vault ${args.join(' ')}: ${err}${out}`)
  return out
}
const works = (...args: readonly string[]): Promise<string> => succeed(args, 'table')
const json = async (...args: readonly string[]): Promise<Json> => JSON.parse(await succeed(args, 'json')) as Json
const fails = async (args: readonly string[], code: number, words: RegExp, options = {}): Promise<void> => {
  const outcome = await vault(args, options)
  assert.equal(outcome.code, code, `${args.join(' ')}: ${outcome.err}${outcome.out}`)
  assert.match(outcome.err + outcome.out, words)
}

describe('vault kv', () => {
  test('puts, gets, patches, deletes, undeletes, rolls back and destroys', async () => {
    await works('kv', 'put', '-mount=secret', 'dev/app', 'user=a', 'password=one')
    await works('kv', 'put', 'secret/dev/app', 'user=a', 'password=two')
    assert.equal(await works('kv', 'get', '-mount=secret', '-field=password', 'dev/app'), 'two')
    assert.equal(await works('kv', 'get', '-field=password', '-version=1', 'secret/dev/app'), 'one')
    await works('kv', 'patch', '-mount=secret', 'dev/app', 'extra=x')
    assert.deepEqual((await json('kv', 'get', 'secret/dev/app'))['data'].data, { user: 'a', password: 'two', extra: 'x' })
    await works('kv', 'delete', 'secret/dev/app')
    await fails(['kv', 'get', '-field=password', 'secret/dev/app'], 2, /No data found/)
    await works('kv', 'undelete', '-versions=3', 'secret/dev/app')
    await works('kv', 'rollback', '-version=1', 'secret/dev/app')
    assert.equal(await works('kv', 'get', '-field=password', 'secret/dev/app'), 'one')
    await works('kv', 'destroy', '-versions=2', 'secret/dev/app')
    const metadata = await json('kv', 'metadata', 'get', 'secret/dev/app')
    assert.equal(metadata['data'].versions['2'].destroyed, true)
    await fails(['kv', 'put', '-cas=1', 'secret/dev/app', 'a=b'], 2, /check-and-set parameter did not match/)
  })
  test('lists, and keeps metadata', async () => {
    await works('kv', 'metadata', 'put', '-custom-metadata=team=shop', '-max-versions=5', 'secret/dev/app')
    await works('kv', 'metadata', 'patch', '-custom-metadata=tier=1', 'secret/dev/app')
    assert.deepEqual((await json('kv', 'metadata', 'get', 'secret/dev/app'))['data'].custom_metadata, { team: 'shop', tier: '1' })
    assert.deepEqual(await json('kv', 'list', 'secret/dev'), ['app'])
    await fails(['kv', 'list', 'secret/nothing'], 2, /No value found/)
    await works('kv', 'metadata', 'delete', 'secret/dev/app')
    await fails(['kv', 'get', 'secret/dev/app'], 2, /No value found/)
  })
  test('speaks version 1, and enables versioning', async () => {
    await works('secrets', 'enable', '-version=1', '-path=old', 'kv')
    await works('kv', 'put', 'old/a', 'x=1')
    assert.equal(await works('kv', 'get', '-field=x', 'old/a'), '1')
    assert.deepEqual(await json('kv', 'list', 'old'), ['a'])
    await works('kv', 'enable-versioning', 'old')
    await until(async () => (await vault(['kv', 'get', '-field=x', 'old/a'])).out === '1', 'the upgraded mount answers')
  })
})

describe('vault secrets, auth, policy, token', () => {
  test('mounts are enabled, listed, tuned, moved and disabled', async () => {
    await works('secrets', 'enable', '-path=apps', '-description=of apps', 'kv-v2')
    await works('secrets', 'tune', '-default-lease-ttl=1h', 'apps')
    assert.equal((await json('secrets', 'list'))['apps/'].config.default_lease_ttl, 3600)
    await works('secrets', 'move', 'apps', 'teams')
    assert.ok('teams/' in (await json('secrets', 'list')))
    await works('secrets', 'disable', 'teams')
    await works('auth', 'enable', '-path=people', 'userpass')
    await works('auth', 'tune', '-max-lease-ttl=2h', 'people')
    assert.equal((await json('auth', 'list'))['people/'].config.max_lease_ttl, 7200)
    await works('auth', 'move', 'auth/people', 'auth/staff')
    await works('auth', 'disable', 'staff')
  })
  test('policies are written, read, formatted, listed and deleted', async () => {
    const { code, err } = await vault(['policy', 'write', 'shop', '-'], { input: 'path "secret/data/dev/*" {\n  capabilities = ["read"]\n}\n' })
    assert.equal(code, 0, err)
    assert.match(await works('policy', 'read', 'shop'), /secret\/data\/dev/)
    assert.deepEqual(await json('policy', 'list'), ['default', 'root', 'shop'])
    await fails(['policy', 'write', 'bad', '-'], 2, /failed to parse policy/, { input: 'path {' })
  })
  test('tokens are made, looked up, renewed, asked what they may, and revoked', async () => {
    const { auth } = await json('token', 'create', '-policy=shop', '-ttl=1h', '-display-name=ci')
    assert.deepEqual(auth.policies, ['default', 'shop'])
    assert.equal((await json('token', 'lookup', auth.client_token as string))['data'].display_name, 'token-ci')
    assert.equal((await json('token', 'lookup', '-accessor', auth.accessor as string))['data'].accessor, auth.accessor)
    assert.equal((await works('token', 'capabilities', auth.client_token as string, 'secret/data/dev/x')).trim(), 'read')
    await works('token', 'renew', '-increment=30m', auth.client_token as string)
    await works('token', 'revoke', '-accessor', auth.accessor as string)
    await fails(['token', 'lookup'], 2, /permission denied/, { token: auth.client_token })
    const batch = await json('token', 'create', '-type=batch', '-policy=shop', '-ttl=10m')
    assert.match(batch['auth'].client_token as string, /^hvb\./)
  })
  test('people log in, and their token is kept where the next command finds it', async () => {
    await works('auth', 'enable', 'userpass')
    const { code } = await vault(['write', 'auth/userpass/users/ann', 'password=-', 'token_policies=shop'], { input: 'correct horse' })
    assert.equal(code, 0)
    await works('write', 'auth/userpass/users/ann', 'password=correct horse', 'token_policies=shop')
    await works('kv', 'put', 'secret/dev/app', 'password=three')
    const login = await vault(['login', '-method=userpass', 'username=ann', 'password=correct horse'], { token: '' })
    assert.equal(login.code, 0, login.err)
    assert.equal((await vault(['kv', 'get', '-field=password', 'secret/dev/app'], { token: '' })).out, 'three')
    await fails(['kv', 'put', 'secret/dev/app', 'password=four'], 2, /permission denied/, { token: '' })
    await fails(['login', '-method=userpass', 'username=ann', 'password=wrong'], 2, /invalid username or password/, { token: '' })
    assert.equal((await vault(['login', '-no-store', rootToken], { token: '' })).code, 0)
  })
  test('a service logs in with a role id and a wrapped secret id', async () => {
    await works('auth', 'enable', 'approle')
    await works('write', 'auth/approle/role/web', 'token_policies=shop', 'secret_id_num_uses=1')
    const roleId = (await works('read', '-field=role_id', 'auth/approle/role/web/role-id')).trim()
    const wrapped = await json('write', '-wrap-ttl=60s', '-f', 'auth/approle/role/web/secret-id')
    const secretId = (await works('unwrap', '-field=secret_id', wrapped['wrap_info'].token as string)).trim()
    await fails(['unwrap', wrapped['wrap_info'].token as string], 2, /wrapping token is not valid/)
    assert.deepEqual((await json('write', 'auth/approle/login', `role_id=${roleId}`, `secret_id=${secretId}`))['auth'].policies, ['default', 'shop'])
    await fails(['write', 'auth/approle/login', `role_id=${roleId}`, `secret_id=${secretId}`], 2, /invalid role or secret ID/)
  })
})

describe('vault, the rest', () => {
  test('status, read, write, list, delete, patch, path-help, leases and namespaces', async () => {
    assert.equal((await json('status'))['sealed'], false)
    await works('write', 'cubbyhole/mine', 'a=1')
    assert.equal(await works('read', '-field=a', 'cubbyhole/mine'), '1')
    assert.deepEqual(await json('list', 'cubbyhole'), ['mine'])
    await works('delete', 'cubbyhole/mine')
    assert.match(await works('path-help', 'secret/data/x'), /Matching Route: data\/<path>/)
    assert.match(await works('path-help', 'sys'), /sys\/mounts/)
    assert.match(JSON.stringify(await json('list', 'sys/leases/lookup/auth')), /userpass|token/)
    await works('lease', 'revoke', '-prefix', '-sync', 'auth/approle')
    await works('namespace', 'create', 'team')
    assert.ok((await json('namespace', 'list')).includes('team/'))
    await works('kv', 'put', '-namespace=team', 'secret/x', 'a=b')
    assert.equal(await works('kv', 'get', '-namespace=team', '-field=a', 'secret/x'), 'b')
    await works('namespace', 'patch', '-custom-metadata=owner=b', 'team')
    await works('namespace', 'delete', 'team')
    await works('plugin', 'list')
    assert.match(await works('audit', 'list'), /journal/)
    await works('print', 'token')
    assert.match(JSON.stringify(await json('operator', 'key-status')), /term/)
  })
  test('what is not there says so as it does at Vault', async () => {
    await fails(['read', 'nowhere/x'], 2, /No value found at nowhere\/x/)
    await fails(['write', 'nowhere/x', 'a=b'], 2, /no handler for route "nowhere\/x"/)
    await fails(['read', 'secret/data/dev/nothing'], 2, /No value found at secret\/data\/dev\/nothing/)
    await fails(['secrets', 'enable', 'nonsense'], 2, /plugin not found in the catalog/)
    await fails(['kv', 'get', 'secret/dev/app'], 2, /permission denied|invalid token/, { token: 'hvs.wrong' })
  })
})

describe('vault agent and proxy', () => {
  const started = (t: Parameters<typeof afterwards>[0], args: readonly string[]): ChildProcess => {
    const child = spawn(program, args, { env: environment(''), cwd: home, stdio: ['ignore', 'ignore', 'ignore'] })
    afterwards(t, () => void child.kill('SIGTERM'))
    return child
  }
  /** What `kv get` without a token gets from an agent or proxy that listens at a socket. */
  const throughSocket = (socket: string, folder: string): Promise<string> =>
    new Promise((resolve) => {
      const child = spawn(program, ['kv', 'get', '-field=password', 'secret/dev/app'], { env: { PATH: process.env['PATH'] ?? '', HOME: folder, VAULT_ADDR: `unix://${socket}` }, stdio: ['ignore', 'pipe', 'ignore'] })
      let text = ''
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
      child.once('close', () => resolve(text))
    })
  test('the agent logs in, renders a template that follows the secret, and answers for its token', async (t) => {
    const folder = scratchDirectory(t)
    await root.expect('POST', '/v1/auth/approle/role/agent', { token_policies: ['shop'], token_ttl: '20m' }, { status: 204 })
    writeFileSync(join(folder, 'role'), (await root.expect('GET', '/v1/auth/approle/role/agent/role-id')).json.data.role_id as string)
    writeFileSync(join(folder, 'secret'), (await root.expect('POST', '/v1/auth/approle/role/agent/secret-id', {})).json.data.secret_id as string)
    await root.expect('POST', '/v1/secret/data/dev/app', { data: { password: 'five' } })
    const rendered = join(folder, 'app.conf')
    const socket = join(folder, 'agent.sock')
    const config = join(folder, 'agent.hcl')
    writeFileSync(config, `
      vault { address = "${server.address}" }
      auto_auth {
        method "approle" { config = { role_id_file_path = "${join(folder, 'role')}", secret_id_file_path = "${join(folder, 'secret')}", remove_secret_id_file_after_reading = false } }
        sink "file" { config = { path = "${join(folder, 'sink')}" } }
      }
      api_proxy { use_auto_auth_token = true }
      listener "unix" { address = "${socket}" tls_disable = true }
      template_config { static_secret_render_interval = "1s" }
      template { contents = "password={{ with secret \\"secret/data/dev/app\\" }}{{ .Data.data.password }}{{ end }}" destination = "${rendered}" }
    `)
    chmodSync(folder, 0o700)
    started(t, ['agent', `-config=${config}`])
    await until(() => existsSync(rendered) && readFileSync(rendered, 'utf8') === 'password=five', 'the template was rendered', 60_000)
    assert.match(readFileSync(join(folder, 'sink'), 'utf8'), /^hvs\./)
    await root.expect('POST', '/v1/secret/data/dev/app', { data: { password: 'six' } })
    await until(() => readFileSync(rendered, 'utf8') === 'password=six', 'the template followed the secret', 60_000)
    assert.equal(await throughSocket(socket, folder), 'six')
  })
  test('the proxy answers with its own token for whoever asks it without one', async (t) => {
    const folder = scratchDirectory(t)
    await root.expect('POST', '/v1/auth/approle/role/proxy', { token_policies: ['shop'], token_ttl: '20m' }, { status: 204 })
    writeFileSync(join(folder, 'role'), (await root.expect('GET', '/v1/auth/approle/role/proxy/role-id')).json.data.role_id as string)
    writeFileSync(join(folder, 'secret'), (await root.expect('POST', '/v1/auth/approle/role/proxy/secret-id', {})).json.data.secret_id as string)
    await root.expect('POST', '/v1/secret/data/dev/app', { data: { password: 'seven' } })
    const socket = join(folder, 'proxy.sock')
    const config = join(folder, 'proxy.hcl')
    writeFileSync(config, `
      vault { address = "${server.address}" }
      auto_auth {
        method "approle" { config = { role_id_file_path = "${join(folder, 'role')}", secret_id_file_path = "${join(folder, 'secret')}", remove_secret_id_file_after_reading = false } }
      }
      api_proxy { use_auto_auth_token = true }
      listener "unix" { address = "${socket}" tls_disable = true }
    `)
    started(t, ['proxy', `-config=${config}`])
    await until(() => existsSync(socket), 'the proxy listens', 60_000)
    assert.equal(await throughSocket(socket, folder), 'seven')
  })
})
