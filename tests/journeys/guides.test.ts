// needs: curl
// The guides tell the truth: every command in them is run, in order, and prints what is written there. Each guide has a
// server of its own, and a person with `coffer` on the path.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { afterwards } from '../support/cleanup.ts'
import { comparable, stepsOf } from '../support/console.ts'
import { exchange } from '../support/http.ts'
import { coffer, repository, scratchDirectory, startDevServer } from '../support/server.ts'
import { until } from '../support/wait.ts'

interface Shell {
  readonly folder: string
  run(command: string): Promise<{ readonly code: number | null; readonly shown: string }>
}

/** Exported variables last from one command to the next, as in a terminal. */
const openShell = (t: TestContext, variables: Readonly<Record<string, string>>): Shell => {
  const folder = scratchDirectory(t)
  symlinkSync(coffer, join(folder, 'coffer'))
  writeFileSync(join(folder, '.exported'), '')
  const env = { HOME: folder, PATH: `${folder}:${process.env['PATH'] ?? ''}`, LANG: 'C.UTF-8', ...variables }
  const run: Shell['run'] = (command) =>
    new Promise((resolve, reject) => {
      const child = spawn('/bin/sh', ['-c', `exec 2>&1\n. ./.exported\n${command}\ncode=$?\nexport -p > .exported\nexit $code`], { cwd: folder, env, stdio: ['ignore', 'pipe', 'ignore'] })
      let shown = ''
      child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, shown }))
    })
  return { folder, run }
}

/** Commands show errors on purpose; what they print is the judgement. */
const follow = async (guide: string, shell: Shell, more: { readonly edit?: (text: string) => string; readonly address?: string } = {}): Promise<void> => {
  const steps = stepsOf((more.edit ?? ((text) => text))(readFileSync(join(repository, 'docs', 'guides', guide), 'utf8')))
  assert.ok(steps.length > 5)
  for (const { command, output } of steps) {
    const { shown } = await shell.run(command)
    assert.equal(comparable(shown), comparable(output), `${guide}: ${command}`)
    // A guide waits for as long as it takes on an idle machine.
    if (command.startsWith('sleep') && more.address !== undefined) await untilShipped(more.address)
  }
}

const untilShipped = (address: string): Promise<void> =>
  until(async () => /^coffer_audit_backlog_frames\S* 0$/m.test((await exchange(address, 'GET', '/metrics')).text), 'all records have been shipped')

for (const guide of ['secrets.md', 'tokens-and-roles.md', 'audit.md', 'logins.md', 'identity.md']) {
  test(guide, async (t) => {
    const { server, rootToken } = await startDevServer(t)
    await follow(guide, openShell(t, { COFFER_ADDR: server.address, COFFER_TOKEN: rootToken }), { address: server.address })
  })
}

/** Ports of the guides may be somebody else's on this machine. */
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // it listens on TCP
  server.close()
  return port
}

test('operations.md', async (t) => {
  const address = `127.0.0.1:${await freePort()}`
  const shell = openShell(t, { COFFER_ADDR: `http://${address}`, COFFER_GRPC_LISTEN: '127.0.0.1:0', COFFER_AUDIT_ALLOW_EPHEMERAL: 'true' })
  afterwards(t, async () => void (await shell.run('kill "$(cat pid)"; while kill -0 "$(cat pid)"; do sleep 0.1; done')))
  await follow('operations.md', shell, { edit: (text) => text.replaceAll('127.0.0.1:8200', address) })
})
