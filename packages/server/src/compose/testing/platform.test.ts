import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { secrets, tokens } from './contracts.ts'
import { testPlatform } from './platform.ts'

const { root, as, withToken, written } = await testPlatform({ after })

test('a value goes in through one operation and comes out through another', async () => {
  const put = await root(secrets.put, { key: 'app/token', environment: 'dev', value: 'swordfish' })
  assert.equal(put.version, 1)
  const got = await root(secrets.get, { key: 'app/token', environment: 'dev', reveal: true })
  assert.equal(got.value, 'swordfish')
  assert.ok((await written()).some(({ action, path }) => action === 'secret.create' && path === 'app/token'))
})

test('a holder acts with the role that root gave', async () => {
  const reader = await as({ role: 'reader' })
  assert.equal((await reader.call(tokens.whoami)).root, false)
  await assert.rejects(reader.call(secrets.put, { key: 'x', environment: 'dev', value: 'y' }), { code: 'policy.denied' })
})

test('nobody without a token gets anywhere', async () => {
  await assert.rejects(withToken(undefined)(tokens.whoami), { code: 'token.invalid' })
})
