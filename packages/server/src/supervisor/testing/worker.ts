// A worker for tests of the supervisor: the real channel, keyring and database, and a bare HTTP server whose few routes
// show what the supervisor did to this very process.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { asCofferError } from '../../kernel/errors.ts'
import type { WorkerApp } from '../../kernel/ports/seal-control.ts'
import { Keyring } from '../../keyring/keyring.ts'
import { Pool } from '../../storage/pool.ts'
import { renderMetrics } from '../../telemetry/metrics.ts'
import { runWorker, type WorkerContext } from '../run-worker.ts'

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer) // no encoding is set, so chunks are buffers
  return Buffer.concat(chunks)
}

const compose = async (context: WorkerContext): Promise<WorkerApp> => {
  const database = new Pool(context.database.pooled.coffer_app, { max: 2 })
  const { sealControl } = context
  let keyring: Keyring | undefined

  const routes: Readonly<Record<string, (request: IncomingMessage) => Promise<unknown>>> = {
    '/status': () => sealControl.status(),
    '/self': async () => ({ pid: process.pid, slot: context.slot, unsealed: keyring !== undefined, nodeId: context.nodeId }),
    '/init': async (request) => {
      const { shares, rootToken } = await sealControl.initialise(JSON.parse((await readBody(request)).toString()) as { shares: number; threshold: number })
      return { shares: shares.map((share) => share.toString('hex')), rootToken }
    },
    '/share': async (request) => sealControl.submitShare(Buffer.from((await readBody(request)).toString(), 'hex')),
    '/reset': () => sealControl.resetUnseal(),
    '/seal': async () => (await sealControl.seal(), {}),
    '/metrics': async () => renderMetrics(await context.collectMetrics()),
    '/slow': () => {
      context.logger.info('a slow request begins')
      return new Promise((resolve) => setTimeout(() => resolve({ pid: process.pid }), 1_000))
    },
    '/hang': () => {
      context.logger.info('a request hangs')
      return new Promise(() => undefined)
    },
  }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const route = routes[request.url ?? '']
    try {
      const result = route === undefined ? {} : await route(request)
      response.writeHead(route === undefined ? 404 : 200, { connection: 'close' })
      response.end(typeof result === 'string' ? result : JSON.stringify(result))
    } catch (error) {
      const { kind, code, field, message } = asCofferError(error)
      response.writeHead(400, { connection: 'close' })
      response.end(JSON.stringify({ kind, code, field, message }))
    }
  }
  const server = createServer((request, response) => void answer(request, response))
  return {
    async unseal(rootKey, generation) {
      keyring = await Keyring.open({ database, rootKey, generation })
    },
    async replaceRoot(rootKey, generation) {
      keyring?.replaceRoot(rootKey, generation)
    },
    listen: () => listen(server, context),
    async drain() {
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await database.close()
    },
  }
}

const listen = (server: Server, { config, workers }: WorkerContext): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: config.listen.host, port: config.listen.port, reusePort: workers > 1, exclusive: true }, () => resolve())
  })

runWorker(compose)
