// Whatever people call themselves and each other, a templated rule never reaches further than its author's text with one
// segment, or part of one, in the template's place.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EntityView } from '../types.ts'
import { buildAclSet, findAclRule, renderBlocks } from './compile.ts'

const hostile = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.array(fc.constantFrom('/', '*', '+', '..', '.', '{{', '}}', '{{identity.entity.id}}', 'a', 'x', '%2f', '\u0000', ' ', '?'), { maxLength: 6 }).map((parts) => parts.join('')),
)
const entityOf = (value: string): EntityView => ({
  id: 'e-1', name: value, metadata: { v: value }, aliases: { acc: { id: 'a-1', name: value, metadata: { v: value }, customMetadata: { v: value } } }, groups: [{ id: 'g-1', name: 'g', metadata: { v: value } }],
})
const templates = ['entity.name', 'entity.metadata.v', 'entity.aliases.acc.name', 'entity.aliases.acc.metadata.v', 'entity.aliases.acc.custom_metadata.v', 'groups.names.g.metadata.v']
const template = fc.constantFrom(...templates).map((path) => `{{identity.${path}}}`)
const segment = fc.constantFrom('a', 'b', 'x', 'other', '..', '+', '*')
const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))
const isGranted = (pattern: string, value: string, asked: string): boolean => findAclRule(buildAclSet(renderBlocks([{ name: 'p', paths: [{ pattern, capabilities: ['read'] }] }], entityOf(value)), 0), asked, undefined) !== undefined

test('a rule without wildcards of its own matches the one path that the value makes, and no other', () => {
  fc.assert(fc.property(template, hostile, path, (inner, value, asked) => {
    if (isGranted(`own/${inner}/x`, value, asked)) assert.equal(asked, `own/${value}/x`)
    if (isGranted(`own/${inner}`, value, `own/${asked}`)) assert.equal(`own/${asked}`, `own/${value}`)
  }), { numRuns: 2000 })
})

test('a rule that ends in a star of its own stays below the value as one whole segment', () => {
  fc.assert(fc.property(template, hostile, path, (inner, value, asked) => {
    if (isGranted(`own/${inner}/*`, value, `own/${asked}`)) assert.equal(asked.split('/')[0], value)
  }), { numRuns: 2000 })
})

test('a value that can be a segment is one, as it is', () => {
  fc.assert(fc.property(template, fc.stringMatching(/^[a-zA-Z0-9_@.-]{3,20}$/), (inner, value) => {
    assert.equal(isGranted(`own/${inner}/x`, value, `own/${value}/x`), true)
  }), { numRuns: 500 })
})
