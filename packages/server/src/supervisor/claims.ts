// What a server takes for itself before it starts, and gives back when it ends: its directories and its addresses.

import { mkdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from 'node:process'
import type { Config } from '../config/config.ts'
import { fail } from '../kernel/errors.ts'
import { systemClock } from '../lib/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import { reserveAddress } from './addresses.ts'
import { baseUrl } from './announce.ts'
import { openDataDirectory, writePrivate } from './data-directory.ts'
import { claimDevDirectory } from './dev-directory.ts'
import { coreDumpsAreOn } from './hardening.ts'

/** What cannot work here is refused, what is unwise is said. */
export const checkSystem = (config: Config, logger: Logger): void => {
  if (config.workers > 1 && platform !== 'linux') throw fail('invalid_request', 'supervisor.one_worker_only', 'workers: more than one is possible on Linux only, so far.', { field: 'workers' })
  if (coreDumpsAreOn()) logger.warn('core dumps are on; start through bin/coffer, or with `ulimit -c 0`')
}

/** The data directory, for this server alone; `--dev` also has the directory around it. */
export const claimDirectory = async (config: Config, undo: AsyncDisposableStack): Promise<{ readonly nodeId: string }> => {
  if (config.mode === 'dev') {
    const claimed = await claimDevDirectory(config.dataDir, systemClock)
    undo.defer(() => claimed.remove())
  }
  const directory = await openDataDirectory(config.dataDir)
  undo.defer(() => directory.release())
  return directory
}

// statfs(2): file systems whose content does not outlive the machine or the container.
const ephemeral: ReadonlyMap<number, string> = new Map([[0x01021994, 'tmpfs'], [0x858458f6, 'ramfs'], [0x794c7630, 'overlay']])

/** Refuses a spool that a restart of the container would lose, unless the operator said that this is wanted. */
export const checkSpool = async (config: Config, logger: Logger): Promise<void> => {
  const { directory, allowEphemeral } = config.audit
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw fail('unavailable', 'supervisor.audit_directory', `The audit directory ${directory} cannot be used (${code}).`, { cause, field: 'audit.directory' })
  })
  const kind = ephemeral.get((await statfs(directory)).type)
  if (kind === undefined || allowEphemeral) return
  const message = `The audit spool lies on ${kind}, which does not outlive the machine or container. Move audit.directory, or set audit.allow_ephemeral.`
  if (config.mode === 'server') throw fail('invalid_request', 'audit.ephemeral_spool', message, { field: 'audit.directory' })
  logger.warn(message)
}

/** The configuration with the addresses that will be listened on. */
export const reserveListeners = async (config: Config, undo: AsyncDisposableStack): Promise<Config> => {
  const http = await reserveAddress(config.listen)
  undo.defer(() => http.release())
  if (!config.grpc.enabled) return { ...config, listen: http.address }
  const grpc = await reserveAddress(config.grpc.listen)
  undo.defer(() => grpc.release())
  return { ...config, listen: http.address, grpc: { ...config.grpc, listen: grpc.address } }
}

/** Where a client on this machine finds the server of a data directory, while it runs. */
export const leaveAddress = async (config: Config, undo: AsyncDisposableStack): Promise<void> => {
  const path = join(config.dataDir, 'address')
  await writePrivate(path, `${baseUrl(config)}\n`)
  undo.defer(() => rm(path, { force: true }))
}
