// A Go toolchain, for suites that drive clients written in Go. It is never installed: where there is none they do not run.
import { spawnSync } from 'node:child_process'
import type { Resource } from './resources.ts'

function findGo(): string | undefined {
  return ['go', '/usr/local/go/bin/go'].find((path) => spawnSync(path, ['version']).status === 0)
}

export const go: Resource = {
  name: 'go',
  available: () => findGo() !== undefined,
  async start() {
    return { env: { COFFER_TEST_GO: findGo() ?? 'go' }, stop: async () => {} }
  },
}
