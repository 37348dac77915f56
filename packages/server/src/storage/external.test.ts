// An external PostgreSQL as an operator would run it: over TCP, with a password, its user not a superuser.
// COFFER_TEST_POSTGRES_BIN names a folder with initdb and postgres of another version to run this against.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findAccounts } from './embedded/account.ts'
import { findBinaries } from './embedded/binaries.ts'
import { run, spawnAs } from './embedded/process.ts'
import { listen } from './listen.ts'
import { checkSchema, loadMigrations, migrate } from './migrate.ts'
import { Pool } from './pool.ts'
import { prepareExternalDatabase } from './roles.ts'
import { checkServer } from './server-check.ts'
import { parseDatabaseUrl } from './url.ts'

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : assert.fail('no port')
}

/** Starts the server; resolves with a function from user and database to URL. The superuser is "operator". */
const startOperatorsServer = async (): Promise<(user: string, database: string) => string> => {
  const { database: account } = await findAccounts()
  const given = process.env['COFFER_TEST_POSTGRES_BIN']
  const { initdb, postgres } = given === undefined ? await findBinaries({ account, outside: '/var/lib/coffer', log: () => undefined }) : { initdb: join(given, 'initdb'), postgres: join(given, 'postgres') }
  const top = await mkdtemp(join(tmpdir(), 'coffer-external-'))
  after(() => rm(top, { recursive: true, force: true }))
  await chmod(top, 0o755)
  const passwordFile = join(top, 'password')
  await writeFile(passwordFile, 'p%ss:word/1\n')
  if (account.separate) for (const path of [top, passwordFile]) await chown(path, account.uid, account.gid)
  const data = join(top, 'data')
  const made = await run(account, initdb, ['-D', data, '-U', 'operator', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C', '--no-sync'])
  assert.ok(made.ok, made.output)
  const port = await freePort()
  const child = spawnAs(account, postgres, ['-D', data, '-c', `port=${port}`, '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='], { stdio: 'ignore' })
  after(async () => {
    child.kill('SIGQUIT')
    await once(child, 'exit')
  })
  const urlFor = (user: string, database: string): string => `postgresql://${user}:${encodeURIComponent('p%ss:word/1')}@127.0.0.1:${port}/${database}`
  const pool = new Pool(parseDatabaseUrl(urlFor('operator', 'postgres')), { max: 1 })
  for (let tries = 0; tries < 500; tries += 1) {
    if (await pool.query('select 1').then(() => true, () => false)) break
    await sleep(20)
  }
  await pool.close()
  return urlFor
}

const urlFor = await startOperatorsServer()
const operator = new Pool(parseDatabaseUrl(urlFor('operator', 'postgres')))
after(() => operator.close())

const makeUser = async (name: string, rights: string): Promise<Pool> => {
  await operator.query(`create role ${name} login ${rights} password 'p%ss:word/1'`)
  await operator.query(`create database db_${name} template template0`)
  await operator.query(`revoke all on database db_${name} from public`)
  await operator.query(`grant connect, temporary on database db_${name} to ${name}`)
  const pool = new Pool(parseDatabaseUrl(urlFor(name, `db_${name}`)))
  after(() => pool.close())
  return pool
}

test('a user who may not create roles is told what to grant, step by step, until it works', async () => {
  const user = await makeUser('modest', '')
  await assert.rejects(prepareExternalDatabase(user), (error: Error & { code?: string }) => error.code === 'storage.missing_privilege' && /CREATEROLE, or create these roles: coffer_owner/.test(error.message))
  await operator.query('alter role modest createrole')
  await assert.rejects(prepareExternalDatabase(user), (error: Error & { code?: string }) => error.code === 'storage.missing_privilege' && /CREATE on the database/.test(error.message))
  await operator.query('grant create on database db_modest to modest')
  await prepareExternalDatabase(user)
  await prepareExternalDatabase(user) // harmless again
})

test('it migrates, and runtime connections take on their roles with row-level security in force', async () => {
  const settings = parseDatabaseUrl(urlFor('modest', 'db_modest'))
  const migrator = new Pool(settings)
  const all = await loadMigrations()
  assert.equal((await migrate(migrator, all)).length, all.length)
  const app = new Pool({ ...settings, assumeRole: 'coffer_app' })
  const { rows } = await app.query(`select current_user::text as who, current_setting('search_path') as path`)
  assert.deepEqual(rows, [{ who: 'coffer_app', path: 'coffer,pg_temp' }])
  await checkSchema(app, all)
  assert.equal((await app.query('select secret_id from secrets')).count, 0)
  await assert.rejects(app.query('create table coffer.mine (n int)'), { kind: 'internal' })
  await app.query('reset role') // a session may not keep itself out of its role: RESET goes back to the one of the start
  assert.deepEqual((await app.query('select current_user::text as who')).rows, [{ who: 'coffer_app' }])

  let wakes = 0
  const listener = await listen({ ...settings, assumeRole: 'coffer_app' }, { channel: 'coffer_changes', onWake: () => (wakes += 1) })
  await app.query('notify coffer_changes')
  for (let tries = 0; wakes < 2 && tries < 500; tries += 1) await sleep(10)
  assert.equal(wakes, 2)
  await listener.close()
  await app.close()
  await migrator.close()
})

test('the server’s version and durability are checked, and everything wrong is said at once', async () => {
  const facts = await checkServer(operator)
  assert.ok(facts.major >= 15)
  assert.deepEqual([facts.standby, facts.synchronousReplication], [false, false])
  await operator.query('alter system set full_page_writes = off')
  await operator.query('alter system set synchronous_commit = off')
  await operator.query('select pg_reload_conf()')
  const fresh = new Pool(parseDatabaseUrl(urlFor('operator', 'postgres')))
  after(() => fresh.close())
  await assert.rejects(
    async () => {
      for (;;) await checkServer(fresh) // until the reload has arrived
    },
    (error: Error & { code?: string }) => error.code === 'storage.unfit_server' && /full_page_writes is off|synchronous_commit is off/.test(error.message),
  )
  await checkServer(fresh, { allowVolatile: true })
})

test('a wrong password is a refused login that names neither user nor password', async () => {
  const pool = new Pool({ ...parseDatabaseUrl(urlFor('operator', 'postgres')), password: 'wrong' })
  await assert.rejects(pool.query('select 1'), (error: Error & { code?: string }) => error.code === 'storage.login_refused' && !/operator|wrong/.test(error.message))
  await pool.close()
})
