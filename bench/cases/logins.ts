// Logins by AppRole: with service tokens, with batch tokens, and inline, where a read logs in by its own headers.

import { makeApprole, type Approle } from '../lib/approle.ts'
import { portOf, type Bench, type Case } from '../lib/context.ts'

const CONNECTIONS = 64
const made = new WeakMap<Bench, { readonly ours: Approle; readonly vaults: Approle | undefined }>()

/** Roles are made once, whatever the number of runs. */
const rolesOf = async (bench: Bench): Promise<{ readonly ours: Approle; readonly vaults: Approle | undefined }> => {
  const known = made.get(bench)
  if (known !== undefined) return known
  const { server, vault } = bench
  const roles = { ours: await makeApprole(server.origin, server.root), vaults: vault === undefined ? undefined : await makeApprole(vault.origin, vault.root) }
  made.set(bench, roles)
  return roles
}

export const logins: Case = {
  name: 'logins',
  async run(bench) {
    const { ours, vaults } = await rolesOf(bench)
    const { server, vault } = bench
    const here = { port: portOf(server.origin), connections: CONNECTIONS, pid: server.worker().pid }
    const there = vault === undefined ? undefined : { port: portOf(vault.origin), connections: CONNECTIONS, pid: vault.process.pid }
    for (const kind of ['service', 'batch'] as const) {
      await bench.measure(`login, ${kind} token, 64 connections`, { ...here, requests: ours[kind] })
      if (there !== undefined && vaults !== undefined) await bench.measure(`Vault 1.21 login, ${kind} token, 64 connections`, { ...there, requests: vaults[kind] })
    }
    await bench.measure('login inline with a read, 64 connections', { ...here, requests: ours.inline })
  },
}
