// needs: openssl
// The cert method over TLS: whom the listener verified, whom an entry trusts, and what it binds.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeServerCertificate } from '../support/certificate.ts'
import { scratchDirectory, startDevServer } from '../support/server.ts'
import { certificateMaker, type Made } from './certificates.ts'

const folder = scratchDirectory({ after })
const { make, revoke } = certificateMaker({ after })
const authority = make({ subject: '/CN=Authority', authority: true })
const between = make({ subject: '/CN=Between', authority: true, issuer: authority })
const strangers = make({ subject: '/CN=Strangers', authority: true })
const own = makeServerCertificate()
for (const [name, text] of [['server.pem', own.certificate], ['server.key', own.key], ['clients.pem', authority.certificate]] as const) writeFileSync(join(folder, name), text, { mode: 0o600 })
const { server, rootToken } = await startDevServer({ after }, ['--tls-cert', join(folder, 'server.pem'), '--tls-key', join(folder, 'server.key'), '--tls-client-ca', join(folder, 'clients.pem')])

interface Answered {
  readonly status: number
  readonly json: { readonly errors?: readonly string[]; readonly data?: Record<string, unknown>; readonly auth?: { readonly policies: readonly string[]; readonly metadata: Record<string, string>; readonly client_token: string; readonly entity_id: string } }
}

const call = (method: string, path: string, body?: unknown, { client, chain = '', token }: { readonly client?: Made; readonly chain?: string; readonly token?: string } = {}): Promise<Answered> =>
  new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = { ...(token === undefined ? {} : { 'x-vault-token': token }), ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }) }
    const sent = request(`${server.address}${path}`, { method, headers, agent: false, ca: own.authority, ...(client === undefined ? {} : { cert: client.certificate + chain, key: client.key }) }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => {
        const raw = Buffer.concat(chunks).toString()
        resolve({ status: response.statusCode ?? 0, json: (raw === '' ? {} : JSON.parse(raw)) as Answered['json'] }) // whatever the server said; assertions are about it
      })
    })
    sent.once('error', reject)
    sent.end(text)
  })
const root = (method: string, path: string, body?: unknown): Promise<Answered> => call(method, path, body, { token: rootToken })

let mounts = 0
/** A mount with the entry `web`. */
const configured = async (entry: object): Promise<string> => {
  mounts += 1
  const at = `cert${mounts}`
  assert.equal((await root('POST', `/v1/sys/auth/${at}`, { type: 'cert' })).status, 204)
  const written = await root('POST', `/v1/auth/${at}/certs/web`, { certificate: authority.certificate, token_policies: 'web', ...entry })
  assert.equal(written.status, 204, JSON.stringify(written.json))
  return at
}
const login = (at: string, client?: Made, chain = '', name?: string): Promise<Answered> => call('POST', `/v1/auth/${at}/login`, name === undefined ? {} : { name }, client === undefined ? {} : { client, chain })

const client = make({ subject: '/O=acme/OU=web/OU=edge/CN=web-1', issuer: authority, alternatives: 'DNS:web-1.acme.test,email:web@acme.test,URI:spiffe://acme/web' })

test('a client of the authority logs in as its common name', async () => {
  const at = await configured({ display_name: 'web server' })
  const { status, json } = await login(at, client)
  assert.equal(status, 200, JSON.stringify(json))
  assert.deepEqual(json.auth?.policies, ['default', 'web'])
  assert.deepEqual([json.auth?.metadata['cert_name'], json.auth?.metadata['common_name']], ['web', 'web-1'])
  assert.match(json.auth?.metadata['serial_number'] ?? '', /^\d+$/)
  assert.equal((await login(at, client, '', 'web')).json.auth?.entity_id, json.auth?.entity_id)
  assert.equal((await login(at, client, '', 'other')).status, 400)
})

test('a client below an authority in between logs in where the entry holds that', async () => {
  const below = make({ subject: '/CN=below', issuer: between })
  const both = await configured({ certificate: authority.certificate + between.certificate })
  assert.equal((await login(both, below, between.certificate)).status, 200)
  assert.equal((await login(both, below)).status, 400, 'the listener cannot verify it without the one in between')
  const narrow = await configured({ certificate: between.certificate })
  assert.equal((await login(narrow, below, between.certificate)).status, 200)
  assert.equal((await login(narrow, client)).status, 400, 'the authority above is not the one that the entry trusts')
  assert.equal((await login(narrow, client, between.certificate)).status, 400, 'a certificate that only came along is no issuer')
})

test('nobody without a certificate, of strangers, expired, or not for clients', async () => {
  const at = await configured({})
  assert.equal((await login(at)).status, 400)
  assert.equal((await login(at, make({ subject: '/CN=web-1', issuer: strangers }))).status, 400)
  assert.equal((await login(at, make({ subject: '/CN=web-1' }))).status, 400)
  assert.equal((await login(at, make({ subject: '/CN=web-1', issuer: authority, days: -1 }))).status, 400)
  assert.equal((await login(at, make({ subject: '/CN=web-1', issuer: authority, usage: 'serverAuth' }))).status, 400)
  assert.equal((await login(at, make({ subject: '/O=no name', issuer: authority }))).status, 400)
  const trusting = await configured({ certificate: strangers.certificate })
  assert.equal((await login(trusting, make({ subject: '/CN=web-1', issuer: strangers }))).status, 400, 'the listener did not verify it')
})

test('an entry of one client takes that one only', async () => {
  const at = await configured({ certificate: client.certificate })
  assert.equal((await login(at, client)).status, 200)
  assert.equal((await login(at, make({ subject: '/O=acme/OU=web/CN=web-1', issuer: authority }))).status, 400)
})

test('names are bound, each kind by its own patterns', async () => {
  const cases: readonly (readonly [object, number])[] = [
    [{ allowed_common_names: 'web-*' }, 200], [{ allowed_common_names: 'db-*' }, 400],
    [{ allowed_dns_sans: '*.acme.test' }, 200], [{ allowed_dns_sans: 'web-1' }, 400],
    [{ allowed_email_sans: '*@acme.test' }, 200], [{ allowed_email_sans: '*@other.test' }, 400],
    [{ allowed_uri_sans: 'spiffe://acme/*' }, 200], [{ allowed_uri_sans: 'spiffe://other/*' }, 400],
    [{ allowed_organizational_units: 'edge' }, 200], [{ allowed_organizational_units: 'core' }, 400],
    [{ allowed_names: 'web@acme.test' }, 200], [{ allowed_names: 'x,web-1' }, 200], [{ allowed_names: 'x' }, 400],
    [{ allowed_common_names: 'web-1', allowed_organizational_units: 'core' }, 400],
  ]
  for (const [entry, expected] of cases) assert.equal((await login(await configured(entry), client)).status, expected, JSON.stringify(entry))
})

test('a name that holds a comma does not pass for two', async () => {
  const at = await configured({ allowed_dns_sans: 'admin.acme.test' })
  const crafted = make({ subject: '/CN=x', issuer: authority, alternatives: '@names\n[names]\nURI.1=http://x.test/a, DNS:admin.acme.test' })
  assert.equal((await login(at, crafted)).status, 400)
  assert.equal((await login(await configured({ allowed_uri_sans: ['http://x.test/a, DNS:admin.acme.test'] }), crafted)).status, 200)
})

test('entries are listed, read, changed and deleted; what is not checked is refused', async () => {
  const at = await configured({ allowed_common_names: ['a', 'b'] })
  const read = await root('GET', `/v1/auth/${at}/certs/web`)
  assert.deepEqual([read.json.data?.['allowed_common_names'], read.json.data?.['display_name'], read.json.data?.['token_policies']], [['a', 'b'], 'web', ['web']])
  assert.deepEqual((await root('GET', `/v1/auth/${at}/certs?list=true`)).json.data, { keys: ['web'] })
  for (const entry of [{ certificate: 'x' }, { certificate: '' }, { required_extensions: 'nonsense' }, { allowed_metadata_extensions: 'x' }, { ocsp_enabled: true }, { certificate: make({ subject: '/CN=s', issuer: authority, usage: 'serverAuth' }).certificate }]) {
    assert.equal((await root('POST', `/v1/auth/${at}/certs/web`, entry)).status, 400, JSON.stringify(entry).slice(0, 60))
  }
  assert.equal((await root('DELETE', `/v1/auth/${at}/certs/web`)).status, 204)
  assert.equal((await root('GET', `/v1/auth/${at}/certs/web`)).status, 404)
  assert.equal((await login(at, client)).status, 400)
})

test('organizations and extensions are bound; what an extension says can go into the metadata', async () => {
  const at = await configured({})
  const extended = make({ subject: '/O=acme/CN=ext-1', issuer: authority, more: ['1.2.3.4=ASN1:UTF8String:team-blue', '1.2.3.5=DER:0101ff', '1.2.3.6=DER:30'] })
  const cases: readonly (readonly [object, number])[] = [
    [{ allowed_organizations: 'acme' }, 200], [{ allowed_organizations: 'other' }, 400], [{ allowed_organizations: '', required_extensions: '1.2.3.4:team-*' }, 200], [{ required_extensions: '1.2.3.4:team-red' }, 400],
    [{ required_extensions: '1.2.3.9:*' }, 400], [{ required_extensions: 'hex:1.2.3.5:0101FF' }, 200], [{ required_extensions: ['1.2.3.4:team-blue', 'hex:1.2.3.5:00*'] }, 400], [{ required_extensions: '1.2.3.6:' }, 200],
  ]
  for (const [entry, status] of cases) {
    assert.equal((await root('POST', `/v1/auth/${at}/certs/web`, entry)).status, 204, JSON.stringify(entry))
    assert.equal((await login(at, extended)).status, status, JSON.stringify(entry))
  }
  assert.equal((await root('POST', `/v1/auth/${at}/certs/web`, { required_extensions: '', allowed_metadata_extensions: ['1.2.3.4', '1.2.3.9'] })).status, 204)
  const { json } = await login(at, extended)
  assert.equal(json.auth?.metadata['1-2-3-4'], 'team-blue')
  assert.ok(json.auth !== undefined && !('1-2-3-9' in json.auth.metadata))
  assert.match(json.auth.metadata['subject_key_id'] ?? '', /^([0-9a-f]{2}:){19}[0-9a-f]{2}$/)
})

test('a certificate that a revocation list names does not log in, nor one below an authority that it names', async () => {
  const at = await configured({ certificate: authority.certificate + between.certificate })
  const gone = make({ subject: '/CN=gone', issuer: authority })
  assert.equal((await login(at, gone)).status, 200)
  assert.equal((await root('POST', `/v1/auth/${at}/crls/Main`, { crl: revoke(authority, [gone]) })).status, 204)
  const refused = await login(at, gone)
  assert.deepEqual([refused.status, refused.json.errors], [400, ['no chain matching all constraints could be found for this login certificate']])
  assert.equal((await login(at, client)).status, 200)
  const read = await root('GET', `/v1/auth/${at}/crls/main`)
  assert.deepEqual([read.json.data?.['cdp'], Object.keys(read.json.data?.['serials'] as object).length], [null, 1])
  assert.deepEqual((await root('GET', `/v1/auth/${at}/crls?list=true`)).json.data, { keys: ['main'] })
  const below = make({ subject: '/CN=below', issuer: between })
  assert.equal((await login(at, below, between.certificate)).status, 200)
  assert.equal((await root('POST', `/v1/auth/${at}/crls/main`, { crl: revoke(authority, [between]) })).status, 204)
  assert.equal((await login(at, below, between.certificate)).status, 400)
  assert.equal((await login(at, gone)).status, 200, 'the list was replaced')
  assert.equal((await root('DELETE', `/v1/auth/${at}/crls/main`)).status, 204)
  assert.equal((await login(at, below, between.certificate)).status, 200)
  const again = await root('DELETE', `/v1/auth/${at}/crls/main`)
  assert.deepEqual([again.status, again.json.errors], [400, ['no such CRL main']])
  for (const body of [{}, { crl: 'x' }, { crl: '-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----' }, { url: '' }, { url: 'not a url' }, { url: 'http://127.0.0.1:1/none.crl' }, { url: 'file:///etc/passwd' }]) assert.equal((await root('POST', `/v1/auth/${at}/crls/main`, body)).status, 400, JSON.stringify(body))
})

test('a revocation list is fetched from its address, and again when it has run out', async () => {
  const gone = make({ subject: '/CN=gone-2', issuer: authority })
  let asked = 0
  // The first list has run out already when it is given.
  const lists = [revoke(authority, [], ['-crl_lastupdate', '20200101000000Z', '-crl_nextupdate', '20200201000000Z']), revoke(authority, [gone])]
  const host = createServer((_request, response) => {
    asked += 1
    response.end(lists[Math.min(asked, 2) - 1])
  })
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
  after(() => host.close())
  const { port } = host.address() as AddressInfo // it listens on TCP
  const at = await configured({})
  const url = `http://127.0.0.1:${port}/list.crl?token=x`
  assert.equal((await root('POST', `/v1/auth/${at}/crls/far`, { url })).status, 204)
  assert.equal(asked, 1)
  assert.equal((await login(at, gone)).status, 400, 'the newer list names it')
  assert.equal(asked, 2)
  assert.equal((await login(at, gone)).status, 400)
  assert.equal(asked, 2, 'a list that has not run out is not asked for')
  assert.equal((await root('GET', `/v1/auth/${at}/crls/far`)).json.data?.['cdp'] !== null, true)
})

test('a token is renewed with the certificate that it was given for, unless the mount says that any caller may', async () => {
  const at = await configured({})
  const { json } = await login(at, client)
  const token = json.auth?.client_token ?? ''
  const renew = (more: object): Promise<Answered> => call('POST', '/v1/auth/token/renew-self', {}, { token, ...more })
  assert.equal((await renew({ client })).status, 200)
  assert.equal((await renew({})).status, 400)
  const sibling = make({ subject: '/CN=web-1', issuer: authority })
  const refused = await renew({ client: sibling })
  assert.deepEqual([refused.status, refused.json.errors], [400, ['client identity during renewal not matching client identity used during login']])
  assert.equal((await root('POST', `/v1/auth/${at}/crls/main`, { crl: revoke(authority, [client]) })).status, 204)
  assert.equal((await renew({ client })).status, 400, 'revoked meanwhile')
  assert.equal((await root('POST', `/v1/auth/${at}/config`, { disable_binding: true })).status, 204)
  assert.equal((await root('GET', `/v1/auth/${at}/config`)).json.data?.['disable_binding'], true)
  assert.equal((await renew({})).status, 200)
})
