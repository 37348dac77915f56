// ACL policies as Vault and OpenBao write them. Messages are Vault's where clients and people search for them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCofferError } from '../../../kernel/errors.ts'
import { parseAclPolicy } from './parse.ts'

const only = (text: string) => {
  const [rule, ...others] = parseAclPolicy(text, 'p').paths
  assert.ok(rule !== undefined && others.length === 0)
  return rule
}

const refused = (text: string, message: RegExp, field?: string): void => {
  assert.throws(() => parseAclPolicy(text, 'p'), (error) => {
    assert.ok(isCofferError(error), String(error))
    assert.equal(error.kind, 'invalid_request')
    assert.match(error.message, message)
    assert.match(error.message, /^failed to parse policy: /)
    if (field !== undefined) assert.equal(error.field, field)
    return true
  })
}

test('a policy without paths is a policy that grants nothing', () => {
  assert.deepEqual(parseAclPolicy('# nothing yet', 'p'), { name: 'p', paths: [] })
})

test('the name that it is stored under counts, not the one inside', () => {
  assert.equal(parseAclPolicy('name = "other"\npath "a" { capabilities = ["read"] }', 'mine').name, 'mine')
})

test('a path with capabilities is read', () => {
  assert.deepEqual(only('path "secret/data/*" { capabilities = ["read", "list", "read"] }'), { pattern: 'secret/data/*', capabilities: ['read', 'list'] })
})

for (const capability of ['create', 'read', 'update', 'patch', 'delete', 'list', 'scan', 'sudo', 'subscribe', 'recover', 'deny']) {
  test(`${capability} is a capability`, () => {
    assert.deepEqual(only(`path "a" { capabilities = ["${capability}"] }`).capabilities, [capability])
  })
}

test('deny leaves nothing else standing in its block', () => {
  assert.deepEqual(only('path "a" { capabilities = ["read", "deny", "sudo"] }').capabilities, ['deny'])
})

test('a block without capabilities grants nothing, and is kept, because it takes priority over wider ones', () => {
  assert.deepEqual(only('path "a" {}').capabilities, [])
})

for (const [old, capabilities] of [
  ['deny', ['deny']],
  ['read', ['read', 'list']],
  ['write', ['create', 'read', 'update', 'delete', 'list']],
  ['sudo', ['create', 'read', 'update', 'delete', 'list', 'sudo']],
] as const) {
  test(`the old notation policy = "${old}" still means what it meant`, () => {
    assert.deepEqual(only(`path "a" { policy = "${old}" }`).capabilities, capabilities)
  })
}

test('one leading slash is dropped', () => assert.equal(only('path "/sys/mounts" {}').pattern, 'sys/mounts'))

test('a star before the end is an ordinary character, as in Vault', () => {
  assert.equal(only('path "a/*/b" { capabilities = ["read"] }').pattern, 'a/*/b')
})

test('parameters are read with their values, names in lower case', () => {
  const rule = only(`path "a" {
    capabilities = ["update"]
    allowed_parameters = { "Key" = ["a*", 1, true], "*" = [] }
    denied_parameters { "bad" = [] }
    required_parameters = ["Need"]
  }`)
  assert.deepEqual([...(rule.allowedParameters ?? [])], [['key', ['a*', 1, true]], ['*', []]])
  assert.deepEqual([...(rule.deniedParameters ?? [])], [['bad', []]])
  assert.deepEqual(rule.requiredParameters, ['need'])
})

test('a single value stands for a list of one', () => {
  assert.deepEqual([...(only('path "a" { allowed_parameters = { "k" = "v" } }').allowedParameters ?? [])], [['k', ['v']]])
  assert.deepEqual(only('path "a" { capabilities = "read" }').capabilities, ['read'])
})

for (const [written, seconds] of [['"1h30m"', 5400], ['90', 90], ['"90"', 90], ['"2d"', 172_800]] as const) {
  test(`a wrapping bound of ${written} is ${seconds} seconds`, () => {
    const rule = only(`path "a" { min_wrapping_ttl = ${written} max_wrapping_ttl = ${written} }`)
    assert.equal(rule.minWrappingTtlSeconds, seconds)
    assert.equal(rule.maxWrappingTtlSeconds, seconds)
  })
}

test('an expiration is a moment', () => {
  assert.equal(only('path "a" { expiration = "2030-01-01T00:00:00Z" }').expiresAt, Date.UTC(2030, 0, 1))
  assert.equal(only('path "a" { expiration = "2030-01-01T02:00:00+02:00" }').expiresAt, Date.UTC(2030, 0, 1))
  assert.equal(only('path "a" { expiration = 1893456000 }').expiresAt, Date.UTC(2030, 0, 1))
})

test('a comment field is allowed and means nothing', () => {
  assert.deepEqual(only('path "a" { comment = "why" capabilities = ["read"] }'), { pattern: 'a', capabilities: ['read'] })
})

for (const [name, json] of [
  ['an object of paths', { path: { 'a/*': { capabilities: ['read'] }, 'b': { policy: 'read' } } }],
  ['a list of objects', { path: [{ 'a/*': { capabilities: ['read'] } }, { b: { policy: 'read' } }] }],
] as const) {
  test(`JSON with ${name} is the same policy`, () => {
    const hcl = 'path "a/*" { capabilities = ["read"] }\npath "b" { policy = "read" }'
    assert.deepEqual(parseAclPolicy(JSON.stringify(json), 'p'), parseAclPolicy(hcl, 'p'))
  })
}

test('two blocks for one path are both kept; joining them is for the compiler', () => {
  assert.equal(parseAclPolicy('path "a" { policy = "read" }\npath "a" { policy = "write" }', 'p').paths.length, 2)
})

for (const [name, text, message, field] of [
  ['an unknown capability', 'path "/" { capabilities = ["read", "banana"] }', /path "\/": invalid capability "banana"/, 'capabilities'],
  ['an unknown old policy', 'path "a" { policy = "all" }', /path "a": invalid policy "all"/, 'policy'],
  ['a plus before a star', 'path "foo/+*" { capabilities = ["read"] }', /path "foo\/\+\*": invalid use of wildcards \('\+\*' is forbidden\)/, 'path'],
  ['wrapping bounds that exclude each other', 'path "a" { min_wrapping_ttl = 400 max_wrapping_ttl = 200 }', /max_wrapping_ttl cannot be less than min_wrapping_ttl/, 'max_wrapping_ttl'],
  ['an unknown key at the top', 'bad "a" {}', /invalid key "bad" in policy/, 'bad'],
  ['an unknown key in a path', 'path "a" { capabilites = ["read"] }', /path "a": invalid key "capabilites" \(line 1\)/, 'capabilites'],
  ['a prototype name as a key', 'path "a" { constructor = 1 }', /invalid key "constructor"/, 'constructor'],
  ['control groups, which are not enforced here', 'path "a" { control_group = {} }', /invalid key "control_group"/, 'control_group'],
  ['MFA methods, which are not enforced here', 'path "a" { mfa_methods = ["x"] }', /invalid key "mfa_methods"/, 'mfa_methods'],
  ['a field set twice', 'path "a" { policy = "read" policy = "deny" }', /policy is set twice/, 'policy'],
  ['capabilities that are numbers', 'path "a" { capabilities = [1] }', /expected a list of strings/, 'capabilities'],
  ['parameters that are a list', 'path "a" { allowed_parameters = [] }', /expected an object of lists/, 'allowed_parameters'],
  ['a parameter that stands twice', 'path "a" { allowed_parameters = { "k" = [] "K" = [] } }', /stands twice/, 'allowed_parameters'],
  ['a duration that is none', 'path "a" { max_wrapping_ttl = "soon" }', /Not a duration/, 'max_wrapping_ttl'],
  ['a negative duration', 'path "a" { max_wrapping_ttl = -5 }', /negative/, 'max_wrapping_ttl'],
  ['a duration that is a list', 'path "a" { max_wrapping_ttl = [] }', /expected a duration/, 'max_wrapping_ttl'],
  ['an expiration without a zone', 'path "a" { expiration = "2030-01-01T00:00:00" }', /expected a time/, 'expiration'],
  ['a path without a pattern', 'path { capabilities = ["read"] }', /expected a block/, 'path'],
  ['a path with two labels', 'path "a" "b" {}', /path takes one label/, 'path'],
  ['a path that is a string', 'path = "a"', /path needs a pattern/, 'path'],
  ['a path that is no block', '{"path": {"a": 1}}', /path "a": expected a block/, 'path'],
  ['a list of strings for path', '{"path": ["a"]}', /path must hold objects/, 'path'],
  ['broken HCL', 'path "a" {', /line 1/, 'policy'],
  ['broken JSON', '{"path": ', /position/, 'policy'],
  ['a JSON key that stands twice', '{"path": {}, "path": {}}', /[Dd]uplicate|twice/, 'policy'],
  ['a control character in a path', 'path "a\\nb" {}', /control characters/, 'path'],
  ['a path too long', `path "${'a'.repeat(1100)}" {}`, /longer than/, 'path'],
  ['a template that is not closed', 'path "a/{{identity.entity.id" {}', /template is not closed/, 'path'],
  ['an unknown template', 'path "a/{{identity.entity.secret}}" {}', /unknown template "identity.entity.secret"/, 'path'],
] as const) {
  test(`${name} is refused`, () => refused(text, message, field))
}

test('numbers of paths, parameters and values are bounded', () => {
  const list = (count: number): string => Array.from({ length: count }, (_, index) => `"${index}"`).join(',')
  refused(Array.from({ length: 2001 }, (_, index) => `path "p${index}" {}`).join('\n'), /at most 2000 paths/)
  refused(`path "a" { capabilities = [${list(501)}] }`, /more than 500 values/)
  refused(`path "a" { allowed_parameters = { "k" = [${list(501)}] } }`, /more than 500 values/)
  const many = Array.from({ length: 201 }, (_, index) => `"k${index}" = []`).join('\n')
  refused(`path "a" { allowed_parameters = { ${many} } }`, /more than 200 parameters/)
})

test('any text is either a policy or an invalid request', () => {
  const shards = ['path', '"a/*"', '{', '}', 'capabilities', '=', '["read"]', 'policy', '"deny"', 'allowed_parameters', '{ "k" = [1] }', 'expiration', '9', ',', '"path":', '[', ']', '{{', 'null']
  fc.assert(fc.property(fc.array(fc.constantFrom(...shards), { maxLength: 24 }), fc.constantFrom('', '{'), (parts, head) => {
    try {
      parseAclPolicy(head + parts.join(' '), 'p')
    } catch (error) {
      assert.ok(isCofferError(error) && error.kind === 'invalid_request', String(error))
    }
  }), { numRuns: 20_000 })
})
