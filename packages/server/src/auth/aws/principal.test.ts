import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalArn, matchesPattern, parseArn } from './principal.ts'

test('users, roles and sessions are told apart; a session is the role\'s', () => {
  assert.deepEqual(parseArn('arn:aws:sts::123456789012:assumed-role/app/i-0'), { partition: 'aws', account: '123456789012', type: 'assumed-role', name: 'app', session: 'i-0' })
  for (const [arn, canonical] of [['arn:aws:iam::123456789012:user/a/b/ann', 'arn:aws:iam::123456789012:user/ann'], ['arn:aws-cn:sts::123456789012:assumed-role/app/x@y', 'arn:aws-cn:iam::123456789012:role/app'], ['arn:aws:iam::123456789012:role/path/app', 'arn:aws:iam::123456789012:role/app']] as const) {
    const parsed = parseArn(arn)
    assert.ok(parsed !== undefined)
    assert.equal(canonicalArn(parsed), canonical)
  }
})

test('what is neither is nothing', () => {
  for (const arn of ['', 'arn:aws:iam::123456789012:root', 'arn:aws:iam::1:user/a', 'arn:aws:iam::123456789012:user/', 'arn:aws:iam::123456789012:user//a', 'arn:aws:iam::123456789012:assumed-role/a/b', 'arn:aws:sts::123456789012:user/a', 'arn:aws:sts::123456789012:assumed-role/a', 'arn:aws:sts::123456789012:assumed-role/a/b/c', 'arn:aws:sts::123456789012:federated-user/a', 'x:aws:iam::123456789012:user/a', 'arn:aws:iam:eu:123456789012:user/a', 'arn:aws:iam::123456789012:user/a\n']) assert.equal(parseArn(arn), undefined, arn)
})

test('only patterns match as patterns', () => {
  assert.ok(matchesPattern(['arn:aws:iam::123456789012:role/team/*'], 'arn:aws:iam::123456789012:role/team/app'))
  assert.ok(!matchesPattern(['arn:aws:iam::123456789012:role/team/*'], 'arn:aws:iam::123456789012:role/app'))
  assert.ok(!matchesPattern(['arn:aws:iam::123456789012:role/app'], 'arn:aws:iam::123456789012:role/app'))
})
