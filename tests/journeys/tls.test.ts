// needs: openssl
// The TLS of both listeners: which versions are spoken, what every answer says about it, who is asked for a certificate,
// and that nothing is listened on in the clear off loopback. The command line's side of it is in cli-tls.test.ts.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { credentials, status as code } from '@grpc/grpc-js'
import { makeClientCertificate, makeServerCertificate } from '../support/certificate.ts'
import { grpcAddressOf, grpcClient } from '../support/grpc.ts'
import { exchange, type Json } from '../support/http.ts'
import { launch, scratchDirectory, startServer, type Server } from '../support/server.ts'

const folder = scratchDirectory({ after })
const fileOf = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

const made = makeServerCertificate()
const [person, stranger] = [makeClientCertificate(), makeClientCertificate()]
const authority = fileOf('authority.pem', made.authority)
const files = ['--tls-cert', fileOf('certificate.pem', made.certificate), '--tls-key', fileOf('key.pem', made.key)]

const token = 'root-of-the-tls-tests'
const start = (scope: { after: typeof after }, ...flags: readonly string[]): Promise<Server> => startServer(scope, { args: ['server', '--dev', `--dev-root-token-id=${token}`, ...flags] })
/** As an operator has it who changes nothing, but wants certificates of clients. */
const usual = await start({ after }, ...files, '--tls-client-ca', fileOf('client-authority.pem', person.authority))
/** For old clients, on every address of the machine. */
const lenient = await start({ after }, ...files, '--tls-min-version', '1.2', '--listen', '0.0.0.0:0', '--grpc-listen', '0.0.0.0:0')

const portOf = (server: Server): number => Number(new URL(server.address).port)
const grpcPortOf = (server: Server): number => Number(grpcAddressOf(server).split(':').at(-1))

interface Answer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly protocol: string | null
  readonly text: string
}

const ask = (server: Server, path: string, more: RequestOptions & { readonly body?: string } = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { body, ...options } = more
    const sent = request({ host: '127.0.0.1', port: portOf(server), path, ca: made.authority, agent: false, headers: { 'x-vault-token': token }, ...options }, (response) => {
      const protocol = (response.socket as TLSSocket).getProtocol() // node:https speaks over nothing else
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.once('end', () => resolve({ status: response.statusCode, headers: response.headers, protocol, text }))
    })
    sent.once('error', reject)
    sent.end(body)
  })

/** The version that a handshake settles on, or the error that ends it. */
const handshake = async (port: number, options: ConnectionOptions): Promise<string> => {
  const socket = connect({ host: '127.0.0.1', port, ca: made.authority, ALPNProtocols: ['h2', 'http/1.1'], ...options })
  try {
    await once(socket, 'secureConnect')
    return socket.getProtocol() ?? ''
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'failed'
  } finally {
    socket.destroy()
  }
}

const only = (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'): ConnectionOptions => ({ minVersion: version, maxVersion: version, ciphers: version === 'TLSv1.1' ? 'DEFAULT@SECLEVEL=0' : undefined })

const REFUSED = 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'

test('both listeners speak TLS 1.3 and nothing older', async () => {
  for (const port of [portOf(usual), grpcPortOf(usual)]) {
    assert.equal(await handshake(port, {}), 'TLSv1.3')
    assert.equal(await handshake(port, only('TLSv1.2')), REFUSED)
    assert.equal(await handshake(port, only('TLSv1.1')), REFUSED)
  }
})

test('a setting lets TLS 1.2 in on both, and nothing older', async () => {
  for (const port of [portOf(lenient), grpcPortOf(lenient)]) {
    assert.equal(await handshake(port, {}), 'TLSv1.3')
    assert.equal(await handshake(port, only('TLSv1.2')), 'TLSv1.2')
    assert.equal(await handshake(port, only('TLSv1.1')), REFUSED)
  }
})

test('every answer says that the server is to be reached over TLS from now on', async () => {
  const path = '/api/v1/secrets/watched?environment=dev'
  assert.equal((await ask(usual, path, { method: 'POST', body: '{"value":"v"}' })).status, 200)
  const answers = [
    // Twice: the second is answered by the compiled plan.
    await ask(usual, `${path}&reveal=true`), await ask(usual, `${path}&reveal=true`),
    await ask(usual, '/v1/sys/health'), await ask(usual, '/metrics'), await ask(usual, '/v1/secret/data/dev/watched'),
    await ask(usual, '/api/v1/secrets/absent?environment=dev'), await ask(usual, '/api/v1/me', { headers: {} }), await ask(usual, '/v1/%2e%2e/x'), await ask(usual, path, { method: 'POST', body: 'x'.repeat(2_000_000) }),
  ]
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200, 200, 404, 401, 400, 413])
  for (const { headers, protocol } of answers) {
    assert.match(String(headers['strict-transport-security']), /^max-age=31536000\b/)
    assert.equal(protocol, 'TLSv1.3')
  }
})

test('plain HTTP on the TLS port is not answered with anything of the server, and harms nobody', async () => {
  await assert.rejects(exchange(`http://127.0.0.1:${portOf(usual)}`, 'GET', '/v1/sys/health', { token }))
  assert.equal((await ask(usual, '/v1/sys/health')).status, 200)
})

test('gRPC is answered over TLS to who knows the authority, and to nobody in the clear', async (t) => {
  await ask(usual, '/api/v1/secrets/by-grpc?environment=prod', { method: 'POST', body: '{"value":"over TLS"}' })
  const get = async (channel: ReturnType<typeof credentials.createSsl> | undefined) => grpcClient(t, `127.0.0.1:${grpcPortOf(usual)}`, channel).get({ secret_path: 'prod/by-grpc', client_token: token })
  assert.equal((await get(credentials.createSsl(Buffer.from(made.authority)))).answer?.plaintext_value, 'over TLS')
  assert.equal((await get(credentials.createSsl())).failure?.status, code.UNAVAILABLE)
  assert.equal((await get(undefined)).failure?.status, code.UNAVAILABLE)
})

const shown = (port: number, ...more: readonly string[]): string => {
  const { stdout, stderr } = spawnSync('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', authority, ...more], { input: '', encoding: 'utf8' })
  return stdout + stderr
}

test('clients are asked for a certificate of the named authorities where there are some, and for none elsewhere', () => {
  for (const [port, more] of [[portOf(usual), []], [grpcPortOf(usual), ['-alpn', 'h2']]] as const) assert.match(shown(port, ...more), /Acceptable client certificate CA names\n.*Test authority/)
  for (const [port, more] of [[portOf(lenient), []], [grpcPortOf(lenient), ['-alpn', 'h2']]] as const) assert.match(shown(port, ...more), /No client certificate CA names sent/)
})

test('a client without a certificate is served as one that has one: its token says who it is', async (t) => {
  const identity = { cert: person.certificate, key: person.key }
  for (const options of [{}, identity]) {
    const answer = await ask(usual, '/api/v1/me', options)
    assert.equal((JSON.parse(answer.text) as Json).data.root, true)
    assert.equal((await ask(usual, '/api/v1/me', { ...options, headers: {} })).status, 401, 'a certificate is no token')
  }
  await ask(usual, '/api/v1/secrets/for-somebody?environment=prod', { method: 'POST', body: '{"value":"x"}' })
  const get = (cert: { certificate: string; key: string }) =>
    grpcClient(t, `127.0.0.1:${grpcPortOf(usual)}`, credentials.createSsl(Buffer.from(made.authority), Buffer.from(cert.key), Buffer.from(cert.certificate))).get({ secret_path: 'prod/for-somebody', client_token: token })
  assert.equal((await get(person)).answer?.plaintext_value, 'x')
  assert.equal((await get(stranger)).failure?.status, code.UNAVAILABLE, 'one of another authority is a mistake of its owner')
})

const refused = async (t: TestContext, ...flags: readonly string[]): Promise<string> => {
  const server = launch(t, { args: ['server', '--dev', ...flags] })
  assert.equal((await server.exited).code, 2)
  assert.equal(server.stdout(), '')
  return server.stderr()
}

test('a listener off loopback needs TLS, or to be asked for by name', async (t) => {
  assert.match(await refused(t, '--listen', '0.0.0.0:0'), /listen: must be a loopback address, or have TLS .*--insecure \(flag --listen\)/)
  assert.match(await refused(t, '--listen', '[::]:0'), /listen: must be a loopback address/)
  assert.match(await refused(t, '--grpc-listen', '0.0.0.0:0'), /grpc\.listen: must be a loopback address/)
  assert.equal((await ask(lenient, '/v1/sys/health')).status, 200, 'with TLS it listens')
  const insecure = await start(t, '--listen', '0.0.0.0:0', '--insecure')
  const answer = await exchange(`http://127.0.0.1:${portOf(insecure)}`, 'GET', '/v1/sys/health')
  assert.deepEqual([answer.status, answer.headers['strict-transport-security']], [200, undefined])
})
