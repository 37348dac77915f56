/** The pages under docs/formats and the vectors must not drift apart. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fingerprints from './vectors/fingerprint.json' with { type: 'json' }
import rows from './vectors/row-mac.json' with { type: 'json' }
import sealed from './vectors/sealed.json' with { type: 'json' }
import shamir from './vectors/shamir.json' with { type: 'json' }
import tokens from './vectors/token.json' with { type: 'json' }

const DOCS = new URL('../../../../docs/formats/', import.meta.url)
const VECTORS = new URL('./vectors/', import.meta.url)

function page(name: string): string {
  return readFileSync(new URL(name, DOCS), 'utf8')
}

/** All pages, without the white space that breaks long hexadecimal. */
const allPages = readdirSync(DOCS).map(page).join('').replaceAll(/\s/g, '')

test('each layout shows the data that it binds and its blob', () => {
  const shown = new Set<string>()
  for (const v of sealed) {
    if (shown.has(v.format)) continue
    shown.add(v.format)
    assert.ok(allPages.includes(v.aad), `the AAD of ${v.format}`)
    assert.ok(allPages.includes(v.blob), `the blob of ${v.format}`)
  }
  assert.equal(shown.size, 7)
})

test('tokens, row MACs, fingerprints and shares on the pages are those of the vectors', () => {
  const tokenPage = page('token.md')
  for (const v of tokens.filter((token) => token.random !== undefined)) assert.ok(tokenPage.includes(v.token), v.token)
  const row = rows.find((v) => v.table === 'aliases')
  assert.ok(row)
  const rowPage = page('row-mac.md').replaceAll(/\s/g, '')
  assert.ok(rowPage.includes(row.input) && rowPage.includes(row.mac))
  assert.ok(page('fingerprint.md').includes(fingerprints[1]?.fingerprint ?? 'none'))
  for (const share of shamir[0]?.shares ?? ['none']) assert.ok(page('share.md').includes(share))
})

test('the index names every page and every file of vectors', () => {
  const index = page('README.md')
  for (const name of readdirSync(DOCS)) if (name !== 'README.md') assert.ok(index.includes(`](${name})`), name)
  for (const name of readdirSync(VECTORS)) assert.ok(index.includes(`\`${name}\``), name)
})
