import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, inspect } from 'node:util'
import { MASK, reveal, Secret, secret } from './secret.ts'

const HIDDEN = 'hunter2'

/** Every usual way in which a value ends up in text. */
const WAYS: Readonly<Record<string, (value: Secret<unknown>) => string>> = {
  template: (value) => `${value}`,
  concatenation: (value) => 'is ' + String(value),
  coercion: (value) => '' + (value as unknown as string),
  'array join': (value) => [value].join(),
  JSON: (value) => JSON.stringify({ value, list: [value] }),
  inspect: (value) => inspect({ value }, { depth: 9, showHidden: true, getters: true }),
  'inspect without custom inspection': (value) => inspect({ value }, { depth: 9, showHidden: true, customInspect: false }),
  'format %s': (value) => format('%s', value),
  'format %o': (value) => format('%o', value),
  'format %j': (value) => format('%j', value),
  'error message': (value) => new Error(String(value)).stack ?? '',
  'assertion message': (value) => {
    try {
      assert.deepEqual({ value }, { value: 1 })
      return 'no error'
    } catch (error) {
      return inspect(error)
    }
  },
  keys: (value) => Object.getOwnPropertyNames(value).concat(Object.keys(value)).join(),
  spread: (value) => JSON.stringify({ ...value }),
  'structured clone': (value) => inspect(structuredClone(value)),
}

test('no way of printing shows the value', () => {
  for (const value of [HIDDEN, { password: HIDDEN }, [HIDDEN], Buffer.from(HIDDEN)]) {
    for (const [way, print] of Object.entries(WAYS)) {
      const text = print(secret(value))
      assert.doesNotMatch(text, /hunter2|68756e746572|104,\s*117|password/, way)
    }
  }
})

test('the usual ways print the mask', () => {
  assert.equal(MASK, '[REDACTED_SECRET]')
  for (const way of ['template', 'coercion', 'array join', 'inspect', 'JSON', 'format %s', 'format %o', 'format %j']) {
    assert.ok(WAYS[way]?.(secret(HIDDEN)).includes(MASK), way)
  }
})

test('a number or date secret does not take part in arithmetic', () => {
  assert.ok(Number.isNaN(Number(secret(42))))
  assert.equal((secret(1) as unknown as number) + 1, `${MASK}1`)
})

test('reveal gives the very value and needs a reason', () => {
  const value = { password: HIDDEN }
  assert.equal(reveal(secret(value), 'test compares it'), value)
  assert.throws(() => reveal(secret(value), ''), TypeError)
})

test('reveal refuses a look-alike', () => {
  const fake = Object.create(Secret.prototype) as Secret<string>
  assert.throws(() => reveal(fake, 'test'), TypeError)
})

test('a secret cannot be given properties that would print it', () => {
  const wrapped = secret(HIDDEN)
  assert.throws(() => Object.assign(wrapped, { value: HIDDEN }), TypeError)
})
