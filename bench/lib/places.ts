// Where the bench keeps what it makes.

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export const repository: string = join(import.meta.dirname, '..', '..')
/** Ignored by git. */
export const cacheDirectory: string = join(repository, '.cache')
export const peersDirectory: string = join(cacheDirectory, 'peers')
export const resultsDirectory: string = join(repository, 'bench', 'results')
export const node: string = process.execPath
export const coffer: string = join(repository, 'bin', 'coffer')

/** A program that `npm run bench:peers` has built, or one on the path. */
export const findPeer = (name: string): string | undefined =>
  [join(peersDirectory, name), ...(process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))].find((path) => existsSync(path))
