import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reveal, secret } from '../crypto/secret.ts'
import { f } from './fields.ts'
import { encodeOutput } from './output.ts'

const max = 64
const item = f.object('An item', { firstName: f.text('Name', { max }), size: f.int('Size', { min: 0, max: 9 }).optional(), value: f.secret('Value', { max }).optional() })
const fields = { someItems: f.list('Items', item, { max: 10 }), byName: f.map('Values', f.secret('Value', { max }), { max: 10 }).optional(), next: f.text('Cursor', { max }).optional(), nothing: f.text('Nothing', { max }).nullable().optional() }

test('what needs no change is given back as it is', () => {
  const data = { someItems: [{ firstName: 'a', size: 1 }, { firstName: 'b' }], next: 'x' }
  assert.equal(encodeOutput(fields, data), data)
})

test('secrets are unwrapped wherever they are, and what was handed in keeps them', () => {
  const data = { someItems: [{ firstName: 'a' }, { firstName: 'b', value: secret('s1') }, { firstName: 'c' }], byName: { x: secret('s2') }, next: 'n' }
  assert.deepEqual(encodeOutput(fields, data), { someItems: [{ firstName: 'a' }, { firstName: 'b', value: 's1' }, { firstName: 'c' }], byName: { x: 's2' }, next: 'n' })
  assert.equal(reveal(data.someItems[1]?.value ?? secret(''), 'a test'), 's1')
  assert.equal(JSON.stringify(encodeOutput(fields, { next: data.next, byName: data.byName, someItems: data.someItems })), '{"someItems":[{"firstName":"a"},{"firstName":"b","value":"s1"},{"firstName":"c"}],"byName":{"x":"s2"},"next":"n"}')
})

test('names are translated at every depth, and what is undefined is no field', () => {
  assert.deepEqual(encodeOutput(fields, { someItems: [{ firstName: 'a' }], next: undefined, nothing: null }, true), { some_items: [{ first_name: 'a' }], nothing: null })
  const encoded = encodeOutput(fields, { someItems: [], next: undefined })
  assert.deepEqual(Object.keys(encoded), ['someItems'])
})

test('what the contract does not say is not answered', () => {
  assert.throws(() => encodeOutput(fields, { someItems: [], more: 1 }), /undeclared field more/)
  assert.throws(() => encodeOutput(fields, { someItems: [], more: undefined }), /undeclared field more/)
  assert.throws(() => encodeOutput(fields, { someItems: [{ firstName: 'a', other: 'b' }] }), /undeclared field other/)
  assert.throws(() => encodeOutput(fields, { someItems: [{ size: 1 }] }), /lacks the declared field firstName/)
  assert.throws(() => encodeOutput(fields, { someItems: [{ firstName: secret('s') }] }), /secret in a field that is not one/)
  assert.throws(() => encodeOutput(fields, {}), /lacks the declared field someItems/)
})
