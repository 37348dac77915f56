// Tokens for one request, handed over with a text and without one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importHmacKey, makeKeyBytes } from '../../crypto/keys.ts'
import type { TokenRow } from '../../kernel/identity.ts'
import { parseCidr } from '../../lib/cidr.ts'
import { hmacIdentifier } from '../../services/audit/records.ts'
import type { KnownLogin } from '../../services/identity/logins/known.ts'
import type { Compiled } from '../authority.ts'
import { makeOnceTokens } from './once.ts'

const AT = 1_700_000_000_000
const key = importHmacKey(makeKeyBytes())
// Only what is looked at here.
const loginOf = (more: Partial<KnownLogin> = {}): KnownLogin => ({ once: { orgId: 'org', holder: {} }, untilMs: Number.POSITIVE_INFINITY, within: [], ...more }) as unknown as KnownLogin
const compiled = { tokenId: 'first', caller: { principal: 'workload:app', tokenId: 'first', accessorHmac: 'first' }, decide: () => ({ allow: true, rule: 'r', reason: '' }) } as unknown as Compiled
const row = { tokenId: 'a-token', issuedAt: AT, expiresAt: AT + 1000 } as unknown as TokenRow

const once = async (known: KnownLogin, isCompiled = true) => {
  const memory = new Map([['k', known]])
  const tokens = makeOnceTokens({ compile: async () => (isCompiled ? compiled : null), auditKey: async () => key }, { peek: (name) => memory.get(name) })
  await tokens.give('k', known, { text: 'text', row: () => row })
  return { known, memory, tokens, again: (now = AT, sourceIp = '127.0.0.1') => tokens.repeatable('k', known).hold(now, sourceIp) }
}

test('without a text it has the same rights, and a name of its own that records know it by', async () => {
  const { again, tokens } = await once(loginOf())
  const taken = tokens.take('text')
  assert.equal(taken?.caller.accessorHmac, hmacIdentifier(key, 'a-token'))
  assert.equal(tokens.take('text'), undefined)
  const [one, other] = [again(), again()]
  for (const each of [one, other]) {
    assert.ok(each !== undefined)
    assert.equal(each.accessorHmac, hmacIdentifier(key, each.tokenId))
    assert.equal(each.decide, taken?.decide)
    assert.equal(each.caller.principal, taken?.caller.principal)
  }
  assert.notEqual(one?.tokenId, other?.tokenId)
})

test('it is given only while its login is remembered, and as the same', async () => {
  const { memory, again } = await once(loginOf())
  assert.notEqual(again(), undefined)
  memory.set('k', loginOf())
  assert.equal(again(), undefined)
  memory.delete('k')
  assert.equal(again(), undefined)
})

test('only until its end, and only to the addresses that it is for', async () => {
  const { again } = await once(loginOf({ untilMs: AT + 1 }))
  assert.notEqual(again(AT), undefined)
  assert.equal(again(AT + 1), undefined)
  const bound = await once(loginOf({ within: [[parseCidr('127.0.0.0/8')].filter((range) => range !== undefined)] }))
  assert.notEqual(bound.again(AT, '127.0.0.1'), undefined)
  assert.equal(bound.again(AT, '10.0.0.1'), undefined)
  assert.equal(bound.tokens.repeatable('k', bound.known).hold(AT, undefined), undefined)
})

test('not when its rights cannot be worked out', async () => {
  assert.equal((await once(loginOf(), false)).again(), undefined)
})
