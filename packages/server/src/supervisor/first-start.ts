// `start` and `--dev` initialise and unseal by themselves. The first token is on disk before the database knows it, so
// that a crash at any moment leaves either nothing or a server that one can log in to.

import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeServiceToken } from '../crypto/token-format.ts'
import type { Config } from '../config/config.ts'
import type { SealStatus } from '../kernel/ports/seal-control.ts'
import { readText, writePrivate } from './data-directory.ts'
import type { SealDesk } from './seal-desk.ts'

export interface FirstStart {
  readonly status: SealStatus
  /** The first token, when this start made it. */
  readonly rootToken: string | undefined
}

/** A slot that opens by itself has no shares to count. */
const noShares = { shares: 1, threshold: 1 }

/** Leaves the server unsealed, initialised first if need be. */
export const openOrInitialise = async (desk: SealDesk, config: Config): Promise<FirstStart> => {
  const login = join(config.dataDir, 'login')
  const pending = `${login}.pending`
  const before = await desk.status()
  if (before.initialized) {
    // The crash came between initialising and naming the file.
    if ((await readText(pending)) !== undefined) await rename(pending, login)
    return { status: await desk.openAutomatically(), rootToken: undefined }
  }
  const rootToken = config.dev.rootTokenId ?? makeServiceToken()
  await writePrivate(pending, `${rootToken}\n`)
  try {
    await desk.initialise(noShares, { rootToken })
  } catch (error) {
    if ((await desk.status().catch(() => undefined))?.initialized === false) await rm(pending, { force: true })
    throw error
  }
  await rename(pending, login)
  return { status: await desk.openAutomatically(), rootToken }
}
