// Installs Debian packages for suites that need them: without questions, bounded in time, tried again when a mirror fails.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const fiveMinutes = 300_000
const attempts = 3

/** True where packages may be installed: as root on a Debian, as in a container or a CI machine. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/etc/debian_version') && existsSync('/usr/bin/apt-get')
}

function runApt(args: readonly string[]): boolean {
  const options = ['-q', '-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Options::=--force-confold']
  const result = spawnSync('apt-get', [...options, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: fiveMinutes,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  return result.status === 0
}

/** Whether it worked shows in the resource's `available()` afterwards. */
export function installPackages(...names: string[]): void {
  console.log(`installing ${names.join(', ')}`)
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    // The package lists of a fresh image are empty or old, so they are fetched once the first try has failed.
    if (attempt > 1) runApt(['update'])
    if (runApt(['install', ...names])) return
  }
}
