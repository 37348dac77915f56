// Identity templates in ACL paths: what is filled in, what leaves a path out, and what may never enter one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EntityView, VaultCapability } from '../types.ts'
import { checkTemplate, renderRule } from './template.ts'

const entity: EntityView = {
  id: 'e-1',
  name: 'ann',
  metadata: { 'team': 'payments', 'dotted.key': 'dots', 'slash': 'a/b', 'star': 'x*', 'plus': '+', 'inner': 'ann+test', 'empty': '', 'dots': '..' },
  aliases: { acc_1: { id: 'a-1', name: 'ann@example.test', metadata: { role: 'dev' }, customMetadata: { cost: '42' } } },
  groups: [{ id: 'g-1', name: 'oncall', metadata: { tier: 'one' } }],
}

const render = (pattern: string, capabilities: readonly VaultCapability[] = ['read'], of: EntityView | undefined = entity): string | undefined =>
  renderRule({ pattern, capabilities }, of)?.pattern

for (const [pattern, expected] of [
  ['secret/plain', 'secret/plain'],
  ['secret/{{identity.entity.id}}/*', 'secret/e-1/*'],
  ['secret/{{ identity.entity.name }}', 'secret/ann'],
  ['secret/{{identity.entity.metadata.team}}/x', 'secret/payments/x'],
  ['secret/{{identity.entity.metadata.dotted.key}}', 'secret/dots'],
  ['secret/{{identity.entity.metadata.inner}}', 'secret/ann+test'],
  ['secret/{{identity.entity.aliases.acc_1.id}}', 'secret/a-1'],
  ['secret/{{identity.entity.aliases.acc_1.name}}', 'secret/ann@example.test'],
  ['secret/{{identity.entity.aliases.acc_1.metadata.role}}', 'secret/dev'],
  ['secret/{{identity.entity.aliases.acc_1.custom_metadata.cost}}', 'secret/42'],
  ['secret/{{identity.groups.ids.g-1.name}}', 'secret/oncall'],
  ['secret/{{identity.groups.names.oncall.id}}', 'secret/g-1'],
  ['secret/{{identity.groups.names.oncall.metadata.tier}}', 'secret/one'],
  ['{{identity.entity.name}}/{{identity.entity.id}}', 'ann/e-1'],
] as const) {
  test(`${pattern} becomes ${expected}`, () => assert.equal(render(pattern), expected))
}

for (const pattern of [
  'secret/{{identity.entity.metadata.missing}}',
  'secret/{{identity.entity.metadata.empty}}',
  'secret/{{identity.entity.metadata.__proto__}}',
  'secret/{{identity.entity.metadata.toString}}',
  'secret/{{identity.entity.aliases.acc_1.metadata.missing}}',
]) {
  test(`${pattern} is left out when there is no such value, but a deny is not: whoever sets metadata would open what it closes`, () => {
    assert.equal(render(pattern), undefined)
    assert.equal(render(pattern, ['deny']), 'secret/*')
  })
}

for (const pattern of [
  'secret/{{identity.entity.aliases.acc_2.name}}',
  'secret/{{identity.entity.aliases.acc_2.metadata.role}}',
  'secret/{{identity.groups.names.strangers.id}}',
  'secret/{{identity.groups.ids.g-2.name}}',
]) {
  test(`${pattern} is left out when there is no such value`, () => {
    assert.equal(render(pattern), undefined)
    assert.equal(render(pattern, ['deny']), undefined, 'as in Vault, for a deny too: there is nothing that it could be about')
  })
}

test('a value in another form of Unicode is the one that paths have', () => {
  const named: EntityView = { ...entity, name: 'cafe\u0301' }
  assert.equal(render('secret/{{identity.entity.name}}/x', ['deny'], named), 'secret/caf\u00e9/x')
})

test('a token without an entity has no templated paths', () => {
  assert.equal(renderRule({ pattern: 'secret/{{identity.entity.id}}', capabilities: ['read'] }, undefined), undefined)
})

for (const key of ['slash', 'star', 'plus', 'dots']) {
  test(`a value that would change the pattern (${key}) does not enter it`, () => {
    assert.equal(render(`secret/{{identity.entity.metadata.${key}}}/x`), undefined)
  })
  test(`a deny does not go away by such a value (${key}): it widens`, () => {
    assert.equal(render(`secret/own-{{identity.entity.metadata.${key}}}/x`, ['deny']), 'secret/own-*')
  })
}

test('the rest of the rule stays as it is', () => {
  const rule = renderRule({ pattern: '{{identity.entity.id}}', capabilities: ['update'], requiredParameters: ['k'], expiresAt: 5 }, entity)
  assert.deepEqual(rule, { pattern: 'e-1', capabilities: ['update'], requiredParameters: ['k'], expiresAt: 5 })
})

for (const [pattern, problem] of [
  ['a/{{identity.entity.id}}', undefined],
  ['a/{{identity.groups.names.a b.id}}', undefined],
  ['a/{single}', undefined],
  ['a/{{identity.entity.id', 'a template is not closed'],
  ['a/identity.entity.id}}', 'a template is not closed'],
  ['a/{{}}', 'unknown template ""'],
  ['a/{{identity.entity}}', 'unknown template "identity.entity"'],
  ['a/{{identity.entity.metadata}}', 'unknown template "identity.entity.metadata"'],
  ['a/{{identity.entity.aliases.acc}}', 'unknown template "identity.entity.aliases.acc"'],
  ['a/{{time.now}}', 'unknown template "time.now"'],
] as const) {
  test(`the templates of ${pattern} are ${problem === undefined ? 'accepted' : 'refused'}`, () => assert.equal(checkTemplate(pattern), problem))
}
