// The most secrets that one answer holds: what a caller may not see does not count, so that being refused tells nothing of it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { secrets, tokens } from '../../compose/testing/contracts.ts'
import { testPlatform, type Client } from '../../compose/testing/platform.ts'
import { listNames } from '../../engines/kv/names.ts'
import type { Call } from '../../kernel/call.ts'
import type { Places } from '../../kernel/places.ts'
import type { SecretsPort } from '../../kernel/secrets.ts'

const { root, as } = await testPlatform({ after }, { settings: { COFFER_LIMITS_BATCH_ITEMS: '3' } })
const dev = { environment: 'dev' }
const put = (key: string): Promise<unknown> => root(secrets.put, { key, ...dev, value: `value of ${key}` })
const holding = async (name: string, acl: string): Promise<Client> => {
  await root(tokens.putPolicy, { name, kind: 'acl', body: acl })
  return (await as({ policies: [name] })).call
}

before(async () => {
  for (const key of ['app/a', 'app/hidden/a', 'app/hidden/b', 'app/hidden/c', 'app/z']) await put(key)
})

test('injection counts what the caller may have, whatever else there is', async () => {
  const call = await holding('some', 'path "secret/data/dev/app/*" { capabilities = ["read"] }\npath "secret/data/dev/app/hidden/*" { capabilities = ["deny"] }')
  const inject = () => call(secrets.inject, { ...dev, prefix: 'app' })
  for (let times = 0; times < 2; times += 1) {
    const { variables, withheld, secrets: found } = await inject()
    assert.deepEqual([variables, withheld], [{ A: 'value of app/a', Z: 'value of app/z' }, 0])
    assert.deepEqual(found.map(({ path }) => path), ['a', 'z'])
  }
  await put('app/y')
  assert.deepEqual(Object.keys((await inject()).variables), ['A', 'Y', 'Z'])
  await put('app/x')
  await assert.rejects(inject(), { kind: 'invalid_request', code: 'secret.too_many' })
  await assert.rejects(root(secrets.inject, { ...dev, prefix: 'app' }), { kind: 'invalid_request', code: 'secret.too_many' })
})

/** So many paths, one after the other, and a policy that knows one folder. */
const scan = async (paths: readonly string[], most: number): Promise<readonly string[]> => {
  const port: Pick<SecretsPort, 'list' | 'environmentsInUse'> = {
    list: async (_access, { after: at, limit }) => paths.filter((path) => path > at).slice(0, limit).map((path) => ({ path })) as unknown as Awaited<ReturnType<SecretsPort['list']>>,
    environmentsInUse: async () => [],
  }
  const call = { orgId: 'org', projectHeader: undefined, allows: (_action: string, { path }: { readonly path?: string }) => ({ allow: path?.startsWith('hidden/') !== true, rule: '', reason: '' }), authorise: () => ({}) } as unknown as Call
  const mount = { mountId: 'm', path: 'secret', type: 'kv', class: 'secret', options: {}, config: {} }
  const places = { pathBytes: 512, registry: async () => ({ mountByPath: () => mount, environment: () => undefined, environments: () => [] }), secretResource: (_action: string, place: { readonly path: string }) => place } as unknown as Places
  return (await listNames(port as unknown as SecretsPort, places, { ...call, mount } as unknown as Call, '', { limit: 0, scan: true }, most)).keys
}

test('a scan counts what the caller may list, whatever else there is', async () => {
  const hidden = Array.from({ length: 15 }, (_, at) => `hidden/${String(at).padStart(2, '0')}`)
  assert.deepEqual(await scan([...hidden, 'x', 'y'], 2), ['x', 'y'])
  await assert.rejects(scan([...hidden, 'x', 'y', 'z'], 2), { code: 'kv.too_many_names' })
})
