// One real PostgreSQL for a run of tests. The runner starts it once and hands its address to the test
// processes in the environment; a test file that is run alone starts its own. It has no durability, and it
// goes with the process that started it, even when that is killed.

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedDatabase, type EmbeddedDatabase } from '../../storage/embedded/database.ts'
import { parseDatabaseUrl } from '../../storage/url.ts'
import type { ConnectionSettings } from '../../storage/pool.ts'

/** What startTestServer hands on: a socket that lets each role in by itself. */
const variable = 'COFFER_TEST_DATABASE'
/** A superuser's URL on a server that somebody else started; roles are then taken on by SET ROLE. */
const urlVariable = 'COFFER_TEST_DATABASE_URL'

export interface TestServer {
  connectionFor(role: string, database: string): ConnectionSettings
}

/** For the runner: what to add to the environment of test processes, and how to end it. */
export const startTestServer = async (): Promise<{ env: Record<string, string>; stop(): Promise<void> }> => {
  const server = await startThrowaway()
  const { host, port } = server.connectionFor('postgres')
  return { env: { [variable]: JSON.stringify({ host, port }) }, stop: () => server.stop() }
}

/** The run's server when there is one, else this process's own. */
export const findTestServer = async (): Promise<TestServer> => {
  const [given, url] = [process.env[variable], process.env[urlVariable]]
  if (given !== undefined) {
    const { host, port } = JSON.parse(given) as { host: string; port: number } // written by startTestServer
    return { connectionFor: (user, database) => ({ host, port, user, database }) }
  }
  if (url !== undefined) {
    const settings = parseDatabaseUrl(url)
    return { connectionFor: (role, database) => ({ ...settings, database, ...(role === 'postgres' ? {} : { assumeRole: role }) }) }
  }
  const server = await startThrowaway()
  return { connectionFor: (role, database) => server.connectionFor(role, database) }
}

const startThrowaway = async (): Promise<EmbeddedDatabase> => {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'coffer-test-'))
  return startEmbeddedDatabase({
    dataDirectory,
    throwaway: true,
    log: (level, message) => {
      if (level === 'error') process.stderr.write(`${message}\n`)
    },
  })
}
