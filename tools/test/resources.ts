// What suites need beyond Node, one entry each. Only what a selected suite names is installed and started; to add one,
// write its module beside this file and name it here.
import { consulTemplate } from './consul-template.ts'
import { database } from './database.ts'
import { externalPostgres } from './external-postgres.ts'
import { freeradius } from './freeradius.ts'
import { git } from './git.ts'
import { go } from './go.ts'
import { nodeClients } from './node-clients.ts'
import { openldap } from './openldap.ts'
import { curl, gpg, openssl } from './programs.ts'
import { pythonClients } from './python-clients.ts'
import { python3 } from './python3.ts'
import { vault } from './vault.ts'

export type Running = {
  /** Given to every suite. */
  env: Record<string, string>
  stop(): Promise<void>
}

export type Resource = {
  name: string
  /** A peer that no machine has of itself and no test run can make: where it is not, its suites are left out, even when all must run. */
  isOptional?: true
  /** Can it be started on this machine as it is? */
  available(): boolean
  /** Puts it on the machine; called only as root on Debian, and only when it is not there. */
  install?(): void
  start(): Promise<Running>
}

export const resources: readonly Resource[] = [consulTemplate, curl, database, externalPostgres, freeradius, git, gpg, openssl, python3, pythonClients, go, nodeClients, openldap, vault]
