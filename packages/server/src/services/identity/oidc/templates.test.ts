import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkTemplate, decodeTemplate, fillTemplate, reservedClaims, type Subject } from './templates.ts'

const subject = (over: Partial<Subject['entity']> = {}, more: Partial<Subject> = {}): Subject => ({ entity: { principalId: 'id', name: 'ann', metadata: {}, disabled: false, ...over }, aliases: [], groups: [], ...more })
const filled = (template: string, who = subject(), now = 1000): Record<string, unknown> => Object.fromEntries(fillTemplate(template, who, now))

test('every value is filled in as JSON, whatever is in it', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.dictionary(fc.string({ minLength: 1 }), fc.string({ unit: 'binary' })), (name, metadata) => {
    const claims = filled('{"name": {{identity.entity.name}}, "all": {{ identity.entity.metadata }}, "list": [{{identity.entity.id}}]}', subject({ name, metadata }))
    // Half a pair cannot be stored, and is what JSON makes of it.
    assert.equal(claims['name'], name)
    assert.deepEqual({ ...(claims['all'] as object) }, { ...metadata })
    assert.deepEqual(Object.keys(claims), ['name', 'all', 'list'])
  }))
})

test('values by path: of the entity, of its alias at a mount, of groups, of time', () => {
  const who = subject({ metadata: { team: 'pay', 'a.b': 'dotted' } }, { aliases: [{ id: 'a1', accessor: 'auth_x_1', name: 'ann@x', metadata: { m: '1' }, customMetadata: { c: '2' } }], groups: [{ groupId: 'g1', name: 'one' }, { groupId: 'g2', name: 'two' }] })
  const value = (directive: string): unknown => filled(`{"v": {{${directive}}}}`, who)['v']
  assert.equal(value('identity.entity.metadata.team'), 'pay')
  assert.equal(value('identity.entity.metadata.a.b'), 'dotted')
  assert.equal(value('identity.entity.metadata.toString'), '', 'nothing is inherited')
  assert.equal(value('identity.entity.aliases.auth_x_1.name'), 'ann@x')
  assert.equal(value('identity.entity.aliases.auth_x_1.metadata.m'), '1')
  assert.equal(value('identity.entity.aliases.auth_x_1.custom_metadata.c'), '2')
  assert.deepEqual(value('identity.entity.aliases.auth_x_2.custom_metadata'), {})
  assert.deepEqual(value('identity.entity.groups.names'), ['one', 'two'])
  assert.deepEqual(value('identity.entity.groups.ids'), ['g1', 'g2'])
  assert.deepEqual([value('time.now'), value('time.now.plus.1h'), value('time.now.minus.10s')], [1000, 4600, 990])
})

test('a template that is wrong is refused in Vault\'s words when it is written', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"a": {{identity.entity.id}}', /^error parsing template JSON/],
    ['{"a": {{identity.entity.id}', /^error parsing template: unbalanced templating characters$/],
    ['}}', /^error parsing template: unbalanced templating characters$/],
    ['{"a": {{identity.entity.id}} }} }', /^error parsing template: unbalanced templating characters$/],
    ['{"a": {{secret.data}}}', /^error parsing template: no value could be found for one of the template directives$/],
    ['{"a": {{identity.groups.names.x.name}}}', /^error parsing template: string contains groups template directives but no groups were provided$/],
    ['{"a": {{time.then}}}', /^error parsing template: invalid time selector "then"$/],
    ['{"a": {{time.now.times.2h}}}', /^error parsing template: invalid time operator "times"$/],
    ['{"a": {{time.now.plus.never}}}', /^error parsing template: invalid duration/],
    ['"text"', /^error parsing template JSON/],
    ...reservedClaims.map((claim) => [`{"${claim}": 1}`, new RegExp(`^top level key "${claim}" not allowed\\. Restricted keys: iat, aud, exp`)] as const),
  ]
  for (const [template, message] of cases) assert.throws(() => checkTemplate(template), { kind: 'invalid_request', message }, template)
  for (const good of ['', 'null', '{}', '{"a": {"sub": 1} }']) assert.doesNotThrow(() => checkTemplate(good), good)
})

test('what cannot be filled in any more gives no claims, and reserved ones never come through', () => {
  assert.deepEqual(filled('{"a": {{identity.groups.names.x.name}}}'), {})
  assert.deepEqual(filled('{"sub": "root", "s\\u0075b": "root", "a": 1}'), { a: 1 })
})

test('base64 is decoded, and JSON is never taken for it', () => {
  assert.equal(decodeTemplate(Buffer.from('{"a": 1}').toString('base64')), '{"a": 1}')
  assert.equal(decodeTemplate('{"a": 1}'), '{"a": 1}')
  assert.equal(decodeTemplate(''), '')
})
