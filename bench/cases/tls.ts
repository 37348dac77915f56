// Reveals over TLS 1.3 with an ECDSA P-256 certificate: on connections that are kept, and on a new one for each request, which
// resumes the session of the last.

import { certificateAuthority, makeCertificate } from '../lib/certificate.ts'
import { portOf, type Case } from '../lib/context.ts'
import { clientCores, serverCores } from '../lib/machine.ts'
import { makeReader, seed } from '../lib/seed.ts'
import { startServer } from '../lib/server.ts'
import { kvReads } from './reads.ts'

export const tls: Case = {
  name: 'tls',
  async run({ settings, vault, measure }) {
    const server = await startServer({ port: 8692, cores: serverCores, databaseCores: clientCores, tls: makeCertificate() })
    try {
      await seed(server.origin)
      const token = await makeReader(server.origin)
      const common = { connections: 64, ca: certificateAuthority() }
      for (let run = 0; run < settings.runs; run++) {
        for (const [kind, isFresh] of [['kept connections', false], ['new connections', true]] as const) {
          await measure(`reveal, KV v2, TLS 1.3, 64 ${kind}`, { ...common, port: portOf(server.origin), requests: kvReads(token), pid: server.worker().pid, isFresh })
          if (vault !== undefined) await measure(`Vault 1.21 KV v2 read, TLS 1.3, 64 ${kind}`, { ...common, port: portOf(vault.secureOrigin), requests: kvReads(vault.token), pid: vault.process.pid, isFresh })
        }
      }
    } finally {
      await server.stop()
    }
  },
}
