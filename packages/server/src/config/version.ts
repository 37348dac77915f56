// The release, from the package's own file: one place to change it.

import { readFileSync } from 'node:fs'

/** For example `0.1.0`. */
export const readVersion = (): string => {
  // Two levels up from src/config and from dist/config alike.
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string' ? manifest.version : 'unknown'
}
