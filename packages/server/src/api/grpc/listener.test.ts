// The listener alone: plain and TLS, shared among processes, client certificates. No operation is behind it, so a call
// that reaches the door is answered that the server is sealed.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import { connect as connectPlain } from 'node:net'
import { once } from 'node:events'
import { credentials, Metadata, makeClientConstructor, status, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js'
import { allContracts } from '../../platform/contracts.ts'
import { loadService } from './contract.ts'
import type { GrpcTls } from './listener.ts'
import { startGrpc, type GrpcDoor } from './server.ts'

const folder = mkdtempSync(join(tmpdir(), 'coffer-grpc-'))
after(() => rmSync(folder, { recursive: true }))

const file = (name: string): string => join(folder, name)
const read = (name: string): string => readFileSync(file(name), 'utf8')

/** A certificate of its own authority: `name.crt`, `name.key`. */
const makeCertificate = (name: string): void => {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`), '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'ignore' })
}

const start = async (t: TestContext, options: { readonly tls?: GrpcTls; readonly port?: number; readonly reusePort?: boolean } = {}): Promise<GrpcDoor> => {
  const door = await startGrpc({
    listen: { host: '127.0.0.1', port: options.port ?? 0 },
    reusePort: options.reusePort ?? false,
    tls: options.tls,
    runners: () => undefined,
    refuser: () => undefined,
    stream: () => undefined,
    operations: allContracts,
    requestSeconds: 30,
    logger: { error: () => undefined },
  })
  t.after(() => door.close(1000))
  return door
}

const call = (t: TestContext, port: number, secure: ChannelCredentials = credentials.createInsecure()): Promise<ServiceError | null> => {
  const Client = makeClientConstructor(loadService(), 'SecretDeliveryService')
  const client = new Client(`localhost:${port}`, secure, { 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_retries': 0 })
  t.after(() => client.close())
  const rpc = loadService()['GetSecret']
  if (rpc === undefined) throw new Error('no GetSecret')
  return new Promise((resolve) => {
    client.makeUnaryRequest(rpc.path, rpc.requestSerialize, rpc.responseDeserialize, { secret_path: 'a', client_token: 'b' }, new Metadata(), { deadline: Date.now() + 20_000 }, (error) => resolve(error))
  })
}

const codeOf = (error: ServiceError | null): string | undefined => error?.metadata?.get('x-coffer-error-code')[0]?.toString()

describe('plain', () => {
  test('a sealed server says so', async (t) => {
    const { port } = await start(t)
    const error = await call(t, port)
    assert.equal(error?.code, status.UNAVAILABLE)
    assert.equal(codeOf(error), 'seal.sealed')
  })

  test('several share a port only when both say so', { skip: process.platform !== 'linux' }, async (t) => {
    const { port } = await start(t, { reusePort: true })
    await start(t, { port, reusePort: true })
    assert.equal(codeOf(await call(t, port)), 'seal.sealed')
    await assert.rejects(start(t, { port }), { kind: 'unavailable', code: 'grpc.cannot_listen' })
  })

  test('closing refuses newcomers and lets go of those who stay silent', async (t) => {
    const door = await start(t)
    assert.equal(codeOf(await call(t, door.port)), 'seal.sealed')
    const silent = connectPlain(door.port, '127.0.0.1')
    await once(silent, 'connect')
    silent.on('error', () => undefined).resume()
    await Promise.all([door.close(100), once(silent, 'close')])
    const late = connectPlain(door.port, '127.0.0.1')
    await assert.rejects(once(late, 'connect'), { code: 'ECONNREFUSED' })
  })
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

describe('TLS', { skip: hasOpenssl ? false : 'openssl is not installed' }, () => {
  for (const name of ['server', 'client', 'stranger']) makeCertificate(name)
  const tls = (more: Partial<GrpcTls> = {}): GrpcTls => ({ cert: read('server.crt'), key: read('server.key'), minVersion: '1.3', ...more })
  const secure = (client?: string): ChannelCredentials => credentials.createSsl(Buffer.from(read('server.crt')), client === undefined ? null : Buffer.from(read(`${client}.key`)), client === undefined ? null : Buffer.from(read(`${client}.crt`)))
  const handshake = (port: number, options: ConnectionOptions): Promise<string | Error> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: read('server.crt'), ALPNProtocols: ['h2'], ...options }, () => {
        resolve(`${socket.getProtocol() ?? ''} ${String(socket.alpnProtocol)}`)
        socket.destroy()
      })
      socket.on('error', resolve)
    })

  test('a client that trusts the certificate reaches the door, one that speaks plainly does not', async (t) => {
    const { port } = await start(t, { tls: tls() })
    assert.equal(codeOf(await call(t, port, secure())), 'seal.sealed')
    assert.equal(codeOf(await call(t, port)), undefined)
  })

  test('older versions and other protocols are refused in the handshake', async (t) => {
    const { port } = await start(t, { tls: tls() })
    assert.equal(await handshake(port, {}), 'TLSv1.3 h2')
    assert.ok((await handshake(port, { maxVersion: 'TLSv1.2' })) instanceof Error)
    assert.ok((await handshake(port, { ALPNProtocols: ['http/1.1'] })) instanceof Error)
    const lenient = await start(t, { tls: tls({ minVersion: '1.2' }) })
    assert.equal(await handshake(lenient.port, { maxVersion: 'TLSv1.2' }), 'TLSv1.2 h2')
  })

  test('with authorities, a certificate must be one of theirs; none is as good as before', async (t) => {
    const { port } = await start(t, { tls: tls({ clientCa: read('client.crt') }) })
    assert.equal(codeOf(await call(t, port, secure())), 'seal.sealed')
    assert.equal(codeOf(await call(t, port, secure('client'))), 'seal.sealed')
    assert.equal(codeOf(await call(t, port, secure('stranger'))), undefined)
  })
})
