// Builds and wires every service of a worker; the only file, with compose/, that knows them all. Before the key comes a worker
// answers health and takes shares; `unseal` builds the rest, and a worker that was sealed is another process.

import { readFileSync } from 'node:fs'
import { asCofferError, fail } from './kernel/errors.ts'
import type { WorkerApp } from './kernel/ports/seal-control.ts'
import { systemClock } from './lib/clock.ts'
import { Flights } from './api/http/flights.ts'
import type { Door } from './api/http/exchange.ts'
import { buildHttp } from './api/http/server.ts'
import { nativeDoor } from './api/http/doors.ts'
import { systemDoor } from './api/http/system-door.ts'
import { vaultDoor } from './api/v1/door.ts'
import { monitorDoor } from './api/http/monitor-door.ts'
import { openApiDocument } from './api/openapi/document.ts'
import { startGrpc, type GrpcDoor } from './api/grpc/server.ts'
import { allContracts } from './platform/contracts.ts'
import { renderMetrics } from './telemetry/metrics.ts'
import { Deliveries } from './compose/deliveries.ts'
import { openPools, type Pools } from './compose/pools.ts'
import { openPlatform, type Platform } from './compose/platform.ts'
import type { WorkerContext } from './supervisor/run-worker.ts'
import type { ParsedTarget } from './kernel/path.ts'

export const compose = async (context: WorkerContext, pools: Pools = openPools(context)): Promise<WorkerApp> => {
  const { config, logger } = context
  let platform: Platform | undefined
  let grpc: GrpcDoor | undefined
  let draining = false
  let sealing = false
  const open = (): Platform | undefined => (sealing ? undefined : platform)
  const limits = { depth: config.limits.jsonDepth, bodyBytes: config.limits.bodyBytes }
  const deliveries = new Deliveries()
  const flights = new Flights(() => systemClock.wall())
  const log = { failed: (requestId: string, where: string, error: unknown): void => logger.error('request failed', { requestId, where, error: asCofferError(error).cause ?? error }) }
  const vault = vaultDoor({ limits, backend: () => open()?.vaultBackend })
  const doors = {
    rest: nativeDoor({ name: 'rest', limits, runners: () => open()?.rest, refuser: () => open()?.refusers.native, operations: allContracts.filter(({ operation }) => operation.path.startsWith('/api/v1/')) }),
    flat: nativeDoor({ name: 'flat', limits, runners: () => open()?.flat, refuser: () => open()?.refusers.native, operations: allContracts.filter(({ operation }) => operation.path.startsWith('/v1/secrets')) }),
    system: systemDoor({ control: context.sealControl, readRecipients: async (texts, field) => (await import('./system/operator/recipients.ts')).readRecipients(texts, field), limits, clusterName: config.clusterName, sealRunner: () => open()?.vault.get('system.seal'), beginSeal: () => { sealing = true }, isOpen: () => open() !== undefined }),
    vault,
    shares: deliveries.watch(vault, (requestId) => void context.ceremonies.delivered(requestId).catch((error: unknown) => logger.warn('replaced shares are still valid', { error }))),
    monitor: monitorDoor({ metrics: async () => renderMetrics(await context.collectMetrics()), isReady: () => open()?.isReady() === true && !draining, openApi: () => JSON.stringify(openApiDocument(allContracts.map(({ operation }) => operation))) }),
  }
  const app = buildHttp({ limits: { headerBytes: config.limits.headerBytes, bodyBytes: config.limits.bodyBytes, requestSeconds: config.limits.requestSeconds }, tls: tlsOf(context), doorOf: (target) => chooseDoor(doors, target, config.api.flatSecrets), warm: () => (draining ? undefined : open()?.warm), settings: () => open()?.settings.current, flights, log })

  return {
    async unseal(rootKey, generation) {
      platform = await openPlatform({ context, pools, rootKey, generation, deliveries, log, flights })
    },
    async replaceRoot(rootKey, generation) {
      // One that is still being opened was given the key before; it is started anew.
      if (platform === undefined) throw fail('unavailable', 'keyring.not_open', 'The keys are not open yet.')
      platform.replaceRoot(rootKey, generation)
    },
    async listen() {
      await app.listen({ host: config.listen.host, port: config.listen.port, ...(context.workers > 1 ? { reusePort: true } : {}) })
      if (config.grpc.enabled) {
        grpc = await startGrpc({ listen: config.grpc.listen, reusePort: context.workers > 1, tls: tlsOf(context), runners: () => open()?.grpc, refuser: () => open()?.refusers.grpc, operations: allContracts, stream: () => platform, requestSeconds: config.limits.requestSeconds, logger })
      }
    },
    async reopen() {
      await platform?.reopen()
    },
    async drain() {
      draining = true
      await Promise.all([app.close(), grpc?.close(5000)])
      await platform?.close()
      await pools.close()
    },
  }
}

interface Doors {
  readonly rest: Door
  readonly flat: Door
  readonly system: Door
  readonly vault: Door
  /** Vault's as well, for answers that may carry new shares. */
  readonly shares: Door
  readonly monitor: Door
}

/** Answered by the system door, sealed or not. */
const ungated: ReadonlySet<string> = new Set(['health', 'seal-status', 'seal-backend-status', 'init', 'unseal', 'seal'])

const monitored: ReadonlySet<string> = new Set(['healthz', 'readyz', 'metrics'])

const chooseDoor = (doors: Doors, target: ParsedTarget, flat: boolean): Door => {
  const [first = '', second = ''] = target.segments
  if (first === 'v1') {
    if (flat && second === 'secrets') return doors.flat
    if (second !== 'sys') return doors.vault
    if (target.segments.length === 3 && ungated.has(target.segments[2] ?? '')) return doors.system
    return target.segments[2]?.startsWith('rekey') === true ? doors.shares : doors.vault
  }
  if (first === 'api' && target.segments[2] === 'openapi.json' && target.segments.length === 3) return doors.monitor
  return target.segments.length === 1 && monitored.has(first) ? doors.monitor : doors.rest
}

const tlsOf = ({ config: { tls } }: WorkerContext): { readonly cert: string; readonly key: string; readonly clientCa: string | undefined; readonly minVersion: '1.2' | '1.3' } | undefined =>
  tls.cert === undefined || tls.key === undefined ? undefined : { cert: readFileSync(tls.cert, 'utf8'), key: readFileSync(tls.key, 'utf8'), clientCa: tls.clientCa === undefined ? undefined : readFileSync(tls.clientCa, 'utf8'), minVersion: tls.minVersion }
