// Python clients of other products, in a virtual environment of this run: exactly the versions of
// tests/compatibility/python/requirements.txt.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findPython, python3 } from './python3.ts'
import type { Resource } from './resources.ts'

const requirements = join(dirname(dirname(import.meta.dirname)), 'tests', 'compatibility', 'python', 'requirements.txt')
const attempts = 3

function run(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 }).status === 0
}

export const pythonClients: Resource = {
  name: 'python-clients',
  available: python3.available,
  ...(python3.install === undefined ? {} : { install: python3.install }),
  async start() {
    const folder = mkdtempSync(join(tmpdir(), 'coffer-python-'))
    const stop = async (): Promise<void> => rmSync(folder, { recursive: true, force: true })
    const python = join(folder, 'bin', 'python')
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', requirements]
    let installed = run(findPython() ?? 'python3', ['-m', 'venv', folder])
    for (let attempt = 1; installed && !run(python, pip); attempt += 1) installed = attempt < attempts
    if (installed) return { env: { COFFER_TEST_PYTHON_CLIENTS: python }, stop }
    await stop()
    throw new Error('the Python clients could not be installed')
  },
}
