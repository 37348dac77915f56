// Of secrets that a token may not see, lists and counts tell nothing: not their names, not how many they are, not that there are any.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { afterwards } from '../support/cleanup.ts'
import { scratchDirectory, startDurableServer } from '../support/server.ts'
import type { Client } from '../support/http.ts'

const scope = { after }
// Each connection may meet another worker.
const { root } = await startDurableServer(scope, { folder: scratchDirectory(scope), flags: ['--workers', '2'] })
const shown = ['big/a0', 'big/a1', 'big/z0', 'big/z1', 'big/z2']
const hidden = Array.from({ length: 60 }, (_, at) => `big/hid/h${String(at).padStart(3, '0')}`)
for (const path of [...shown, ...hidden]) await root.expect('POST', `/api/v1/secrets/${path}?environment=prod`, { value: 'v' })

const rules = ['big', 'big/*'].map((path) => `path "secret/metadata/prod/${path}" { capabilities = ["list"] }`)
const denials = ['big/hid', 'big/hid/*'].map((path) => `path "secret/metadata/prod/${path}" { capabilities = ["deny"] }`)
await root.expect('POST', '/v1/sys/policies/acl/lister', { policy: [...rules, ...denials, 'path "secret/data/prod/big/a0" { capabilities = ["read"] }'].join('\n') }, { status: 204 })
const lister = root.as((await root.expect('POST', '/api/v1/tokens', { name: 'lister', policies: ['lister'] })).data.token)

const BIG = '/api/v1/secrets?project=secret&environment=prod&prefix=big'
const pages = async (client: Client, limit: number): Promise<{ readonly paths: readonly string[]; readonly cursors: readonly string[] }> => {
  const paths: string[] = []
  const cursors: string[] = []
  for (;;) {
    const { data } = await client.expect('GET', `${BIG}&limit=${limit}${cursors.length === 0 ? '' : `&after=${cursors.at(-1)}`}`)
    paths.push(...data.items.map((item: { readonly path: string }) => item.path))
    if (data.next === undefined) return { paths, cursors }
    assert.equal(data.items.length, limit)
    cursors.push(data.next)
  }
}

test('pages of any size are full, and their cursors of one length and without a word in them', async () => {
  const lengths = new Set<number>()
  for (const limit of [1, 2, 5, 500]) {
    const { paths, cursors } = await pages(lister, limit)
    assert.deepEqual(paths, shown)
    assert.equal(cursors.length, Math.ceil(shown.length / limit) - 1)
    for (const cursor of cursors) {
      lengths.add(cursor.length)
      assert.doesNotMatch(Buffer.from(cursor, 'base64url').toString('latin1'), /big\/|hid\/|secrets/)
    }
  }
  assert.equal(lengths.size, 1)
  assert.deepEqual((await pages(root, 7)).paths.toSorted(), [...shown, ...hidden].toSorted())
})

test('a cursor of another list, another organization, or of nobody names the field that is wrong', async () => {
  const [cursor = ''] = (await pages(lister, 1)).cursors
  const refused = async (client: Client, path: string): Promise<void> => {
    const { data } = await client.expect('GET', path, undefined, { status: 400 })
    assert.deepEqual([data.code, data.field], ['request.bad_cursor', 'after'])
  }
  for (const list of [BIG.replace('prefix=big', 'prefix=big/hid'), BIG.replace('prefix=big', ''), BIG.replace('prod', 'dev'), `${BIG}&deleted=true`, '/api/v1/tokens?', '/api/v1/principals?']) await refused(root, `${list}&after=${cursor}`)
  for (const text of [Buffer.from('\u0001["secrets","big/a0"]').toString('base64url'), cursor.slice(1), `${cursor}A`, cursor.toLowerCase()]) await refused(lister, `${BIG}&after=${text}`)
  const other = root.as((await root.expect('POST', '/api/v1/organizations', { slug: 'other' })).data.token)
  afterwards(scope, () => other.close())
  await other.expect('POST', '/api/v1/secrets/big/a0?environment=prod', { value: 'v' })
  await refused(other, `${BIG}&after=${cursor}`)
})

test('what is withheld is counted of what may be seen', async () => {
  const { data } = await lister.expect('POST', '/api/v1/inject?environment=prod', { prefix: 'big' })
  assert.deepEqual([data.variables, data.withheld], [{ A0: 'v' }, shown.length - 1])
})
