// Git, and a working copy to clone: an unpacked archive of the sources has none.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { installPackages } from './debian.ts'
import type { Resource } from './resources.ts'

const root = dirname(dirname(import.meta.dirname))

export const git: Resource = {
  name: 'git',
  available: () => existsSync(join(root, '.git')) && spawnSync('git', ['--version']).status === 0,
  install: () => installPackages('git'),
  async start() {
    return { env: {}, stop: async () => {} }
  },
}
