// A Python 3 that can make virtual environments; suites make their own and install what they need into it.
import { spawnSync } from 'node:child_process'
import { installPackages } from './debian.ts'
import type { Resource } from './resources.ts'

export function findPython(): string | undefined {
  return ['python3', '/usr/bin/python3'].find((path) => spawnSync(path, ['-c', 'import venv, ensurepip']).status === 0)
}

export const python3: Resource = {
  name: 'python3',
  available: () => findPython() !== undefined,
  install: () => installPackages('python3', 'python3-venv'),
  async start() {
    return { env: { COFFER_TEST_PYTHON: findPython() ?? 'python3' }, stop: async () => {} }
  },
}
