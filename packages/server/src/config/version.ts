// The release, from the package's own file: one place to change it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../lib/node/places.ts'

/** For example `0.1.0`. */
export const readVersion = (): string => {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string' ? manifest.version : 'unknown'
}
