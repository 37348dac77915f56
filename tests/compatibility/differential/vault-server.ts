// A Vault of this test's own, in memory, on a port of loopback.

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { client } from '../../support/http.ts'
import { afterwards, type Scope } from '../../support/cleanup.ts'
import { until } from '../../support/wait.ts'
import type { Peer } from './run.ts'

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })

export const startVault = async (scope: Scope, binary: string, rootToken: string): Promise<Peer> => {
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(binary, ['server', '-dev', `-dev-listen-address=${address}`, `-dev-root-token-id=${rootToken}`, '-dev-no-store-token', '-log-level=error'], { env: { PATH: process.env['PATH'] ?? '', HOME: tmpdir() }, stdio: 'ignore' })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  afterwards(scope, async () => {
    child.kill('SIGTERM')
    await exited
  })
  const root = client(`http://${address}`, rootToken)
  // Its secret/ is mounted after it is unsealed.
  await until(async () => child.exitCode !== null || (await root.call('GET', '/v1/secret/config').catch(() => undefined))?.status === 200, 'Vault is ready')
  root.close()
  if (child.exitCode !== null) throw new Error('Vault ended instead of starting')
  return { address: `http://${address}`, rootToken }
}
