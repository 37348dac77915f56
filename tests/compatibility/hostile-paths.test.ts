// A path written in another way never reaches what the plain one may not (architecture, section 9, number 5). Everything is
// sent as raw bytes: a client library would tidy it up first.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, describe, test } from 'node:test'
import { startDevServer } from '../support/server.ts'

const { server, root } = await startDevServer({ after })
const { hostname, port } = new URL(server.address)

interface Raw {
  readonly status: number
  readonly body: string
}

const raw = (method: string, target: string, token: string, headers: readonly string[] = [], body = ''): Promise<Raw> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.once('error', reject)
    socket.once('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), body: text.slice(text.indexOf('\r\n\r\n') + 4) }))
    const length = body === '' ? [] : [`content-length: ${Buffer.byteLength(body)}`, 'content-type: application/json']
    socket.write(Buffer.from([`${method} ${target} HTTP/1.1`, 'host: x', `x-vault-token: ${token}`, 'connection: close', ...length, ...headers, '', body].join('\r\n'), 'latin1'))
  })

const CANARY = 'canary-of-the-hidden-secret'
await root.expect('POST', '/v1/secret/data/hidden/x', { data: { v: CANARY } })
await root.expect('POST', '/v1/secret/data/open/x', { data: { v: 'open' } })
await root.expect('POST', '/v1/secret/data/dev/hidden', { data: { v: CANARY } })
await root.expect('POST', '/v1/sys/namespaces/below', {})
await root.expect('POST', '/v1/secret/data/hidden/x', { data: { v: CANARY } }, { headers: { 'x-vault-namespace': 'below' } })
await root.expect('POST', '/v1/sys/mounts/one', { type: 'kv', options: { version: '1' } })
await root.expect('POST', '/v1/one/hidden', { v: CANARY })

const tokenOf = async (policy: string): Promise<string> => {
  await root.expect('PUT', '/v1/sys/policies/acl/hostile', { policy })
  return (await root.expect('POST', '/v1/auth/token/create', { policies: ['hostile'], ttl: '1h' })).json.auth.client_token as string
}
const everything = '{ capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }'
/** May do everything below open/, and is denied what is hidden. */
const token = await tokenOf(`
path "secret/data/open/*" ${everything}
path "secret/metadata/open/*" ${everything}
path "secret/+/open/*" ${everything}
path "one/open/*" ${everything}
path "sys/internal/ui/mounts/open" ${everything}
path "secret/data/hidden/*" { capabilities = ["deny"] }
path "one/hidden" { capabilities = ["deny"] }`)

const up = ['..', '%2e%2e', '%2E%2e', '.%2e', '%2e.', '%252e%252e', '..%00', '%c0%ae%c0%ae', '%e0%80%ae%e0%80%ae', '..;', '..%5c', '%2e%2e%2f', '..%2f', '%uff0e%uff0e', '\u00ae\u00ae']
const slashes = ['/', '//', '/./', '/%2e/', '%2f', '%2F', '%252f', '%5c', '\\', '%c0%af', '%e0%80%af', '%ef%bc%8f', ';/', '/;/', '%09', '%20', '%00', '#', '%23', '?', '%3f']

const targets = (): readonly string[] => {
  const found: string[] = []
  for (const step of up) {
    for (const prefix of ['secret/data/open', 'secret/metadata/open', 'one/open']) {
      found.push(`/v1/${prefix}/${step}/hidden/x`, `/v1/${prefix}/${step}/hidden`, `/v1/${prefix}/a/${step}/${step}/hidden/x`)
    }
    found.push(`/v1/secret/data/open/${step}/${step}/${step}/one/hidden`, `/v1/${step}/v1/secret/data/hidden/x`, `/${step}/v1/secret/data/hidden/x`)
  }
  for (const slash of slashes) {
    found.push(`/v1/secret/data${slash}hidden/x`, `/v1/secret${slash}data/hidden/x`, `/v1${slash}secret/data/hidden/x`, `${slash}v1/secret/data/hidden/x`, `/v1/secret/data/hidden${slash}x`, `/v1/one${slash}hidden`)
  }
  for (const twisted of ['/V1/secret/data/hidden/x', '/v1/Secret/data/hidden/x', '/v1/SECRET/DATA/HIDDEN/X', '/v1/secret/Data/hidden/x', '/v1/secret/data/hidden/x/', '/v1/secret/data/hidden/x//', '/v1/secret/data/%68idden/x', '/v1/secret/%64ata/hidden/x', '/v1/%73ecret/data/hidden/x', '/%76%31/secret/data/hidden/x', '/v1/secret/data/hidden%2fx', '/v1/secret/data/hidde\u006e%CC%81/x', '/v1/secret/data/hidden/x%00', '/v1/secret/data/hidden/x%0a', '/v1/secret/data/hidden/x%20', '/v1/secret/data/hidden/x;a=b', '/v1/secret/data/hidden/x?version=0&version=1', '/v1/secret/data/open/x?path=hidden/x', '/v1/secret/subkeys/hidden/x', '/v1/secret/metadata/hidden/x', '/v1/one/data/hidden', '/v1/secret/hidden/x', `http://${hostname}:${port}/v1/secret/data/hidden/x`, 'v1/secret/data/hidden/x', '*']) found.push(twisted)
  for (const namespace of ['below', 'root', 'root/below', 'below/..', 'below%2f', 'BELOW', 'below/below', './below']) found.push(`/v1/${namespace}/secret/data/hidden/x`, `/v1/secret/${namespace}/data/hidden/x`)
  return found
}

const safe = ({ status, body }: Raw, what: string): void => {
  assert.ok(!body.includes(CANARY), `${what} shows what is hidden`)
  assert.ok(status >= 400 && status < 500, `${what} was answered ${status}: ${body.slice(0, 200)}`)
}

/** A twisted path may be an honest name below what is open (`%252e%252e` is a name of six characters), so it may be answered. */
const harmless = ({ status, body }: Raw, what: string): void => {
  assert.ok(!body.includes(CANARY), `${what} shows what is hidden`)
  assert.ok(status >= 200 && status < 500, `${what} was answered ${status}: ${body.slice(0, 200)}`)
}

describe('paths written in another way', () => {
  test('what may be read is read by its plain path', async () => {
    const { status, body } = await raw('GET', '/v1/secret/data/open/x', token)
    assert.equal(status, 200)
    assert.match(body, /"v":"open"/)
    assert.equal((await raw('GET', '/v1/secret/data/open/%78', token)).status, 200)
  })
  test('never show what the plain path may not, and are never our fault', async () => {
    for (const target of targets()) {
      for (const method of ['GET', 'LIST']) harmless(await raw(method, target, token), `${method} ${target}`)
    }
  })
  test('never change what the plain path may not', async () => {
    for (const target of targets()) {
      for (const method of ['POST', 'DELETE']) harmless(await raw(method, target, token, [], method === 'POST' ? '{"data":{"v":"changed"},"v":"changed"}' : ''), `${method} ${target}`)
    }
    assert.equal((await root.expect('GET', '/v1/secret/data/hidden/x')).json.data.data.v, CANARY)
    assert.equal((await root.expect('GET', '/v1/one/hidden')).json.data.v, CANARY)
    assert.equal((await root.expect('GET', '/v1/secret/data/dev/hidden')).json.data.data.v, CANARY)
  })
  test('headers do not smuggle a namespace either', async () => {
    for (const namespace of ['below', 'below/', '/below', 'root', '../below', 'below/../below', 'BELOW', 'below%2f', 'secret', '*', '.']) {
      for (const name of ['x-vault-namespace', 'x-coffer-organization']) safe(await raw('GET', '/v1/secret/data/hidden/x', token, [`${name}: ${namespace}`]), `${name}: ${namespace}`)
    }
    safe(await raw('GET', '/v1/secret/data/hidden/x', token, ['x-vault-namespace: below', 'x-coffer-organization: root']), 'two organizations')
    safe(await raw('GET', '/v1/secret/data/hidden/x', token, [`x-vault-token: ${token}`]), 'two tokens')
  })
})

test('a deny of one spelling is a deny of every spelling', async () => {
  const wide = await tokenOf(`path "*" ${everything}\npath "secret/data/hidden/x" { capabilities = ["deny"] }\npath "one/hidden" { capabilities = ["deny"] }`)
  const twisted = ['/v1/secret/data/hidden/x', '/v1/secret/data/hidden/%78', '/v1/secret/data/%68idden/x', '/v1/%73ecret/data/hidden/x', '/v1/secret/data/hidden/x/', '/v1/secret/data/hidden/x?version=1', '/v1/secret/data//hidden/x', '/v1/secret/data/./hidden/x', '/v1/secret/data/open/../hidden/x', '/v1/secret/data/hidden%2fx', '/v1/one/hidden', '/v1/one/hidden/', '/v1/one/%68idden', '/v1/one//hidden', '/v1/root/secret/data/hidden/x', '/v1/root/one/hidden']
  for (const target of twisted) safe(await raw('GET', target, wide), target)
})
