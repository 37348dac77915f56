// Where the bench keeps what it makes.

import { join } from 'node:path'

export const repository: string = join(import.meta.dirname, '..', '..')
/** Ignored by git. */
export const cacheDirectory: string = join(repository, '.cache')
export const peersDirectory: string = join(cacheDirectory, 'peers')
export const resultsDirectory: string = join(repository, 'bench', 'results')
export const node: string = process.execPath
export const coffer: string = join(repository, 'bin', 'coffer')
