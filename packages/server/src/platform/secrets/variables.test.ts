// Names of variables: how they come about, which are never given, and who is named when two are the same.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ValueType } from '../../kernel/secret-model.ts'
import { isDangerous, scalars, toVariables, variableName } from './variables.ts'

const value = (path: string, text = 'v', type: ValueType = 'text') => ({ path, type, text })
const of = (values: Parameters<typeof toVariables>[0], wholePath = false) => {
  const { variables, excluded } = toVariables(values, wholePath)
  return { ...Object.fromEntries(variables), excluded }
}

test('the name is the last segment in upper case, or the whole path', () => {
  assert.equal(variableName('payments/stripe-api.key', false), 'STRIPE_API_KEY')
  assert.equal(variableName('payments/stripe-api.key', true), 'PAYMENTS_STRIPE_API_KEY')
  assert.equal(variableName('_x', false), '_X')
})

test('a path that gives no valid name is refused by its name', () => {
  for (const path of ['1st', 'a b', 'ä', 'a$', 'x/9', '💥']) assert.throws(() => variableName(path, false), { kind: 'invalid_request', code: 'inject.bad_name' }, path)
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (path) => {
    try {
      assert.match(variableName(path, true), /^[A-Z_][A-Z0-9_]*$/)
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'inject.bad_name')
    }
  }))
})

test('names that take over a process are left out and listed, however they are spelt', () => {
  const dangerous = ['ld_preload', 'LD_LIBRARY_PATH', 'Path', 'node-options', 'bash.env', 'dyld_insert_libraries', 'PYTHONPATH', 'git_ssh_command', 'java_tool_options', 'coffer_token', 'vault_addr', 'home']
  assert.deepEqual(of(dangerous.map((path) => value(path))).excluded.length, dangerous.length)
  assert.deepEqual(Object.keys(of(dangerous.map((path) => value(path)))), ['excluded'])
  assert.deepEqual(of([value('db/ld_preload')], true), { DB_LD_PRELOAD: 'v', excluded: [] })
  for (const name of ['DATABASE_URL', 'MY_PATH', 'PATHS', 'NODE_ENV', 'LDAP_URL']) assert.equal(isDangerous(name), false, name)
})

test('a json secret gives one variable for each top-level scalar, exactly as written', () => {
  const json = '{"user":"app","port":5432,"big":12345678901234567890,"on":true,"none":null,"nested":{"x":1},"list":[1]}'
  assert.deepEqual(of([value('db', json, 'json')]), { USER: 'app', PORT: '5432', BIG: '12345678901234567890', ON: 'true', excluded: [] })
})

test('members are dangerous by the name that they end up with', () => {
  assert.deepEqual(of([value('db', '{"PATH":"/evil"}', 'json')]), { excluded: ['PATH'] })
  assert.deepEqual(of([value('db', '{"PATH":"/x"}', 'json')], true), { DB_PATH: '/x', excluded: [] })
})

test('a json secret that is no object is its text, and text that looks like json is text', () => {
  assert.deepEqual(of([value('n', '5', 'json'), value('t', '{"a":1}', 'text')]), { N: '5', T: '{"a":1}', excluded: [] })
  assert.equal(scalars('[1]'), undefined)
  assert.equal(scalars('null'), undefined)
})

test('two secrets of one name are a conflict that names both', () => {
  for (const [values, one, other] of [
    [[value('a/token'), value('b/token')], 'a/token', 'b/token'],
    [[value('a-b'), value('a.b')], 'a-b', 'a.b'],
    [[value('db', '{"token":"x"}', 'json'), value('token')], 'db#token', 'token'],
    [[value('db', '{"a":"x","A":"y"}', 'json')], 'db#a', 'db#A'],
  ] as const) {
    assert.throws(() => toVariables(values, false), (error: Error & { kind?: string; code?: string }) => {
      assert.deepEqual([error.kind, error.code], ['conflict', 'inject.same_name'])
      assert.ok(error.message.includes(`"${one}"`) && error.message.includes(`"${other}"`), error.message)
      return true
    })
  }
  assert.equal(toVariables([value('a/token'), value('b/token')], true).variables.size, 2)
})

test('a value that no variable can hold is left out and listed', () => assert.deepEqual(of([value('x', 'a\0b')]), { excluded: ['X'] }))
