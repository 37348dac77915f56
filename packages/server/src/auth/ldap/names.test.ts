import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { comparable, escapeFilter, escapeName, formatSid, parseName, partOf, render, templateNames } from './names.ts'

test('what would mean something in a filter stands as its code (RFC 4515)', () => {
  assert.equal(escapeFilter('Parens R Us (for all your parenthetical needs)'), 'Parens R Us \\28for all your parenthetical needs\\29')
  assert.equal(escapeFilter('*\\\0'), '\\2a\\5c\\00')
  assert.equal(escapeFilter('Lučić'), 'Lučić')
})

test('a value in a name is read back as it was, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), (value) => {
      const parsed = parseName(`cn=${escapeName(value)},ou=people,dc=example`)
      assert.deepEqual(parsed?.map(({ type }) => type), ['cn', 'ou', 'dc'])
      assert.equal(partOf(parsed, 'CN'), value.toWellFormed())
    }),
  )
})

test('names are read as RFC 4514 has them', () => {
  assert.deepEqual(parseName('UID=jsmith,DC=example,DC=net'), [{ type: 'UID', value: 'jsmith' }, { type: 'DC', value: 'example' }, { type: 'DC', value: 'net' }])
  assert.deepEqual(parseName('OU=Sales+CN=J.  Smith , DC=example'), [{ type: 'OU', value: 'Sales' }, { type: 'CN', value: 'J.  Smith' }, { type: 'DC', value: 'example' }])
  assert.equal(partOf(parseName('CN=James \\"Jim\\" Smith\\, III,DC=net'), 'cn'), 'James "Jim" Smith, III')
  assert.equal(partOf(parseName('CN=Lu\\C4\\8Di\\C4\\87'), 'cn'), 'Lučić')
  assert.equal(partOf(parseName('1.3.6.1=x\\ '), '1.3.6.1'), 'x ')
  for (const bad of ['', 'developers', 'cn=a,', 'cn=a,,dc=b', '=x', 'cn=a\\', ',cn=a']) assert.equal(parseName(bad), undefined, bad)
})

test('a template names its values and nothing else', () => {
  assert.deepEqual(templateNames('(&({{.UserAttr}}={{ .Username }}))'), ['UserAttr', 'Username'])
  for (const bad of ['{{if .Username}}x{{end}}', '{{.Username', '{{.A.B}}', '{{printf "x"}}']) assert.equal(templateNames(bad), undefined, bad)
  assert.equal(render('({{.A}}={{.B}}{{.C}})', { A: 'x', B: '{{.A}}' }), '(x={{.A}})')
})

test('security identifiers are written as Windows writes them', () => {
  assert.equal(formatSid(Buffer.from('010500000000000515000000a065cf7e784b9b5fe77c8770091c0100', 'hex')), 'S-1-5-21-2127521184-1604012920-1887927527-72713')
  for (const bad of ['', '01', '0105000000000005', '01010000000000051500000000']) assert.equal(formatSid(Buffer.from(bad, 'hex')), undefined, bad)
})

test('spellings that a directory takes for one name are one name', () => {
  for (const spelling of ['ann smith', 'ANN SMITH', ' Ann  Smith ', 'Ann\u00a0Smith', 'Ａｎｎ Smith', 'An\u00adn Smi\u200bth', 'ann\tsmith']) assert.equal(comparable(spelling), 'ann smith', JSON.stringify(spelling))
  assert.notEqual(comparable('ann'), comparable('anna'))
})
