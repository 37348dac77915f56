import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from './credentials/store.ts'
import { configDirectory, type Environment } from './environment.ts'
import { parseInvocation } from './parse.ts'
import { commands } from './registry.ts'
import { resolveSettings, type Settings } from './settings.ts'

const resolve = (args: string[], environment: Environment = {}, context: Context = {}): Settings => {
  const command = commands.find(({ words }) => words.join(' ') === 'secret list')
  assert.ok(command)
  return resolveSettings(parseInvocation(command, args, undefined), environment, context)
}

test('a flag wins over our own variable, that over the context, the context over Vault\'s variable, and that over the default', () => {
  const context = { address: 'http://context:1', env: 'context' }
  const environment = { COFFER_ADDR: 'http://coffer:1', VAULT_ADDR: 'http://vault:1', COFFER_ENVIRONMENT: 'variable' }
  assert.equal(resolve([]).address, 'http://127.0.0.1:8200')
  assert.equal(resolve([], {}, context).address, 'http://context:1')
  assert.equal(resolve([], { VAULT_ADDR: 'http://vault:1' }, context).address, 'http://context:1')
  assert.equal(resolve([], { VAULT_ADDR: 'http://vault:1' }).address, 'http://vault:1')
  assert.equal(resolve([], environment, context).address, 'http://coffer:1')
  assert.equal(resolve(['--address', 'https://flag'], environment, context).address, 'https://flag')
  assert.equal(resolve([], environment, context).env, 'variable')
  assert.equal(resolve(['--env', 'flag'], environment, context).env, 'flag')
})

test('an empty flag means none, an empty variable means not set', () => {
  assert.equal(resolve(['--env', ''], {}, { env: 'dev' }).env, undefined)
  assert.equal(resolve([], { COFFER_ENVIRONMENT: ' ' }, { env: 'dev' }).env, 'dev')
})

test('the names that Vault users have set work', () => {
  const settings = resolve([], { VAULT_NAMESPACE: 'acme', VAULT_CACERT: '/ca.pem', VAULT_SKIP_VERIFY: 'true' })
  assert.deepEqual([settings.org, settings.cacert, settings.skipVerify], ['acme', '/ca.pem', true])
  assert.equal(resolve([], { VAULT_SKIP_VERIFY: '0' }).skipVerify, false)
  const stored = { org: 'mine', cacert: '/mine.pem' }
  const both = resolve([], { VAULT_NAMESPACE: 'acme', VAULT_CACERT: '/ca.pem' }, stored)
  assert.deepEqual([both.org, both.cacert], ['mine', '/mine.pem'])
  const own = resolve([], { COFFER_NAMESPACE: 'ours', COFFER_CACERT: '/ours.pem', COFFER_SKIP_VERIFY: 'false', VAULT_SKIP_VERIFY: 'true', VAULT_NAMESPACE: 'acme' }, stored)
  assert.deepEqual([own.org, own.cacert, own.skipVerify], ['ours', '/ours.pem', false])
})

test('a wrong address and a wrong time-out are refused', () => {
  assert.throws(() => resolve(['--address', 'nonsense']), { code: 'client.address' })
  assert.throws(() => resolve(['--timeout', '0']), { kind: 'invalid_request' })
})

test('the configuration directory follows XDG, and a relative one is ignored', () => {
  assert.equal(configDirectory({ XDG_CONFIG_HOME: '/x', HOME: '/h' }), '/x/coffer')
  assert.equal(configDirectory({ XDG_CONFIG_HOME: 'x', HOME: '/h' }), '/h/.config/coffer')
  assert.equal(configDirectory({ HOME: '/h' }), '/h/.config/coffer')
})
